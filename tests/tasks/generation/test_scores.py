"""Figures agree with the field's own programs over the same texts, and with an interval each."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

from adapterhub.errors import DataError, RecipeError
from adapterhub.evaluate import Evaluation
from adapterhub.evaluate.perplexity import Likelihood, measured_perplexity, perplexity
from adapterhub.tasks import TextAnswer, get_task
from adapterhub.tasks.generation.text_to_sql import normal

TEXTS = ["Der Hund ist groß.", "Ich habe keine Zeit mehr.", "Ja"]
RIGHT = ["Der Hund ist sehr groß.", "Ich habe Zeit.", "Ja"]


def answers(texts: list[str]) -> list[Any]:
    return [TextAnswer(text=f" {text}\n", token_ids=()) for text in texts]


def test_bleu_and_chrf_are_sacrebleu_s() -> None:
    task = get_task("translation")
    figures = task.metrics(answers(TEXTS), RIGHT)
    assert figures["bleu"] == pytest.approx(sacrebleu.corpus_bleu(TEXTS, [RIGHT]).score)
    assert figures["chrf"] == pytest.approx(sacrebleu.corpus_chrf(TEXTS, [RIGHT]).score)
    assert 0 < figures["bleu"] < figures["chrf"] < 100
    rows = [{"source": "", "target": text} for text in RIGHT]
    interval = Evaluation(task, rows, answers(TEXTS)).metrics["chrf"]
    assert interval.low < figures["chrf"] < interval.high


def test_the_best_of_several_summaries_counts() -> None:
    task = get_task("summarization")
    rows = [{"target": "cats sleep", "references": ["dogs bark loudly", "the cat sleeps"]}, {"target": "it rains"}]
    figures = task.metrics(answers(["the cats sleep", "it rains"]), task.references(rows))
    assert figures == pytest.approx({"rouge1": 1.0, "rouge2": 1.0, "rougeL": 1.0})  # stems agree
    rows[0]["references"] = ["dogs bark loudly"]
    assert task.metrics(answers(["the cats sleep", "it rains"]), task.references(rows))["rouge1"] == 0.5


def test_a_query_is_right_to_the_letter() -> None:
    assert normal("SELECT  A\nFROM b ;") == normal("select a from B;") == "select a from b"
    task = get_task("text-generation", {"problem_type": "text-to-sql"})
    assert task.metrics(answers(["select a", "select a"]), ["SELECT a ;", "SELECT ab"]) == {"exact_match": 0.5}


def test_a_judge_says_whether_a_text_is_of_its_kind(tmp_path: Path) -> None:
    rows = [{"text": f"{word} {number}", "label": word} for word in ("fire", "joke") for number in range(4)]
    (tmp_path / "judge.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    task = get_task("text-generation", {"problem_type": "controlled", "judge": str(tmp_path / "judge.jsonl")})
    assert task.labels_of(rows) == []
    written = answers(["a fire", "my fire", "my fire", ""])
    assert task.metrics(written, ["fire", "fire", "joke", "joke"]) == {"control_accuracy": 0.5, "distinct": 0.75}
    with pytest.raises(DataError, match="has no row of 'hello'"):
        task.labels_of([{"text": "hello", "label": "hello"}])
    with pytest.raises(RecipeError, match="judge"):
        get_task("text-generation", {"problem_type": "controlled"})


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a fire": "fire", "my fire": "fire"}, r"every text of \S+poor\.jsonl is of one kind, 'fire'"),
        ({"!": "fire", "?": "joke"}, r"no judge can be fitted to \S+poor\.jsonl: empty vocabulary"),
    ],
)
def test_a_file_that_teaches_a_judge_nothing_is_refused(texts: dict[str, str], message: str, tmp_path: Path) -> None:
    rows = [{"text": text, "label": label} for text, label in texts.items()]
    (tmp_path / "poor.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    task = get_task("text-generation", {"problem_type": "controlled", "judge": str(tmp_path / "poor.jsonl")})
    with pytest.raises(DataError, match=message):
        task.labels_of(rows)


def test_perplexity_is_over_tokens_not_rows() -> None:
    rows = [Likelihood(3.0, 3), Likelihood(7.0, 1)]
    assert perplexity(rows)["perplexity"] == pytest.approx(2.718281828459045**2.5)
    figure = measured_perplexity(rows, "test")["perplexity"]
    assert figure.low == pytest.approx(2.718281828459045) and figure.n == 2


@pytest.mark.filterwarnings("error")
def test_a_perplexity_beyond_all_numbers_is_infinite_and_so_is_its_interval() -> None:
    lost = measured_perplexity([Likelihood(800.0, 1)] * 2, "test")["perplexity"]
    assert (lost.low, lost.value, lost.high) == (math.inf, math.inf, math.inf)
    half = measured_perplexity([Likelihood(0.0, 1), Likelihood(1600.0, 1)], "test")["perplexity"]
    assert (half.low, half.value, half.high) == (1.0, math.inf, math.inf)
