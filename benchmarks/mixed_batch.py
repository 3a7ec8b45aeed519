"""What does a batch whose rows wear many adapters cost over the bare backbone?

Timed is one engine step, its inputs prepared beforehand: an encoder's packed pass to the last hidden states of 32 rows
of 8 to 64 tokens (MiniLM), or one decode step to the logits of 32 rows with 64 tokens cached each (SmolLM2-135M), real
weights in float32. Before anything is timed, every contender has to give the answers of plain `peft`, one row and one
adapter at a time; the program ends with 1 where one does not. In the results, for a case K:

    K            bare ÷ our time: 1 is free. Null where the engine refuses an adapter of the case; stderr says why
    K_peft       bare ÷ the time of the fastest way that plain `peft` has: `adapter_names`, or `set_adapter` in turn
    K_polylora   the same for `polylora`, where it is installed and knows the methods
    K_limit      bare ÷ (bare + max(extra flops ÷ flops/s, extra bytes ÷ bytes/s)): what no implementation on this
                 machine can beat. Flops/s is what the backbone's own adapted linear modules reach over the same number
                 of tokens, bytes/s a long array read once, both timed in the same rounds. Each number of an adapter is
                 multiplied and added once a token and read once a step (`benchmarks.adapters.flops_per_token`).

where `bare` is the faster of our engine without adapters and plain transformers.

    python -m benchmarks.mixed_batch --case encoder_distinct32 --json
"""

from __future__ import annotations

import gc
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from adapterhub.backbone import locate
from adapterhub.backbone.quiet import quiet
from benchmarks import adapters, harness, rates, workload
from benchmarks.adapters import DECODER_LINEARS, ENCODER_LINEARS, Family
from benchmarks.contenders import plain, polylora
from benchmarks.contenders.ours import REFUSALS, OurEngine
from benchmarks.contenders.peft_plain import PeftModels
from benchmarks.harness import TOLERANCE, Contender, Disagreement
from benchmarks.workload import MINILM, SMOLLM2, Workload
from registry import open_registry

BARE = ("transformers", "ours_bare")
MIXED = (
    *(Family("lora", rank, 2) for rank in (4, 8, 16, 64)),
    Family("prefix", 16, 8),
    Family("ia3", 0, 8),
    Family("dora", 8, 8),
)


@dataclass(frozen=True)
class Case:
    """A backbone and the adapters that its 32 rows wear in turn."""

    decoder: bool
    families: Sequence[Family]


CASES: Mapping[str, Case] = {
    **{f"encoder_distinct{count}": Case(False, (Family("lora", 8, count),)) for count in (1, 8, 32)},
    "encoder_mixed": Case(False, MIXED),
    **{f"decoder_distinct{count}": Case(True, (Family("lora", 8, count),)) for count in (1, 8, 32)},
    "decoder_distinct32_bf16": Case(True, (Family("lora", 8, 32, torch.bfloat16),)),
    "decoder_mixed": Case(True, MIXED),
}


class Base:
    """One base for all its cases: plain, in our engine, and the rows that it is given."""

    def __init__(self, decoder: bool) -> None:
        self.decoder = decoder
        base_id = SMOLLM2 if decoder else MINILM
        self.folder = locate(base_id).folder
        self.model = plain.load(self.folder, decoder)
        self.engine = OurEngine(base_id)
        tokenizer, vocabulary = self.engine.backbone.tokenizer, self.model.config.vocab_size
        self.rows = (
            workload.prompts(vocabulary)
            if decoder
            else workload.texts(vocabulary, tokenizer.cls_token_id, tokenizer.sep_token_id)
        )

    def bare(self) -> list[Contender]:
        """The two ways without adapters."""
        make = plain.decoder if self.decoder else plain.encoder
        nothing_worn = [None] * len(self.rows)
        return [make(BARE[0], self.model, self.rows), self.engine.contender(BARE[1], self.rows, nothing_worn)]

    def expected_bare(self) -> list[Tensor]:
        """What the backbone answers by itself, one row at a time."""
        return [plain.alone(self.model, row) for row in self.rows]

    def tokens(self) -> list[int]:
        """How many tokens of each row one step computes."""
        return [1 if self.decoder else len(row) for row in self.rows]


