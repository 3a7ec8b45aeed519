"""Texts that are nearly the same, found without comparing all with all.

Semantics: ``find(text)`` is the first indexed text, of those examined, whose similarity with `text` is at least the
threshold; ``similarity(a, b) = |S(a) ∩ S(b)| / |S(a) ∪ S(b)|`` (Jaccard) over the sets S of their runs of `SHINGLE`
characters.

MinHash (Broder 1997; datasketch computes it) gives each text a signature, of which texts agree in a share that is about
their similarity s. Cut into b bands of r numbers, two signatures agree in a whole band with probability 1 - (1 - s^r)^b
(Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, 3.4); r is the largest with which that is at least `RECALL`
at the threshold. Candidates are compared exactly, so nothing is reported that is not so.

datasketch's own `MinHashLSH` gathers all candidates of a query. Where thousands of rows follow one template that is
quadratic, in time and memory; here they are examined one at a time, `MOST_CANDIDATES` at most, up to the first that is
near enough. What is beyond those is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any
from zlib import crc32

SHINGLE = 5  # characters: what Mining of Massive Datasets, 3.2.2, takes for short documents
SIGNATURE = 128  # numbers, four bytes each
RECALL = 0.99
MOST_CANDIDATES = 100
KEPT_SHINGLES = 4096  # texts whose shingles are remembered: candidates come again and again


def similarity(one: str, other: str) -> float:
    """Jaccard similarity of two normalised texts."""
    return _jaccard(_shingles(one), _shingles(other))


def bands_of(threshold: float) -> tuple[int, int]:
    """(bands, numbers in each) of a signature, so that texts that reach the threshold share a band."""
    fitting = [
        width for width in range(1, SIGNATURE + 1) if 1 - (1 - threshold**width) ** (SIGNATURE // width) >= RECALL
    ]
    return SIGNATURE // fitting[-1], fitting[-1]


class NearIndex:
    """Normalised texts by the bands of their signatures."""

    def __init__(self, texts: Sequence[str], threshold: float) -> None:
        from datasketch import MinHash

        self.threshold = threshold
        self._texts = texts
        self._empty: Any = MinHash(SIGNATURE, hashfunc=int)
        self._bands, self._width = bands_of(threshold)
        self._buckets: list[dict[bytes, list[int]]] = [{} for _ in range(self._bands)]
        self._shingles = lru_cache(KEPT_SHINGLES)(_shingles)
        for index, text in enumerate(texts):
            for bucket, band in zip(self._buckets, self._signature(_shingles(text)), strict=True):
                bucket.setdefault(band, []).append(index)

    def find(self, text: str, before: int | None = None) -> tuple[int, float] | None:
        """The index of a text that is near to this one, among the first `before`, and how near it is."""
        own = _shingles(text)
        seen: set[int] = set()
        for index in self._candidates(own):
            if index in seen or (before is not None and index >= before):
                continue
            seen.add(index)
            near = _jaccard(own, self._shingles(self._texts[index]))
            if near >= self.threshold:
                return index, near
            if len(seen) == MOST_CANDIDATES:
                break
        return None

    def _candidates(self, shingles: frozenset[str]) -> Iterator[int]:
        for bucket, band in zip(self._buckets, self._signature(shingles), strict=True):
            yield from bucket.get(band, ())

    def _signature(self, shingles: frozenset[str]) -> Iterator[bytes]:
        """The bands of the text with these shingles. crc32 is fast, and datasketch mixes it before it permutes."""
        minhash = self._empty.copy()
        minhash.update_batch([crc32(shingle.encode()) for shingle in shingles])
        numbers = minhash.hashvalues
        for start in range(0, self._bands * self._width, self._width):
            yield numbers[start : start + self._width].tobytes()


def _shingles(text: str) -> frozenset[str]:
    return frozenset(text[start : start + SHINGLE] for start in range(max(1, len(text) - SHINGLE + 1)))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
