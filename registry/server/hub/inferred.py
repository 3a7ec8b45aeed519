"""What a model's ``config.json`` says of it where its card is silent, as on the Hub: whose it is, and what it is for.

``pipeline(model=…)`` of transformers asks for the task of a model whose card, as Trainer writes it, names none. Only a
repository's own page says this; listings and filters go by cards and versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from registry.errors import CorruptBlob
from registry.index.trees import TreeEntry
from registry.server import files
from registry.server.services import Services

CONFIG = "config.json"
MAX_CONFIG_BYTES = 1 << 20
# How the names of transformers' classes end, and the task of its pipelines that takes such a model. Left out is what
# ends alike for several tasks (ForConditionalGeneration). The first that fits, so the special ones come first.
TASKS = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMultipleChoice": "multiple-choice",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForImageClassification": "image-classification",
    "ForAudioClassification": "audio-classification",
    "ForObjectDetection": "object-detection",
    "ForCTC": "automatic-speech-recognition",
    "Model": "feature-extraction",
}


class Config(msgspec.Struct):
    """The part of a ``config.json`` of transformers that is looked at."""

    model_type: str
    architectures: list[str] | None = None

    @property
    def task(self) -> str | None:
        """What its first architecture is for; None where the name does not say."""
        name = (self.architectures or [""])[0]
        return next((task for ending, task in TASKS.items() if name.endswith(ending)), None)


def of(hub: Services, tree: Mapping[str, TreeEntry]) -> dict[str, Any]:
    """``config``, ``library_name`` and ``pipeline_tag`` of the files of a commit; nothing where no config tells."""
    entry = tree.get(CONFIG)
    if entry is None or entry.size > MAX_CONFIG_BYTES:
        return {}
    try:
        config = msgspec.json.decode(files.load(hub, entry), type=Config)
    except (msgspec.DecodeError, CorruptBlob):  # another library's, or gone: for who downloads it to complain of
        return {}
    return {"config": msgspec.structs.asdict(config), "library_name": "transformers", "pipeline_tag": config.task}
