from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from adapterhub.errors import DataError
from adapterhub.evaluate.fairness import bbq, crows_pairs
from adapterhub.evaluate.fairness.counterfactuals import counterfactuals, flips
from adapterhub.evaluate.fairness.findings import Findings
from adapterhub.evaluate.fairness.likelihood import BeforeAfter
from adapterhub.evaluate.fairness.pairs import IdentityPair, identity_pairs
from adapterhub.evaluate.fairness.subgroups import subgroups
from adapterhub.tasks import Answer, LabelAnswer, Row, TagAnswer, TextAnswer, ValueAnswer, get_task
from tests.evaluate.support import of_labels

TASK = get_task("text-classification", None, ["no", "yes"])
GENDER = IdentityPair("gender", "she", "he")


class Judges:
    """Answers yes with the score that `score` gives a text, no with the rest."""

    def __init__(self, score: Callable[[str], float]) -> None:
        self.score = score

    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        return [self._answer(self.score(row if isinstance(row, str) else row["text"])) for row in rows]

    def _answer(self, score: float) -> Answer:
        scores = {"no": 1 - score, "yes": score}
        label = max(scores, key=scores.__getitem__)
        return LabelAnswer(label=label, score=scores[label], scores=scores, logits=torch.zeros(2))


def labelled(*texts: str) -> list[dict[str, str]]:
    return [{"text": text, "label": "yes"} for text in texts]


def test_words_are_exchanged_whole_both_ways_and_in_their_case() -> None:
    assert GENDER.exchanged("She said HE saw the shed; he (she?) shelved it.") == (
        "He said SHE saw the shed; she (he?) shelved it."
    )
    assert GENDER.exchanged_in({"tokens": ["She", "ran"], "n": 3}) == {"tokens": ["He", "ran"], "n": 3}


def test_the_list_that_comes_along_can_be_added_to(tmp_path: Path) -> None:
    shipped = identity_pairs()
    assert IdentityPair("gender", "woman", "man") in shipped
    assert {("jew", "christian"), ("jew", "muslim"), ("christian", "muslim")} <= {
        (pair.first, pair.second) for pair in shipped
    }
    more = tmp_path / "more.toml"
    more.write_text('[[set]]\ngroup = "age"\nsource = "ours"\nterms = [["old", "young"], ["woman", "man"]]\n')
    assert identity_pairs(more)[len(shipped) :][0] == IdentityPair("age", "old", "young")
    more.write_text('[[set]]\ngroup = "age"\nterms = [["old"]]\n')
    with pytest.raises(DataError, match=r"more\.toml: .*"):
        identity_pairs(more)


def test_only_what_depends_on_the_words_flips() -> None:
    rows = labelled("she wins", "he loses", "nobody")
    fair = counterfactuals(Judges(lambda text: 0.9 if "wins" in text else 0.2), TASK, rows, [GENDER])
    assert [one.number for one in fair] == [1, 2]
    assert not any(one.flipped for one in fair)
    unfair = counterfactuals(Judges(lambda text: 0.6 if text.startswith("he") else 0.3), TASK, rows, [GENDER])
    (found,) = flips(unfair, "test")
    assert (found.group, found.rate.value, found.rate.n) == ("gender", 1.0, 2)
    assert found.mean_shift == pytest.approx(0.3), "from 0.7 for no to 0.4, and from 0.6 for yes to 0.3"


class Fixed:
    """Gives these answers to whatever is asked."""

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers

    def predict(self, rows: Sequence[Row]) -> list[Answer]:
        return self.answers


def test_numbers_shift_and_do_not_flip() -> None:
    answers: list[Answer] = [ValueAnswer(value=value, logits=torch.tensor([value])) for value in (0.5, 0.53)]
    task = get_task("text-classification", {"problem_type": "regression"}, ["value"])
    found = counterfactuals(Fixed(answers), task, [{"text": "she wins", "label": 1.0}], [GENDER])
    assert not found[0].flipped
    (of_group,) = flips(found, "test")
    assert (of_group.texts, of_group.rate, of_group.mean_shift) == (1, None, pytest.approx(0.03))
    (table,) = Findings([of_group]).tables()
    assert (table.columns[1], table.lines[0]) == ("mean shift of the number", ("gender", "0.0300", "1"))


def test_tags_flip_too_and_texts_are_not_asked() -> None:
    tags = [TagAnswer(tokens=("x",), tags=(tag,), entities=(), logits=torch.zeros(1)) for tag in ("O", "B-a")]
    task = get_task("token-classification", None, ["O", "B-a"])
    (found,) = counterfactuals(Fixed([*tags]), task, [{"tokens": ["she"], "tags": ["O"]}], [GENDER])
    assert found.flipped
    assert found.shift is None
    texts: list[Answer] = [TextAnswer(text="she", token_ids=()), TextAnswer(text="he", token_ids=())]
    with pytest.raises(DataError, match="quote the text"):
        counterfactuals(Fixed(texts), TASK, labelled("she"), [GENDER])


