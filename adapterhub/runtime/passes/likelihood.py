"""How likely a language model finds a text: the probability of each of its tokens after those before it.

A row is read once, like any other; its own text is what its `labels` name. Knows decoders; an encoder-decoder would
have to read its source first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError
from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.passes import plan as plans
from adapterhub.runtime.passes.plan import AdapterMap, Plan
from adapterhub.tasks import Encoded
from adapterhub.tasks.task import IGNORED, check_text

AT_ONCE = 64  # tokens whose vocabulary scores are held together: 12 MiB of 49,152 words in float32


def encode(backbone: Backbone, prompt: str, text: str) -> Encoded:
    """`prompt` and `text` as one input whose labels are the tokens that `text` is, or begins in.

    Begun with the tokenizer's beginning of text, where it has one, so that the first token has something before it.

    Raises:
        RequestError: the backbone is no decoder, the text is no Unicode, or has no tokens of its own.
    """
    if not backbone.is_decoder or backbone.is_encoder_decoder:
        raise RequestError(
            f"{backbone.identity.id} does not continue texts, so they have no likelihood", "Ask a decoder-only base."
        )
    check_text(prompt + text)
    tokenizer = backbone.tokenizer
    read = tokenizer(prompt + text, add_special_tokens=False, return_offsets_mapping=True)
    ids: list[int] = list(read["input_ids"])
    labels = [
        token if end > len(prompt) else IGNORED for token, (_, end) in zip(ids, read["offset_mapping"], strict=True)
    ]
    if tokenizer.bos_token_id is not None:
        ids, labels = [tokenizer.bos_token_id, *ids], [IGNORED, *labels]
    if all(label == IGNORED for label in labels[1:]):
        raise RequestError("the text has no token that anything stands before", "Give it a prompt, or more text.")
    return Encoded(input_ids=ids, token_type_ids=None, labels=labels)


def log_probabilities(backbone: Backbone, adapter: Adapter | None, encoded: Encoded, hidden: Tensor) -> Tensor:
    """The natural logarithm of each label's probability after the tokens before it.

    Semantics: ``log_softmax(lm_head(hidden[t - 1]))[labels[t]]`` for each t > 0 whose label is not `IGNORED`.

    Args:
        adapter: which may reach into the head.
        encoded: an input with T tokens and as many labels.
        hidden: ``[T, hidden]``, the last hidden states over them.

    Returns:
        ``[labels]`` in float64.
    """
    labels = torch.tensor(encoded.labels, device=hidden.device)
    places = (labels[1:] != IGNORED).nonzero().squeeze(1)
    found = [hidden.new_empty(0, dtype=torch.float64)]
    for some in torch.split(places, AT_ONCE):
        with plans.running(Plan(AdapterMap([(adapter, len(some))]))):
            logits: Tensor = backbone.lm_head(hidden[some])  # type: ignore[misc]
        found.append(logits.log_softmax(-1, dtype=torch.float64).gather(1, labels[some + 1].unsqueeze(1)).squeeze(1))
    return torch.cat(found)
