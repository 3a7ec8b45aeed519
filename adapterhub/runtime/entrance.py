"""How requests come in: each takes its versions, counts on them, and goes on as soon as its own are in memory.

Knows names, versions and the pool. Knows nothing of rows: what they hold, and how they are computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from adapterhub.backbone import Backbone
from adapterhub.errors import RequestError, RowError
from adapterhub.runtime.adapters.adapter import Adapter
from adapterhub.runtime.adapters.blend import Blend, blend
from adapterhub.runtime.adapters.memory import compact
from adapterhub.runtime.residency.entry import Entry, Wearable
from adapterhub.runtime.residency.pool import AdapterPool
from adapterhub.tasks import Row
from registry import Follower, Version

Reference = str | Mapping[str, float] | None
"""``owner/name@selector``; several of them with their weights; or None for the bare backbone."""

Request = tuple[Reference, Row]


@dataclass
class Ticket:
    """A request on its way.

    Attributes:
        index: its place among the requests.
        wanted: what it took on entry; None for the bare backbone.
        entry: that in the pool, once it is in host memory.
    """

    index: int
    wanted: Wearable | None
    row: Row
    entry: Entry | None = None

    @property
    def adapter(self) -> Adapter | None:
        """What it wears, as it is in host memory."""
        return self.entry.host.result() if self.entry else None

    @property
    def version(self) -> Version | None:
        """The version that answers: of several the first, whose task and head it is."""
        return self.wanted.parts[0][0] if isinstance(self.wanted, Blend) else self.wanted


class Entrance:
    """From names to adapters in host memory. Safe to use from threads."""

    def __init__(self, follower: Follower, pool: AdapterPool, backbone: Backbone) -> None:
        """Follow names by `follower`, and load into `pool` for `backbone`."""
        self._follower = follower
        self._pool = pool
        self._backbone = backbone

    def enter(self, requests: Sequence[Request]) -> list[Ticket]:
        """A ticket for each request, with the versions that its names stand for now; the same name, the same version.

        Raises:
            RegistryError: a name does not resolve, or its version is revoked.
            RequestError: a blend is none.
        """
        known: dict[str, Version] = {}

        def version(reference: str) -> Version:
            if reference not in known:
                known[reference] = self._follower.follow(reference)
            return known[reference]

        tickets = []
        for index, (reference, row) in enumerate(requests):
            wanted: Wearable | None = None
            if isinstance(reference, Mapping):
                try:
                    wanted = Blend(tuple((version(name), weight) for name, weight in reference.items()))
                except RequestError as error:
                    raise RowError(index, error.message, error.hint) from error
            elif reference is not None:
                wanted = version(reference)
            tickets.append(Ticket(index, wanted, row))
        return tickets

    def parts(self, tickets: Sequence[Ticket]) -> Iterator[list[Ticket]]:
        """The tickets in runs that wear no more adapters than there are slots: so much they count on at a time."""
        part: list[Ticket] = []
        worn: set[str] = set()
        for ticket in sorted(tickets, key=_digest):
            if _digest(ticket) not in worn and len(worn) >= self._pool.budget.slots:
                yield part
                part, worn = [], set()
            part.append(ticket)
            worn.add(_digest(ticket))
        if part:
            yield part

    @contextmanager
    def loading(self, tickets: Sequence[Ticket]) -> Iterator[Iterator[Ticket]]:
        """Load all that `tickets` wear, and count on it until the block ends.

        The block is given each ticket with its `entry` as soon as that is in memory: none waits for another's.

        Raises:
            RegistryError, AdapterError: a version cannot be had, or does not fit.
            RequestError: adapters cannot be blended.
        """
        with ExitStack() as stack:
            groups: dict[str, list[Ticket]] = {}
            for ticket in tickets:
                groups.setdefault(_digest(ticket), []).append(ticket)
            claimed: dict[str, Entry] = {}
            for first, *_ in groups.values():
                for version in _versions(first.wanted):
                    if version.digest not in claimed:
                        claimed[version.digest] = entry = self._pool.claim(version)
                        stack.callback(self._pool.unclaim, entry)
            yield self._as_loaded(list(groups.values()), claimed, stack)

    def _as_loaded(
        self, groups: list[list[Ticket]], claimed: Mapping[str, Entry], stack: ExitStack
    ) -> Iterator[Ticket]:
        needs = [(group, [claimed[one.digest] for one in _versions(group[0].wanted)]) for group in groups]
        while needs:
            later = []
            for group, entries in needs:
                if not all(entry.host.done() for entry in entries):
                    later.append((group, entries))
                    continue
                worn = self._worn(group[0].wanted, entries, stack)
                for ticket in group:
                    ticket.entry = worn
                    yield ticket
            needs = later
            wait(
                {entry.host for _, entries in needs for entry in entries if not entry.host.done()},
                None,
                FIRST_COMPLETED,
            )

    def _worn(self, wanted: Wearable | None, entries: Sequence[Entry], stack: ExitStack) -> Entry | None:
        """The entry of what is wanted, its adapter in memory."""
        if wanted is None:
            return None
        parts = [entry.host.result() for entry in entries]
        if not isinstance(wanted, Blend):
            return entries[0]
        weights = [weight for _, weight in wanted.parts]
        weighted = list(zip(parts, weights, strict=True))
        made = self._pool.claim_made(
            wanted, lambda: compact(blend(wanted.digest, weighted, self._backbone.dtype), self._backbone.device)
        )
        stack.callback(self._pool.unclaim, made)
        return made


def _digest(ticket: Ticket) -> str:
    return ticket.wanted.digest if ticket.wanted else ""


def _versions(wanted: Wearable | None) -> list[Version]:
    if isinstance(wanted, Blend):
        return [version for version, _ in wanted.parts]
    return [] if wanted is None else [wanted]
