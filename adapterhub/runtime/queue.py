"""Which jobs the next step takes: the order of arrival, and when a job may be overtaken.

Knows slots and token budgets; computes nothing and waits for nothing. A job whose adapter has no slot yet lets those
behind it pass, so no batch waits for another row's adapter. But only so often: after `MAX_PASSED_OVER` steps nobody
overtakes it, so the rows that run finish, a slot is free, and hot adapters cannot keep a rare one out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.job import Job, Reading, Writing
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.runtime.residency.pool import AdapterPool

MAX_PASSED_OVER = 16  # steps


@dataclass(frozen=True)
class Taken:
    """What a step does.

    Attributes:
        reads: jobs, and those of their inputs that are read now.
        prompts: jobs that are begun, and the adapters in their slots.
        failed: jobs whose adapter could not be placed, and why.
    """

    reads: list[tuple[Reading, list[EncodedRow]]] = field(default_factory=list)
    prompts: list[tuple[Writing, Adapter | None]] = field(default_factory=list)
    failed: list[tuple[Job, RuntimeError]] = field(default_factory=list)

    def jobs(self) -> list[Job]:
        """All of them."""
        return [job for parts in (self.reads, self.prompts, self.failed) for job, _ in parts]

    def __bool__(self) -> bool:
        return bool(self.reads or self.prompts or self.failed)


class JobQueue:
    """Jobs in the order of their arrival. Used under the pool's lock."""

    def __init__(self, pool: AdapterPool, max_step_tokens: int) -> None:
        self._pool = pool
        self._max_step_tokens = max_step_tokens
        self._jobs: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs)

    def put(self, job: Job) -> None:
        """Let `job` wait behind the others."""
        self._jobs.append(job)

    def take(self, room: int) -> Taken:
        """The jobs of the next step, their adapters leased; `room` is for so many more prompts.

        Inputs have `max_step_tokens` together at most, or are one.
        """
        taken, left = Taken(), self._max_step_tokens
        staying: list[Job] = []
        without_slot: list[Job] = []
        unfinished: Job | None = None
        while self._jobs and left > 0:
            job = self._jobs.popleft()
            if job.withdrawn:
                self.release(job)
                continue
            if isinstance(job, Writing) and len(taken.prompts) >= room:
                staying.append(job)
                continue
            try:
                adapter = self._lease(job)
            except RuntimeError as error:  # the device has no memory for it
                taken.failed.append((job, error))
                continue
            if adapter is None and job.entry is not None:
                staying.append(job)
                without_slot.append(job)
                if job.passed_over >= MAX_PASSED_OVER:
                    break
                continue
            left -= self._add(taken, job, adapter, left)
            if job.unread:
                unfinished = job
                break
        self._jobs.extendleft(reversed(staying))
        if unfinished is not None:
            self._jobs.appendleft(unfinished)  # it holds a slot, so it goes before those that wait for one
        if taken:
            for job in without_slot:
                job.passed_over += 1
        return taken

    def release(self, job: Job) -> None:
        """Give the slot of a job back that is done, or will not be done."""
        if job.leased and job.entry is not None:
            job.leased = False
            self._pool.unlease(job.entry)

    def _lease(self, job: Job) -> Adapter | None:
        """The job's adapter in its slot; a job that is taken in several steps leases it once."""
        if job.entry is None:
            return None
        if job.leased and job.entry.slot is not None:
            return job.entry.slot.result()
        adapter = self._pool.lease(job.entry)
        job.leased = adapter is not None
        return adapter

    def _add(self, taken: Taken, job: Job, adapter: Adapter | None, left: int) -> int:
        """Take of `job` what fits into `left` tokens, or into an empty step; the tokens of that."""
        rows: list[EncodedRow] = []
        total = 0
        for one in job.unread:
            row = EncodedRow(adapter, one)
            if total + row.tokens_to_feed > left and (rows or taken.reads or taken.prompts):
                break
            rows.append(row)
            total += row.tokens_to_feed
        job.taken += len(rows)
        if isinstance(job, Reading) and rows:
            taken.reads.append((job, rows))
        elif isinstance(job, Writing) and rows:
            taken.prompts.append((job, adapter))
        return total