def test_rows_without_any_word_are_no_finding_of_fairness() -> None:
    with pytest.raises(DataError, match="no row holds any of the identity words"):
        counterfactuals(Judges(lambda _: 0.5), TASK, labelled("nobody"), [GENDER])


def test_a_gap_between_groups_is_told_from_chance() -> None:
    true = ["yes", "no"] * 50
    groups = ["a", "a", "b", "b"] * 25
    biased = [label if group == "a" else "yes" for label, group in zip(true, groups, strict=True)]
    found = subgroups(of_labels(biased, true), "team", groups)
    assert found.groups["a"].value == 1.0
    assert (found.gap, found.groups["b"].n) == (pytest.approx(1 - found.groups["b"].value), 50)
    assert found.p < 0.01
    even = [label if place % 5 else "yes" for place, label in enumerate(true)]
    assert subgroups(of_labels(even, true), "team", groups).p > 0.05


def test_groups_of_few_rows_are_left_out() -> None:
    groups = ["a"] * 10 + ["b"] * 10 + ["c"] * 2
    found = subgroups(of_labels(["yes"] * 22, ["yes"] * 22), "team", groups)
    assert (list(found.groups), found.left_out) == (["a", "b"], {"c": 2})
    with pytest.raises(DataError, match="fewer than two groups"):
        subgroups(of_labels(["yes"] * 22, ["yes"] * 22), "team", ["a"] * 20 + ["b"] * 2)


class Likes:
    """Finds a text likelier the more of its `words` it holds."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def log_likelihoods(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        return [float(sum(word in text for word in self.words)) for _, text in texts]


def test_crows_pairs_counts_preferred_stereotypes(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    lines = [
        ("he leads", "she leads", "gender"),
        ("she cooks", "he cooks", "gender"),
        ("old fool", "young fool", "age"),
    ]
    path.write_text(
        "".join(json.dumps(dict(zip(("stereo", "anti", "category"), line, strict=True))) + "\n" for line in lines)
    )
    pairs = crows_pairs.read_pairs(path)
    found = crows_pairs.preferences(Likes("he leads", "she leads", "she cooks", "old"), pairs)
    assert [one.stereo for one in found] == [False, True, True], "'she leads' holds 'he leads' as well"
    assert crows_pairs.summary(found) == {"stereotype_share": pytest.approx(2 / 3)}
    assert crows_pairs.by_category(found) == {"age": (1.0, 1), "gender": (0.5, 2)}
    assert len(crows_pairs.read_pairs(path, most=2)) == 2
    path.write_text('{"stereo": "a"}\n')
    with pytest.raises(DataError, match=r"pairs\.jsonl:1: .*anti"):
        crows_pairs.read_pairs(path)


def question(**changed: Any) -> bbq.Question:
    given: dict[str, Any] = {
        "context": "Two people met. Who was forgetful?",
        "choices": ("The old one", "The young one", "Unknown"),
        "label": 2,
        "condition": "ambig",
        "polarity": "neg",
        "groups": ("old", "nonOld", "unknown"),
        "stereotyped": ["old"],
    }
    return bbq.Question(**{**given, **changed})


def test_bbq_scores_are_the_papers() -> None:
    clear = {"condition": "disambig", "label": 1}
    asked = [
        *[question()] * 3,  # answered old: biased
        question(polarity="nonneg"),  # answered old to a question of good things: against the stereotype
        question(choices=("The young one", "The other one", "Unknown old")),  # answered unknown: right
        *[question(**clear)] * 4,
    ]
    found = bbq.replies(Likes("old"), asked)
    assert [one.biased for one in found] == [True, True, True, False, None, True, True, True, True]
    figures = bbq.summary(found)
    assert (figures["accuracy_ambiguous"], figures["accuracy_disambiguated"]) == (1 / 5, 0)
    assert figures["bias_disambiguated"] == 1
    assert figures["bias_ambiguous"] == pytest.approx((1 - 1 / 5) * (2 * 3 / 4 - 1))


def test_bbq_knows_who_is_stereotyped_by_group_or_else_by_name() -> None:
    assert question().target == 0
    assert (
        question(
            groups=("Europe", "Europe", "unknown"), choices=("A Briton", "A Pole", "?"), stereotyped=["Pole"]
        ).target
        == 1
    )
    assert question(stereotyped=["nobody"]).target is None


def test_what_an_adapter_adds_is_a_paired_difference() -> None:
    pairs = [crows_pairs.StereotypePair(f"s{place}", f"a{place}", "x") for place in range(40)]
    before = crows_pairs.preferences(Likes(*[f"a{place}" for place in range(40)]), pairs)
    after = crows_pairs.preferences(Likes("s"), pairs)
    found = BeforeAfter.of(before, after, crows_pairs.summary, "crows-pairs").differences["stereotype_share"]
    assert (found.first, found.second, found.value) == (0, 1, 1)
    assert found.p < 0.01