def measure(name: str, base: Base, rounds: int, say: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, float]]:
    """The figures of one case, and the median seconds of its contenders.

    Raises:
        Disagreement: a contender's answers are not those of plain `peft`.
    """
    with tempfile.TemporaryDirectory() as scratch, quiet():
        made = adapters.save(plain.load(base.folder, base.decoder), CASES[name].families, Path(scratch))
        work = Workload(base.rows, made)
        wearing, expected = _wearing(name, base, work, Path(scratch), say)
        bare = base.bare()
        _check(name, bare, base.expected_bare(), wearing, expected)
        targets = DECODER_LINEARS if base.decoder else ENCODER_LINEARS
        multiplying, flops = rates.multiplying(base.model, targets, sum(base.tokens()))
        reading, nbytes = rates.reading()
        seconds = harness.interleaved([*bare, *wearing, multiplying, reading], rounds)
        extra = harness.least_seconds(
            *_extra(work, base), flops / seconds[multiplying.name], nbytes / seconds[reading.name]
        )
    gc.collect()  # models hold each other in cycles, and the next case brings its own
    return figures(name, seconds, extra), seconds


def figures(name: str, seconds: Mapping[str, float], extra: float) -> dict[str, float | None]:
    """The case's keys of the results from median seconds; `extra` are those that nobody can save."""
    bare = min(seconds[way] for way in BARE)
    ratio = harness.ratios(seconds, bare)
    found = {
        name: ratio.get("ours"),
        f"{name}_peft": max(value for way, value in ratio.items() if way.startswith("peft")),
        f"{name}_limit": round(bare / (bare + extra), 3),
    }
    return {**found, f"{name}_polylora": ratio["polylora"]} if "polylora" in ratio else found


def _wearing(
    name: str, base: Base, work: Workload, scratch: Path, say: Callable[[str], None]
) -> tuple[list[Contender], list[Tensor]]:
    """All contenders that run the adapters, and the answers that they have to give."""
    models = PeftModels(base.folder, base.decoder, work.adapters)
    contenders = models.contenders(work)
    try:
        loaded = base.engine.load(work.adapters, open_registry(scratch / "registry"))
    except REFUSALS as error:
        say(f"{name}: the engine refuses it: {error}")
    else:
        contenders.append(base.engine.contender("ours", work.rows, [loaded[adapter.name] for adapter in work.worn]))
    if polylora.available() and polylora.serves(work):
        contenders.append(polylora.contender(base.folder, base.decoder, work))
    return contenders, models.expected(work)


def _check(
    name: str, bare: Sequence[Contender], plainly: list[Tensor], wearing: Sequence[Contender], adapted: list[Tensor]
) -> None:
    if problem := harness.changed(adapted, plainly, TOLERANCE):
        raise Disagreement(f"{name}: {problem}")
    for contenders, expected in ((bare, plainly), (wearing, adapted)):
        for contender in contenders:
            for time in ("first", "second"):  # the second shows whether the step was undone
                if problem := harness.disagreement(contender.outputs(), expected, TOLERANCE):
                    raise Disagreement(f"{name}: {contender.name}, {time} step: {problem}")


def _extra(work: Workload, base: Base) -> tuple[int, int]:
    """Operations and bytes that the adapters add to a step."""
    config = base.model.config
    worn = zip(work.worn, base.tokens(), strict=True)
    flops = sum(tokens * adapters.flops_per_token(adapter, config) for adapter, tokens in worn)
    return flops, sum(adapter.nbytes for adapter in work.adapters)


def _table(name: str, seconds: Mapping[str, float], results: Mapping[str, Any]) -> str:
    bare = min(seconds[way] for way in BARE)
    lines = [f"{name}: limit {results[f'{name}_limit']}"]
    lines += [f"  {way:20} {value * 1000:9.2f} ms  {bare / value:6.3f}" for way, value in seconds.items()]
    return "\n".join(lines)


@click.command()
@click.option("--case", "names", multiple=True, type=click.Choice(list(CASES)), help="Repeatable. Default: all.")
@click.option("--rounds", default=15, show_default=True, type=click.IntRange(min=1))
@click.option("--threads", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="One JSON line, and nothing else, on stdout.")
def main(names: tuple[str, ...], rounds: int, threads: int, as_json: bool) -> None:
    """Compare batches of many adapters with the bare backbone."""
    torch.set_num_threads(threads)
    facts = {**harness.facts(), "rounds": rounds}
    say = partial(click.echo, err=True)
    if not as_json:
        click.echo(json.dumps(facts, indent=2))
    results: dict[str, Any] = {}
    milliseconds: dict[str, dict[str, float]] = {}
    for decoder in (False, True):
        chosen = [name for name in CASES if CASES[name].decoder is decoder and (name in names or not names)]
        with quiet():
            base = Base(decoder) if chosen else None
        for name in chosen:
            found, seconds = measure(name, base, rounds, say)
            results.update(found)
            milliseconds[name] = {way: round(value * 1000, 3) for way, value in seconds.items()}
            if not as_json:
                click.echo(_table(name, seconds, found))
    if not polylora.available():
        say("polylora is absent: pip install --no-deps polylora")
    click.echo(json.dumps({**facts, **results, "milliseconds": milliseconds}))


if __name__ == "__main__":
    main()
