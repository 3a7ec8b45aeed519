"""SQuAD's own figures, for one row: exact match and F1 over words, after its normalisation.

Source: ``normalize_answer``, ``compute_exact`` and ``compute_f1`` of SQuAD 2.0's evaluation script (Rajpurkar et al.
2018, arXiv 1806.03822), which agree with 1.1's wherever an answer has a word.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

PUNCTUATION = str.maketrans("", "", string.punctuation)
ARTICLES = re.compile(r"\b(a|an|the)\b")


def normal(text: str) -> str:
    """Lower case, without punctuation and articles, white space as single spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def compare(text: str, right: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of `text`, each against the best of the `right` answers; none stands for the empty one."""
    wanted = [answer for answer in right if normal(answer)] or [""]
    return max(_exact(text, answer) for answer in wanted), max(_f1(text, answer) for answer in wanted)


def _exact(text: str, answer: str) -> float:
    return float(normal(text) == normal(answer))


def _f1(text: str, answer: str) -> float:
    words, wanted = normal(text).split(), normal(answer).split()
    if not words or not wanted:
        return float(words == wanted)
    shared = (Counter(words) & Counter(wanted)).total()
    return 2 * shared / (len(words) + len(wanted))
