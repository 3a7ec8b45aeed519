"""The base as transformers loads it for a task, with a head for the task's labels: before any method is on it.

Whatever would make its answers mean nothing is refused here: a base that the task's class does not find in the
checkpoint, a vocabulary's head that is not there, rows that cannot be padded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, GenerationConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, MODEL_FOR_MASKED_LM_MAPPING_NAMES

from adapterhub.errors import BackboneError
from adapterhub.tasks import Task
from adapterhub.tasks.generation.prompt import end_tokens
from adapterhub.tasks.heads import WRITES, num_labels


@dataclass(frozen=True)
class Bare:
    """A task's model in 32-bit floats on the CPU, and its tokenizer.

    Attributes:
        made_up: names of the parameters that are in no checkpoint, and were drawn at random.
    """

    model: Any
    tokenizer: Any
    made_up: frozenset[str]


def load_base(folder: Path, task: Task) -> Bare:
    """The base in `folder`, with a head for the task's labels.

    Raises:
        BackboneError: it cannot be loaded with such a head, or has no padding token, or none to end a text with.
    """
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model, info = _with_head(folder, task)
    except (ValueError, RuntimeError) as error:
        raise BackboneError(
            f"{folder.name} cannot be loaded for {task.name}: {str(error)[:300]}",
            "Choose a base of an architecture that has this head, saved without a head of other labels.",
        ) from error
    made_up = frozenset(str(name) for name in info["missing_keys"])
    _refuse_unread_base(folder, task, model, made_up)
    _refuse_unpadded(folder, task, model, tokenizer)
    if task.head_kind in WRITES:
        _refuse_no_vocabulary_head(folder, model, made_up)
        _refuse_endless(folder, task, tokenizer)
        model.generation_config = GenerationConfig(  # what the base asks for besides, the engine does not do either
            eos_token_id=sorted(end_tokens(tokenizer, model.config, model.generation_config)),
            pad_token_id=tokenizer.pad_token_id,
        )
    return Bare(model, tokenizer, made_up)


def reads_last_token(model: Any, task: Task) -> bool:
    """Whether the head reads each row's last token that is no padding: a decoder's sequence classifier."""
    kind = model.config.model_type
    decodes = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return decodes and task.peft_task_type == "SEQ_CLS"


def _with_head(folder: Path, task: Task) -> tuple[Any, dict[str, Any]]:
    """The model, and transformers' account of what was in the checkpoint."""
    named = {"id2label": dict(enumerate(task.labels)), "label2id": task.label_index} if task.labels else {}
    model, info = task.model_class().from_pretrained(
        folder,
        num_labels=num_labels(task.head_kind, len(task.labels)),
        **named,
        dtype=torch.float32,
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
    )
    return model, info


def _refuse_unread_base(folder: Path, task: Task, model: Any, made_up: frozenset[str]) -> None:
    """A task class that calls its base by another name than the checkpoint does is left with a random one."""
    embedding = model.get_input_embeddings().weight
    lost = [name for name, parameter in model.named_parameters() if parameter is embedding and name in made_up]
    if lost:
        raise BackboneError(
            f"{folder.name}: transformers' {type(model).__name__} does not find its {lost[0]} in this checkpoint",
            f"Save the bare base (AutoModel) as a base of its own for {task.name}, or choose another base.",
        )


def _refuse_unpadded(folder: Path, task: Task, model: Any, tokenizer: Any) -> None:
    if tokenizer.pad_token_id is None:
        lacking = "tokenizer has no pad_token"
    elif reads_last_token(model, task) and model.config.pad_token_id is None:
        lacking = "config.json has no pad_token_id"
    else:
        return
    raise BackboneError(
        f"{folder.name}: its {lacking}, which {task.name} needs",
        "Save a copy of the base whose tokenizer has a pad_token and whose config.json has its pad_token_id.",
    )


def _refuse_endless(folder: Path, task: Task, tokenizer: Any) -> None:
    """A target is learned with the token that ends it, or the model would never stop."""
    if tokenizer.eos_token_id is None:
        raise BackboneError(
            f"{folder.name}: its tokenizer has no eos_token, which {task.name} needs",
            "Save a copy of the base whose tokenizer has an eos_token.",
        )


def _refuse_no_vocabulary_head(folder: Path, model: Any, made_up: frozenset[str]) -> None:
    """A language model's head is the base's own, and is in no adapter."""
    lost = sorted(made_up & {name for name, _ in model.named_parameters()})
    if lost:
        raise BackboneError(
            f"{folder.name}: its checkpoint lacks {lost[0]}, which a {type(model).__name__} needs",
            "Choose a base that was saved with its language-model head.",
        )
