"""Who goes next: order of arrival, token budgets, and rows that wait for a slot without being forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapterhub.runtime.job import Job, Reading, Writing
from adapterhub.runtime.queue import MAX_PASSED_OVER, JobQueue
from adapterhub.runtime.residency.entry import Entry
from adapterhub.runtime.residency.pool import AdapterPool
from adapterhub.tasks import Encoded
from tests.runtime.test_pool import Shelf, version


class Worn:
    """Entries of adapters without virtual tokens."""

    def __init__(self, slots: int) -> None:
        self.pool: AdapterPool = Shelf().pool(slots=slots)
        self.entries: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name not in self.entries:
            entry = self.entries[name] = self.pool.claim(version(name))
            adapter = entry.host.result(10)
            adapter.prefix = adapter.prompt = None  # type: ignore[misc]
        return self.entries[name]

    def reading(self, name: str | None, *lengths: int) -> Reading:
        return Reading(self[name] if name else None, [Encoded([1] * length, None) for length in lengths])

    def writing(self, name: str, length: int) -> Writing:
        return Writing(self[name], [Encoded([1] * length, None)], 8)


@pytest.fixture
def worn() -> Iterator[Worn]:
    worn = Worn(slots=2)
    yield worn
    worn.pool.close()


def queue(worn: Worn, jobs: list[Job], tokens: int = 100) -> JobQueue:
    made = JobQueue(worn.pool, tokens)
    for job in jobs:
        made.put(job)
    return made


def test_a_step_takes_what_fits_in_the_order_of_arrival(worn: Worn) -> None:
    jobs: list[Job] = [worn.reading("a", 40), worn.reading(None, 40), worn.reading("a", 40), worn.reading("b", 1)]
    waiting = queue(worn, jobs)
    assert [job for job, _ in waiting.take(9).reads] == jobs[:2], "nothing small overtakes the one that did not fit"
    assert [job for job, _ in waiting.take(9).reads] == jobs[2:]
    assert not waiting.take(9) and len(waiting) == 0


def test_a_row_of_many_inputs_is_read_over_several_steps_and_leases_once(worn: Worn) -> None:
    long, short = worn.reading("a", 60, 60, 60), worn.reading("b", 10)
    waiting = queue(worn, [long, short])
    for _ in range(2):
        ((job, rows),) = waiting.take(9).reads
        assert job is long and len(rows) == 1
    assert [len(rows) for _, rows in waiting.take(9).reads] == [1, 1]
    assert long.entry is not None and long.entry.leases == 1


def test_an_input_beyond_the_budget_is_read_by_itself(worn: Worn) -> None:
    waiting = queue(worn, [worn.reading("a", 500), worn.reading("a", 1)])
    assert len(waiting.take(9).reads) == 1
    assert len(waiting.take(9).reads) == 1


def test_rows_whose_adapters_have_slots_pass_one_that_waits_for_a_slot(worn: Worn) -> None:
    hot, rare = [worn.writing("a", 5), worn.writing("b", 5)], worn.reading("c", 5)
    waiting = queue(worn, [*hot, rare, worn.reading("a", 5), worn.reading("b", 5)])
    taken = waiting.take(9)
    assert [job for job, _ in taken.prompts] == hot and len(taken.reads) == 2
    assert list(waiting) == [rare]
    for job in hot:
        waiting.release(job)
    for job, _ in taken.reads:
        waiting.release(job)
    assert [job for job, _ in waiting.take(9).reads] == [rare]


def test_a_rare_adapter_is_not_passed_for_ever(worn: Worn) -> None:
    """Two hot adapters always have rows that run; after `MAX_PASSED_OVER` steps new ones wait behind the rare one."""
    waiting = queue(worn, [worn.writing("a", 1), worn.writing("b", 1)])
    running = [job for job, _ in waiting.take(9).prompts]
    rare = worn.reading("c", 1)
    waiting.put(rare)
    for _ in range(MAX_PASSED_OVER):
        for name in ("a", "b"):
            waiting.put(worn.writing(name, 1))
        fresh = [job for job, _ in waiting.take(9).prompts]
        assert len(fresh) == 2, "nobody is held up by the one that waits"
        for job in running:
            waiting.release(job)
        running = fresh
    waiting.put(worn.writing("a", 1))
    assert not waiting.take(9), "now they wait"
    waiting.release(running[0])
    taken = waiting.take(9)
    assert [job for job, _ in taken.reads] == [rare]


def test_prompts_beyond_the_room_wait_and_rows_to_read_do_not(worn: Worn) -> None:
    prompts, read = [worn.writing("a", 5), worn.writing("a", 5)], worn.reading("b", 5)
    waiting = queue(worn, [*prompts, read])
    taken = waiting.take(1)
    assert [job for job, _ in taken.prompts] == prompts[:1] and [job for job, _ in taken.reads] == [read]
    assert list(waiting) == prompts[1:]


def test_what_is_withdrawn_is_not_taken_and_holds_no_slot(worn: Worn) -> None:
    long = worn.reading("a", 60, 60)
    waiting = queue(worn, [long])
    waiting.take(9)
    long.withdrawn = True
    assert not waiting.take(9) and len(waiting) == 0
    assert long.entry is not None and long.entry.leases == 0


def test_one_that_did_not_fit_keeps_its_place_before_those_that_wait_for_its_slot() -> None:
    """It holds the only slot: behind one that nobody may overtake, neither would ever be taken."""
    worn = Worn(slots=1)
    waiting = queue(worn, [worn.reading("b", 1)], tokens=50)
    (held,) = [job for job, _ in waiting.take(9).reads]
    waiting.release(held)
    rare = worn.reading("a", 1)
    waiting.put(worn.reading("b", 40))
    waiting.put(rare)
    for _ in range(3 * MAX_PASSED_OVER):
        waiting.put(worn.reading("b", 40))
        taken = waiting.take(9)
        assert taken, "a step that takes nothing would be the last one"
        for job, _ in taken.reads:
            waiting.release(job)
        if rare in [job for job, _ in taken.reads]:
            break
    else:
        pytest.fail("the rare one never came")
    worn.pool.close()
