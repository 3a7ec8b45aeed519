"""The outer oracle of training and serving: an adapter folder in plain `peft`, one unpadded input at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoTokenizer

from adapterhub.tasks import Encoded, task_of
from adapterhub.tasks.heads import logits_of, num_labels
from registry import Manifest


def by_plain_peft(folder: Path, base: Path, rows: Sequence[Any]) -> list[torch.Tensor]:
    """Logits of each row; those of a pooled row are averaged over its tokens, as the adapter's card says."""
    task, tokenizer = task_of(Manifest.read(folder)), AutoTokenizer.from_pretrained(base)
    model = task.model_class().from_pretrained(base, num_labels=num_labels(task.head_kind, len(task.labels)))
    adapted = PeftModel.from_pretrained(model, folder).eval()

    def alone(one: Encoded) -> torch.Tensor:
        batch = {"input_ids": torch.tensor([one.input_ids])}
        if one.token_type_ids is not None:
            batch["token_type_ids"] = torch.tensor([one.token_type_ids])
        if task.head_kind == "multiple-choice":
            batch = {name: values.unsqueeze(1) for name, values in batch.items()}
        found = logits_of(adapted(**batch))[0]
        found = found[-len(one.input_ids) :] if found.dim() == 2 else found  # not those of virtual tokens before it
        return found if one.pooled is None else torch.stack([found[place] for place in one.pooled]).mean(0)

    with torch.inference_mode():
        return [torch.cat([alone(one) for one in inputs]) for inputs in task.encode(rows, tokenizer)]
