"""The figures of generated text, as outcomes a row that can be summed: by sacrebleu and rouge-score.

Both give figures of a whole corpus only at once; a bootstrap asks a thousand times, so each row's own counts are kept
and added up, which is how sacrebleu itself resamples (``sacrebleu.significance``).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

ROUGE = ("rouge1", "rouge2", "rougeL")


class Overlap(NamedTuple):
    """What BLEU and chrF count in one row: lengths, and n-grams of words and of characters."""

    bleu: list[int]
    chrf: list[int]


@cache
def _bleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(force=True)  # says nothing about texts that look tokenized


@cache
def _chrf() -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


def overlaps(texts: Sequence[str], references: Sequence[str]) -> list[Overlap]:
    """The counts of each text against its reference."""
    bleu = _bleu()._extract_corpus_statistics(texts, [references])
    chrf = _chrf()._extract_corpus_statistics(texts, [references])
    return [Overlap(*counts) for counts in zip(bleu, chrf, strict=True)]


def bleu_and_chrf(rows: Sequence[Overlap]) -> dict[str, float]:
    """Corpus BLEU (Papineni et al. 2002; sacrebleu's 13a words) and chrF2 (Popović 2015), 0 to 100."""
    import numpy

    bleu = numpy.sum([row.bleu for row in rows], axis=0).tolist()
    chrf = numpy.sum([row.chrf for row in rows], axis=0).tolist()
    return {
        "bleu": float(_bleu()._compute_score_from_stats(bleu).score),
        "chrf": float(_chrf()._compute_score_from_stats(chrf).score),
    }


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(ROUGE), use_stemmer=True)


def rouge(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[tuple[float, ...]]:
    """ROUGE-1, -2 and -L (Lin 2004), F1 with Porter's stemmer, of each text against the best of its references."""
    scored = [_rouge().score_multi(list(wanted), text) for text, wanted in zip(texts, references, strict=True)]
    return [tuple(scores[name].fmeasure for name in ROUGE) for scores in scored]


def mean_rouge(rows: Sequence[tuple[float, ...]]) -> dict[str, float]:
    """The mean of each over rows, 0 to 1."""
    return {name: sum(values) / len(values) for name, values in zip(ROUGE, zip(*rows, strict=True), strict=True)}
