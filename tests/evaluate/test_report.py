from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from adapterhub.errors import DataError
from adapterhub.evaluate import Evaluation
from adapterhub.evaluate.predictions import PREDICTIONS, read_predictions
from adapterhub.evaluate.report import Report, write_report
from adapterhub.tasks import ChoiceAnswer, LabelsAnswer, SpanAnswer, TagAnswer, ValueAnswer, get_task
from tests.evaluate.support import of_labels

TRUE = ["a", "a", "a", "b", "b", "c"]
PREDICTED = ["a", "a", "b", "b", "a", "d"]


def tags(*words: str) -> TagAnswer:
    return TagAnswer(tokens=words, tags=words, entities=(), logits=torch.zeros(1))


def of_tags(answered: list[list[str]], right: list[list[str]]) -> Evaluation:
    task = get_task("token-classification", None, sorted({tag for line in right for tag in line}))
    rows = [{"tokens": ["w"] * len(line), "tags": line} for line in right]
    return Evaluation(task, rows, [tags(*line) for line in answered])


def test_classes_have_the_figures_that_their_definition_gives() -> None:
    classes = {one.label: one for one in Report.of(of_labels(PREDICTED, TRUE)).classes}
    assert list(classes) == ["a", "b", "c", "d"]
    a = classes["a"]
    assert (a.precision, a.recall, a.support) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert (classes["c"].recall, classes["c"].support) == (0, 1)
    assert (classes["d"].precision, classes["d"].support) == (0, 0), "a class that no reference has is a mistake"


def test_confusion_counts_what_was_taken_for_what() -> None:
    table = Report.of(of_labels(PREDICTED, TRUE)).confusion
    assert table is not None
    assert table.labels == ("a", "b", "c", "d")
    assert table.counts == ((2, 1, 0, 0), (1, 1, 0, 0), (0, 0, 0, 1), (0, 0, 0, 0))
    assert table.mistakes(2) == [("a", "b", 1), ("b", "a", 1)]


def test_entities_count_whole_and_words_by_type() -> None:
    right = [["B-person", "I-person", "O", "B-place"]]
    report = Report.of(of_tags([["B-person", "O", "O", "B-place"]], right))
    figures = {one.label: (one.precision, one.recall, one.support) for one in report.classes}
    assert figures == {"person": (0, 0, 1), "place": (1, 1, 1)}, "half of an entity is none"
    assert report.confusion is not None
    assert report.confusion.labels == ("O", "person", "place")
    assert report.confusion.counts[1] == (1, 1, 0)


def test_tags_that_spell_no_entities_are_classes_of_words() -> None:
    report = Report.of(of_tags([["NOUN", "VERB"]], [["NOUN", "NOUN"]]))
    assert {one.label: (one.precision, one.recall) for one in report.classes} == {"NOUN": (1, 0.5), "VERB": (0, 0)}


def test_several_labels_each_have_figures_and_no_confusion() -> None:
    task = get_task("text-classification", {"problem_type": "multi_label_classification"}, ["x", "y"])
    rows = [{"text": "1", "labels": ["x", "y"]}, {"text": "2", "labels": []}]
    answers = [
        LabelsAnswer(labels=("x",), scores={"x": 0.9, "y": 0.2}, logits=torch.zeros(2)),
        LabelsAnswer(labels=("x",), scores={"x": 0.8, "y": 0.1}, logits=torch.zeros(2)),
    ]
    report = Report.of(Evaluation(task, rows, answers))
    figures = {one.label: (one.precision, one.recall, one.support) for one in report.classes}
    assert figures == {"x": (0.5, 1, 1), "y": (0, 0, 1)}
    assert report.confusion is None
    assert report.calibration is not None
    assert report.calibration.count == 4, "each label counts with its own probability"


def test_calibration_is_guo_et_als_error() -> None:
    # 10 answers at 0.95 of which 8 are right, 10 at 0.61 of which 7 are: (|0.8 - 0.95| + |0.7 - 0.61|) / 2
    right = ["a"] * 8 + ["b"] * 2 + ["a"] * 7 + ["b"] * 3
    measured = Report.of(of_labels(["a"] * 20, right, [0.95] * 10 + [0.61] * 10)).calibration
    assert measured is not None
    assert measured.error == pytest.approx((0.15 + 0.09) / 2)
    assert [(one.count, one.accuracy) for one in measured.bins] == [(10, 0.7), (10, 0.8)]
    assert all(one.low < one.confidence <= one.high for one in measured.bins)


def test_numbers_have_neither_classes_nor_scores() -> None:
    task = get_task("text-classification", {"problem_type": "regression"}, ["value"])
    answers = [ValueAnswer(value=1.5, logits=torch.zeros(1)), ValueAnswer(value=0.5, logits=torch.zeros(1))]
    report = Report.of(Evaluation(task, [{"text": "a", "label": 1.0}, {"text": "b", "label": 0.0}], answers))
    assert (report.classes, report.confusion, report.calibration) == ((), None, None)


def test_what_is_kept_gives_the_same_figures_again(tmp_path: Path) -> None:
    made = of_labels(PREDICTED, TRUE, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    write_report(tmp_path, made, Report.of(made), {"adapter": "acme/x@1.0.0"})
    again = read_predictions(tmp_path)
    assert Report.of(again) == Report.of(made)
    assert [dict(row) for row in again.rows] == list(made.rows)


KINDS: list[tuple[Any, dict[str, Any], Any]] = [
    (
        get_task("question-answering"),
        {"question": "q", "context": "a b", "answers": {"text": ["b"], "answer_start": [2]}},
        SpanAnswer(text="", start=None, end=None, score=0.4, logits=()),
    ),
    (
        get_task("multiple-choice"),
        {"question": "q", "choices": ["a", "b"], "label": 1},
        ChoiceAnswer(choice="b", index=1, score=0.7, scores=(0.3, 0.7), logits=torch.zeros(2)),
    ),
    (
        get_task("text-classification", {"problem_type": "multi_label_classification"}, ["x"]),
        {"text": "t", "labels": ["x"]},
        LabelsAnswer(labels=("x",), scores={"x": 0.9}, logits=torch.zeros(1)),
    ),
    (get_task("token-classification", None, ["O"]), {"tokens": ["t"], "tags": ["O"]}, tags("O")),
]


@pytest.mark.parametrize(("task", "row", "answer"), KINDS, ids=lambda one: getattr(one, "name", ""))
def test_answers_of_every_kind_are_read_again(task: Any, row: dict[str, Any], answer: Any, tmp_path: Path) -> None:
    made = Evaluation(task, [row], [answer])
    write_report(tmp_path, made, Report.of(made), {})
    assert read_predictions(tmp_path).metrics == made.metrics


def test_figures_are_pictures_and_the_same_each_time(tmp_path: Path) -> None:
    made = of_labels(PREDICTED, TRUE, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    drawn = write_report(tmp_path / "one", made, Report.of(made), {})
    assert [path.name for path in drawn] == ["confusion.png", "reliability.png"]
    for path in drawn:
        with Image.open(path) as picture:
            assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 10, "something is drawn"
    again = write_report(tmp_path / "two", made, Report.of(made), {})
    assert [path.read_bytes() for path in drawn] == [path.read_bytes() for path in again]


def test_what_is_not_kept_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no evaluation is kept there"):
        read_predictions(tmp_path)
    made = of_labels(PREDICTED, TRUE)
    write_report(tmp_path, made, Report.of(made), {})
    (tmp_path / PREDICTIONS).write_text('{"row": {}}\n', encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        read_predictions(tmp_path)
