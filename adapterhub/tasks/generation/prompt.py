"""From rows to prompts: templates over a row's columns, a base's chat template, and the tokens that end a text.

Training, the training side's own predictions and the engine all read prompts here, so that none sees other tokens.
Knows tokenizers as transformers has them. Refuses to know about lengths: what is cut is for the task to say.
"""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import TemplateError

from adapterhub.errors import RecipeError, RequestError

Message = Mapping[str, str]


def fields_of(template: str, known: Collection[str]) -> list[str]:
    """The columns that a template such as ``"{source}\\nIn German:"`` names; ``{{`` and ``}}`` stand for braces.

    Raises:
        RecipeError: it is no template, names none or another than the `known` ones, or asks for a conversion or format.
    """
    hint = f"Name columns in braces: {', '.join(f'{{{column}}}' for column in sorted(known))}; {{{{ is a brace."
    try:
        parts = [part for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise RecipeError(f"task.options.template: {error}", hint) from error
    for _, name, form, conversion in parts:
        if name not in known or form or conversion:
            raise RecipeError(f"task.options.template: no column {name!r}", hint)
    if not parts:
        raise RecipeError("task.options.template: names no column, so every row would read the same", hint)
    return [str(name) for _, name, _, _ in parts]


def filled(template: str, fields: Sequence[str], columns: Mapping[str, Any]) -> str:
    """The template with the row's columns in it: a list as lines, a column that the row lacks as nothing."""
    return template.format(**{name: _as_text(columns.get(name)) for name in fields})


def _as_text(value: Any) -> str:
    return "\n".join(value) if isinstance(value, list | tuple) else value or ""


def chat_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Tokens of a conversation by the base's chat template, up to where the assistant's next turn begins.

    Raises:
        RequestError: the base has no chat template, or the messages do not fit it.
    """
    try:
        read = tokenizer.apply_chat_template(list(messages), add_generation_prompt=True, return_dict=True)
    except (TypeError, ValueError, KeyError, TemplateError) as error:
        raise RequestError(
            f"the messages do not fit the base's chat template: {error}",
            "Give a list of {role, content}, and a base that has a chat template.",
        ) from error
    return list(read["input_ids"])


def turns(tokenizer: Any, messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """A conversation as the chat template writes it: what stands before each turn of the assistant, and that turn.

    What the template writes after a turn, the end of the turn included, stands before the next one.

    Raises:
        RequestError: as for `chat_ids`; or the template rewrites earlier turns, so that the two cannot be told apart.
    """
    written = ""
    for index, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        try:
            before = _rendered(tokenizer, messages[:index], True)
            after = _rendered(tokenizer, messages[: index + 1], False)
        except (TypeError, ValueError, KeyError, TemplateError) as error:
            raise RequestError(
                f"the messages do not fit the base's chat template: {error}",
                "Give a list of {role, content}, and a base that has a chat template.",
            ) from error
        turn = message["content"].strip()
        if not before.startswith(written) or not after.startswith(before + turn):
            raise RequestError(
                f"the base's chat template does not write turn {index} after the ones before it",
                "Train on single turns, or on a base whose template only appends.",
            )
        yield before[len(written) :], turn
        written = before + turn


def _rendered(tokenizer: Any, messages: Sequence[Message], prompt: bool) -> str:
    stripped = [{**message, "content": message["content"].strip()} for message in messages]
    return str(tokenizer.apply_chat_template(stripped, add_generation_prompt=prompt, tokenize=False))


def end_tokens(tokenizer: Any, *configs: Any) -> frozenset[int]:
    """What ends a text: by the tokenizer, and by each config that says so (chat models name their end of turn)."""
    found = {tokenizer.eos_token_id}
    for config in configs:
        stated = getattr(config, "eos_token_id", None)
        found.update(stated if isinstance(stated, list) else [stated])
    return frozenset(found - {None})
