"""The configurations that are measured, the keys that they give, and the texts that they are asked with."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

from benchmarks import workload
from benchmarks.hits import Hits
from benchmarks.many_adapters import CLIFF, cliff, configurations
from benchmarks.popularity import draw_ranked


def test_all_sizes_are_measured_unless_they_are_more_than_asked_for() -> None:
    names = [one.name for one in configurations(10_000)]
    assert names[0] == "one" and len(set(names)) == len(names)
    assert {"zipf1_20", "zipf1_100", "zipf1_1000", "zipf1_10000", "uniform_1000", "uniform_64"} < set(names)
    assert [one.name for one in configurations(64)] == ["one", "zipf1_20", "uniform_20", "uniform_64"]


def test_the_cliff_is_the_wait_beyond_the_slots_over_that_within_them() -> None:
    within, beyond = CLIFF
    assert beyond.count == 2 * within.count
    assert cliff({within.name: 0.02, beyond.name: 0.05, "one": 0.01}) == {"cliff_p50_ratio": 2.5}
    assert cliff({within.name: 0.02}) == {}


def test_the_first_name_is_the_most_popular_one_whatever_the_seed() -> None:
    for seed in range(3):
        drawn = Counter(draw_ranked("zipf:1", list(range(50)), 2000, random.Random(seed)))
        assert drawn.most_common(1)[0][0] == 0


def test_texts_are_words_that_are_tokens_of_their_own_and_as_long_as_rows_are() -> None:
    texts = workload.sentences(["[CLS]", "##ing", "straße", "a", "Upper", "x1", "word", "other"], 40)
    assert texts == workload.sentences(["other", "word"], 40) != workload.sentences(["other", "word"], 40, seed=1)
    lengths = [len(text.split()) + 2 for text in texts]
    assert set(" ".join(texts).split()) == {"word", "other"}
    assert min(lengths) >= workload.SHORTEST and max(lengths) <= workload.LONGEST and len(set(lengths)) > 10


def test_a_request_counts_where_it_found_its_adapter() -> None:
    found = {"slot": "device", "memory": "host", "registry": "fetching", "checked": "checking"}
    pool = SimpleNamespace(claim=lambda version: SimpleNamespace(stage=found[version]))
    hits = Hits(SimpleNamespace(pool=pool))
    assert hits.rates() == {}
    for version in ("slot", "slot", "memory", "registry"):
        assert pool.claim(version).stage == found[version]
    assert hits.rates() == {"device": 0.5, "host": 0.25, "disk": 0.25}
    hits.reset()
    pool.claim("checked")
    assert hits.rates() == {"device": 0, "host": 0, "disk": 1}
