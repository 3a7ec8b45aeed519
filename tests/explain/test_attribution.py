from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PrefixTuningConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

from adapterhub.errors import RequestError
from adapterhub.plain.predictor import ModelPredictor
from adapterhub.tasks import LabelAnswer, get_task

pytest.importorskip("captum")

from adapterhub.explain import attribute, refuse_unread

METHODS = {
    "lora": LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"], init_lora_weights=False),
    "prefix": PrefixTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3),
}


@pytest.fixture(params=METHODS)
def explained(request: pytest.FixtureRequest, tiny_base: Path) -> ModelPredictor:
    """A classifier of two labels whose outputs depend much on its input."""
    torch.manual_seed(3)
    plain = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=2)
    for parameter in plain.parameters():
        if parameter.dim() > 1:
            parameter.data *= 8
    model = get_peft_model(plain, METHODS[request.param]).eval()
    task = get_task("text-classification", None, ["a", "b"])
    return ModelPredictor(model, task, AutoTokenizer.from_pretrained(tiny_base))


def test_what_is_added_is_the_difference_of_the_outputs(explained: ModelPredictor) -> None:
    made = attribute(explained, {"text": "my printer is on fire", "text_pair": "tell me a joke"}, label="a")
    assert max(map(abs, made.added)) > 0.005, "the text matters, or this test would say nothing"
    assert sum(made.added) == pytest.approx(made.output - made.masked, abs=1e-4)
    assert made.converged
    assert (made.tokens[0], made.added[0]) == ("[CLS]", 0), "what is not masked adds nothing"


def test_two_labels_are_explained_apart_and_the_likeliest_by_itself(explained: ModelPredictor) -> None:
    both = [attribute(explained, "my printer is on fire", label=label) for label in ("a", "b")]
    assert both[0].added != both[1].added
    likeliest = max(both, key=lambda made: made.output)
    assert attribute(explained, "my printer is on fire") == likeliest


def test_a_mean_over_tokens_is_explained_as_it_is_answered(tiny_base: Path) -> None:
    torch.manual_seed(3)
    plain = AutoModelForTokenClassification.from_pretrained(tiny_base, num_labels=2).eval()
    for parameter in plain.parameters():
        if parameter.dim() > 1:
            parameter.data *= 8
    task = get_task("text-classification", {"pooling": "mean"}, ["a", "b"])
    predictor = ModelPredictor(plain, task, AutoTokenizer.from_pretrained(tiny_base))
    refuse_unread(task)
    made = attribute(predictor, {"text": "my printer is on fire", "text_pair": "tell me a joke"}, label="b", steps=128)
    (answer,) = predictor.predict([{"text": "my printer is on fire", "text_pair": "tell me a joke"}])
    assert isinstance(answer, LabelAnswer)
    assert made.output == pytest.approx(float(answer.logits[1]), abs=1e-5)
    assert max(map(abs, made.added)) > 0.005
    assert sum(made.added) == pytest.approx(made.output - made.masked, abs=1e-3)


def test_an_unknown_label_is_named(explained: ModelPredictor) -> None:
    with pytest.raises(RequestError, match="there is no label 'c'"):
        attribute(explained, "hello", label="c")
