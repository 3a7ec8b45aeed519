"""Spans: how contexts are cut, where answers are found again, and which span is answered."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from adapterhub.errors import DataError, RequestError
from adapterhub.tasks import SpanAnswer, Task, get_task
from adapterhub.tasks.data import read_rows

CONTEXT = "my printer  is on fire, and the computer is not working; tell me a joke. " * 3
OPTIONS = {"max_length": 24, "stride": 6, "max_answer_tokens": 5}


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_base)


def task(**options: Any) -> Task:
    return get_task("question-answering", {**OPTIONS, **options})


def row(text: str, start: int, context: str = CONTEXT) -> dict[str, Any]:
    answers = {"text": [text], "answer_start": [start]}
    return {"question": "what is on fire", "context": context, "answers": answers}


def test_windows_cover_the_context_and_share_the_stride(tokenizer: Any) -> None:
    (windows,) = task().encode([{"question": "what is on fire", "context": CONTEXT}], tokenizer)
    assert len(windows) > 3
    assert all(len(one.input_ids) <= 24 and one.token_type_ids is None and not one.truncated for one in windows)
    assert {tokenizer.decode(one.input_ids[:6]) for one in windows} == {"[CLS] what is on fire [SEP]"}
    spans = [[span for span in one.state.spans if span] for one in windows]
    for before, after in itertools.pairwise(spans):
        assert before[-6:] == after[:6]
    covered = {character for part in spans for start, end in part for character in range(start, end)}
    assert all(CONTEXT[place].isspace() for place in range(len(CONTEXT)) if place not in covered)


@pytest.mark.parametrize("text", ["printer", "fire, and", "working; tell me", "my", "a joke."])
def test_a_trained_answer_is_found_again_where_its_window_holds_it(text: str, tokenizer: Any) -> None:
    starts = [start for start in range(len(CONTEXT)) if CONTEXT.startswith(text, start)]
    held = 0
    for start in starts:
        (windows,) = task().encode([row(text, start)], tokenizer, with_labels=True)
        for one in windows:
            assert isinstance(one.labels, list)
            first, last = one.labels
            seen = [span for span in one.state.spans if span]
            if seen[0][0] <= start and start + len(text) <= seen[-1][1]:
                held += 1
                assert (one.state.spans[first][0], one.state.spans[last][1]) == (start, start + len(text))
            else:
                assert (first, last) == (0, 0)
    assert held >= len(starts)


def test_the_best_span_of_all_windows_equals_trying_them_all(tokenizer: Any) -> None:
    chooser = task()
    (windows,) = chooser.encode([{"question": "what is on fire", "context": CONTEXT}], tokenizer)
    for seed in range(20):
        torch.manual_seed(seed)
        logits = [3 * torch.randn(len(one.input_ids), 2) for one in windows]
        tried = {}
        for place, (scores, one) in enumerate(zip(logits, windows, strict=True)):
            spans = one.state.spans
            for first in range(len(spans)):
                for last in range(first, min(first + 5, len(spans))):
                    if spans[first] and spans[last]:
                        key = (place, spans[first][0], spans[last][1])
                        tried[key] = float(scores[first, 0] + scores[last, 1])
        best = max(tried, key=tried.__getitem__)
        (answer,) = chooser.decode([logits], [windows])
        assert isinstance(answer, SpanAnswer)
        assert (answer.start, answer.end) == best[1:]
        assert answer.text == CONTEXT[best[1] : best[2]]
        share = torch.tensor(list(tried.values())).softmax(0).max()
        assert answer.score == pytest.approx(float(share), rel=1e-4)


def test_no_answer_is_given_only_where_it_may_and_by_its_threshold(tokenizer: Any) -> None:
    asked = {"question": "what is on fire", "context": "my printer"}
    (windows,) = task().encode([asked], tokenizer)
    logits = torch.zeros(len(windows[0].input_ids), 2)
    logits[6, :] = 1.0  # "my": a score of 2
    logits[0, :] = 2.0  # [CLS]: 4
    for options, text in (
        ({}, "my"),
        ({"no_answer": True}, ""),
        ({"no_answer": True, "no_answer_threshold": 2.5}, "my"),
    ):
        (answer,) = task(**options).decode([[logits]], [windows])
        assert isinstance(answer, SpanAnswer)
        assert (answer.text, answer.start) == ((text, 0) if text else ("", None))
        assert 0 < answer.score < 1


def test_one_window_that_sees_an_answer_is_enough(tokenizer: Any) -> None:
    chooser = task(no_answer=True)
    (windows,) = chooser.encode([{"question": "what is on fire", "context": CONTEXT}], tokenizer)
    logits = [torch.zeros(len(one.input_ids), 2) for one in windows]
    for one in logits:
        one[0] = 5.0
    logits[1][0], logits[1][8] = -5.0, 4.0
    (answer,) = chooser.decode([logits], [windows])
    assert isinstance(answer, SpanAnswer) and answer.start == windows[1].state.spans[8][0]


def test_white_space_that_a_tokenizer_counts_to_a_word_is_left_out(tokenizer: Any) -> None:
    chooser = task()
    (windows,) = chooser.encode([{"question": "what", "context": "my printer"}], tokenizer)
    state = windows[0].state
    shifted = type(state)(" my printer", tuple(span and (span[0], span[1] + 1) for span in state.spans), state.null)
    made = [type(windows[0])(windows[0].input_ids, None, state=shifted)]
    logits = torch.zeros(len(made[0].input_ids), 2)
    logits[3, :] = 9.0
    (answer,) = chooser.decode([[logits]], [made])
    assert isinstance(answer, SpanAnswer)
    assert (answer.text, answer.start, answer.end) == ("my", 1, 3)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("hello", "is a mapping, not str"),
        ({"question": "what"}, "no column 'context'"),
        ({"question": "what", "context": 5}, "are strings"),
        ({"question": "what", "context": " "}, "the context holds nothing"),
        ({"question": "my " * 20, "context": "printer"}, "a question of 20 tokens leaves no room"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused(given: Any, message: str, tokenizer: Any) -> None:
    with pytest.raises(RequestError, match=message) as error:
        task().encode([given], tokenizer)
    assert error.value.hint


def test_the_loss_is_the_cross_entropy_of_starts_and_ends() -> None:
    logits, labels = torch.randn(2, 7, 2), torch.tensor([[1, 3], [0, 0]])
    expected = sum(
        -torch.log_softmax(logits[row, :, side], 0)[labels[row, side]] for row in range(2) for side in range(2)
    )
    torch.testing.assert_close(task().loss(logits, labels), expected)
    assert int(task().targets(labels)) == 4


@pytest.mark.parametrize(
    "answers",
    [
        {"text": ["fire"], "answer_start": [3]},
        [{"text": "fire", "answer_start": 3}],
        [{"text": "fire", "start": 3}],
    ],
)
def test_answers_are_read_in_each_form(answers: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"question": "what", "context": "on fire", "answers": answers}))
    assert task().references(read_rows(file, task())) == [["fire"]]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"text": ["fire"], "answer_start": [4]}, "answer 'fire' is not at character 4"),
        ({"text": ["fire"], "answer_start": []}, "answers.answer_start is not a list as long"),
        ({"text": [], "answer_start": []}, "answers is empty, which needs task.options.no_answer"),
        ({"text": [""], "answer_start": [0]}, "answer '' is not at"),
        ([{"text": "fire"}], "answer 'fire' at None"),
        ([{"text": "fire", "start": True}], "answer 'fire' at True"),
        ("fire", "answers is not"),
        (["fire"], "answers is not"),
    ],
)
def test_bad_answers_are_named(answers: Any, message: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"question": "what", "context": "on fire", "answers": answers}))
    with pytest.raises(DataError, match=rf"a\.jsonl:1: {message}"):
        read_rows(file, task())


def test_real_rows_are_read_and_found_again(data_root: Path, tokenizer: Any) -> None:
    reader = get_task("question-answering", {"max_length": 256, "stride": 64})
    rows = read_rows(data_root / "qa" / "squadshifts_newwiki" / "test.jsonl", reader)
    chosen = random.Random(3).sample(rows, 40)
    for given, windows in zip(chosen, reader.encode(chosen, tokenizer, with_labels=True), strict=True):
        (text, start), *_ = [(answer["text"], answer["start"]) for answer in given["answers"]]
        found = [one for one in windows if one.labels != [one.state.null] * 2]
        assert found
        for one in found:
            assert isinstance(one.labels, list)
            spans = one.state.spans
            read = given["context"][spans[one.labels[0]][0] : spans[one.labels[1]][1]]
            assert text in read and len(read) <= len(text) + 20
            assert spans[one.labels[0]][0] <= start
