"""The thread that computes: step after step over the rows of all callers, whatever they wear.

A step reads rows, begins to continue prompts, and adds one token to everything that is being continued. What goes wrong
in it is the fault of one row or of all: those that are read are tried again one by one, and those that are continued
half by half, so that a row is never refused for its neighbour's sake.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch

from adapterhub.backbone import Backbone
from adapterhub.errors import EngineClosed
from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.job import Job, Reading, Writing
from adapterhub.runtime.passes import read
from adapterhub.runtime.passes.batches import open_batch
from adapterhub.runtime.passes.generate import Continuation
from adapterhub.runtime.passes.read import EncodedRow
from adapterhub.runtime.queue import JobQueue, Taken
from adapterhub.runtime.residency.pool import AdapterPool


class Scheduler:
    """Takes jobs from any thread and computes them in its own, until `close`."""

    def __init__(self, backbone: Backbone, pool: AdapterPool, *, max_step_tokens: int, max_sequences: int) -> None:
        """Start the thread.

        Args:
            max_step_tokens: tokens that a step reads at most; a longer input is read by itself.
            max_sequences: how many prompts are continued at a time; each has keys and values of its own.
        """
        self._backbone = backbone
        self._max_sequences = max_sequences
        self._queue = JobQueue(pool, max_step_tokens)
        self._changed = pool.changed  # a job came, or a slot was filled or freed
        self._closed = False
        self._batch = open_batch(backbone)
        self._writing: list[Writing] = []
        self._taken = Taken()
        self._thread = threading.Thread(target=self._run, name="engine-steps", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many jobs no step has taken yet."""
        return len(self._queue)

    @property
    def writing(self) -> int:
        """How many prompts are being continued."""
        return len(self._writing)

    def put(self, job: Job) -> None:
        """Let `job` be done. Its adapter is in host memory, and stays claimed until then.

        Raises:
            EngineClosed: it was closed.
        """
        with self._changed:
            if self._closed:
                raise EngineClosed()
            self._queue.put(job)
            self._changed.notify_all()

    def close(self) -> None:
        """Finish the step that runs, and refuse everything that is not done by it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        error: Exception = EngineClosed()
        try:
            while self._step():
                pass
        except BaseException as fault:  # a fault of ours, or of a device that is gone: nobody may wait for this thread
            error = EngineClosed(f"the engine cannot compute any more: {fault!r}")
        with self._changed:
            self._closed = True
            left = [*self._taken.jobs(), *self._queue, *self._writing]
        for job in left:
            self._fail(job, error)

    def _step(self) -> bool:
        """Compute what there is to compute, and keep nothing of it; False at the end."""
        taken = self._next()
        if taken is None:
            return False
        self._taken = taken
        with torch.inference_mode():
            for job, error in taken.failed:
                self._fail(job, error)
            self._read(sorted(taken.reads, key=lambda part: _digest(part[0])))
            self._begin(sorted(taken.prompts, key=lambda prompt: _digest(prompt[0])))
            self._continue()
        self._taken = Taken()
        return True

    def _next(self) -> Taken | None:
        """Wait until there is something to compute; None at the end."""
        with self._changed:
            while not self._closed:
                taken = self._queue.take(self._max_sequences - len(self._writing))
                if taken or self._writing:
                    return taken
                self._changed.wait()
            return None

    def _read(self, parts: Sequence[tuple[Reading, list[EncodedRow]]]) -> None:
        if not parts:
            return
        try:
            outputs = iter(read.outputs(self._backbone, [row for _, rows in parts for row in rows]))
        except Exception as error:  # whatever a model raises is for the rows of the step; the thread goes on
            if len(parts) == 1:
                self._fail(parts[0][0], error)
            else:
                for part in parts:
                    self._read([part])
            return
        for job, rows in parts:
            if not job.unread:
                self._release(job)  # before its caller goes on, who may look
            job.accept([next(outputs) for _ in rows])

    def _begin(self, prompts: Sequence[tuple[Writing, Adapter | None]]) -> None:
        if not prompts:
            return
        for job, adapter in prompts:
            ids = job.inputs[0].input_ids
            job.continuation = Continuation(self._backbone, adapter, ids, job.max_new_tokens, job.sampler)
        try:
            self._batch.join([job.continuation for job, _ in prompts if job.continuation])
        except Exception as error:  # as in `_read`
            if len(prompts) == 1:
                self._fail(prompts[0][0], error)
            else:
                for prompt in prompts:
                    self._begin([prompt])
            return
        self._writing += [job for job, _ in prompts]
        self._leave()

    def _continue(self) -> None:
        """Add a token to everything that is being continued."""
        self._batch.drop([job.continuation for job in self._writing if job.withdrawn and job.continuation])
        try:
            self._batch.step()
        except Exception as error:  # as in `_read`
            self._continue_apart(sorted(self._writing, key=_digest), error)
        self._leave()

    def _continue_apart(self, jobs: Sequence[Writing], error: Exception) -> None:
        """Add a token to each of `jobs`, which raised `error` together, and fail those that raise one alone.

        Half by half: of n one is found in 2 log n tries, and if all fail it took no more than 2 n.
        """
        if len(jobs) == 1:
            self._batch.drop([job.continuation for job in jobs if job.continuation])
            self._writing.remove(jobs[0])
            return self._fail(jobs[0], error)
        middle = len(jobs) // 2
        for half in (jobs[:middle], jobs[middle:]):
            try:
                self._batch.step([job.continuation for job in half if job.continuation])
            except Exception as again:  # as in `_read`
                self._continue_apart(half, again)

    def _leave(self) -> None:
        """Hand over what is finished."""
        for job in [job for job in self._writing if job.continuation and job.continuation.finished]:
            self._writing.remove(job)
            self._release(job)
            job.done.set_result(job.continuation.tokens if job.continuation else [])

    def _fail(self, job: Job, error: Exception) -> None:
        job.withdrawn = True  # what of it no step has read yet is not read any more
        self._release(job)
        if not job.done.done():
            job.done.set_exception(error)

    def _release(self, job: Job) -> None:
        with self._changed:
            self._queue.release(job)


def _digest(job: Job) -> str:
    return job.entry.digest if job.entry else ""
