"""Real questions for the demo: the first line of each conversation in the package ``chatterbot-corpus`` (BSD-3).

The corpus has one YAML file a topic. Most of its conversations repeat a question with another answer, so what is kept
is each question once: 10 of the 1,050 lines of tech_support, for one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import distribution
from pathlib import Path

import yaml

TECHNICAL = {"ai", "coding", "computers", "tech_support"}
SMALL_TALK = {"botprofile", "conversations", "emotion", "gossip", "greetings", "humor", "psychology"}
FEWEST = 20  # questions that a topic needs to be learned, and to be measured on


def write_questions(folder: Path) -> None:
    """Write the three files of JSON lines that the demo's recipes name.

    ``topics.jsonl`` has a question and its topic, ``topics-first.jsonl`` every third line of it (what there was to
    learn from before more came in), ``kinds.jsonl`` whether a question is technical or small talk.
    """
    questions = read_corpus()
    topics = [
        {"text": text, "label": topic} for topic, texts in questions.items() if len(texts) >= FEWEST for text in texts
    ]
    kinds = [
        {"text": text, "label": "technical" if topic in TECHNICAL else "small talk"}
        for topic in sorted(TECHNICAL | SMALL_TALK)
        for text in questions[topic]
    ]
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "topics.jsonl", topics)
    _write(folder / "topics-first.jsonl", topics[::3])
    _write(folder / "kinds.jsonl", kinds)


def read_corpus() -> dict[str, list[str]]:
    """Topic -> its different questions, in the corpus's order. A question belongs to the first topic that has it."""
    files = distribution("chatterbot-corpus").files or []
    seen: set[str] = set()
    corpus: dict[str, list[str]] = {}
    for file in sorted(path for path in files if path.match("data/english/*.yml")):
        topic = corpus.setdefault(file.stem, [])
        for conversation in yaml.safe_load(file.read_text(encoding="utf-8"))["conversations"]:
            question = str(conversation[0]).strip()
            if question.casefold() not in seen:
                seen.add(question.casefold())
                topic.append(question)
    return corpus


def _write(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    write_questions(Path(sys.argv[1]))
