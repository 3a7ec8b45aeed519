"""How long a Hub server takes to answer: searches among a hundred thousand adapters, and what a revision means.

Real server processes over real HTTP, one on SQLite and one on PostgreSQL, take turns with the same queries. All
answers must agree between them, and a sample with a search that looks at every adapter. Then what a server bears
(``hub_traffic``): downloads beside nginx's, clients that publish, and its memory.

    python -m benchmarks.hub [--adapters 100000] [--rounds 5] [--json]
"""

from __future__ import annotations

import http.client
import json
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import click

from benchmarks import harness, hub_fill, hub_oracle, hub_traffic
from benchmarks.harness import Disagreement, percentile
from benchmarks.hub_fill import Made
from registry.finding import AdapterQuery
from registry.index import Database
from registry.index.search import RepositoryQuery
from tests.support.hub import DATABASES, HubServer, PostgreSQL

GOAL_MS = 50  # p99 of searches
PAGE = 20
DEEP = 10  # pages that a query is followed for
CHECKED = 40  # answers of each round that are compared with the oracle


@dataclass
class Client:
    """One connection that stays open, as those of Hub clients do, and the milliseconds that answers took."""

    server: HubServer
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    searched: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)

    def connect(self) -> None:
        """Anew: a server closes connections on which nothing was asked for a few seconds."""
        self._connection.close()
        self._connection.connect()

    def ask(self, kind: str, path: str, method: str = "GET") -> tuple[Any, str | None]:
        """The body of an answer as JSON, and the address of the next page."""
        started = time.perf_counter()
        self._connection.request(method, path)
        answer = self._connection.getresponse()
        body = answer.read()
        elapsed = (time.perf_counter() - started) * 1000
        self.milliseconds.setdefault(kind, []).append(elapsed)
        if kind == "search":
            self.searched.append((round(elapsed, 1), path))
        if answer.status != 200:
            raise Disagreement(f"{path} was answered with {answer.status}: {body[:300]!r}")
        link = answer.getheader("Link")
        return json.loads(body or b"null"), link and "/" + link[1 : link.index(">")].split("/", 3)[3]

    def figures(self, kind: str, database: str) -> dict[str, float]:
        """The median and the slowest of a hundred."""
        found = self.milliseconds[kind]
        return {f"{kind}_p{at}_ms_{database}": round(percentile(found, at), 2) for at in (50, 99)}


def queries(made: Sequence[Made], draw: random.Random) -> Iterator[RepositoryQuery | AdapterQuery]:
    """What people and programs ask: of common and rare things, alone and combined, in every order."""
    some = [draw.choice(made) for _ in range(16)]
    name = some[0].name.partition("/")[2]
    tag = draw.choice(sorted(some[1].tags))
    yield RepositoryQuery()
    yield RepositoryQuery(tags=["lora"], sort="downloads")
    yield RepositoryQuery(tags=[tag], sort="downloads")
    yield RepositoryQuery(tags=[f"base_model:{some[2].facts.base}", some[2].facts.task], sort="lastModified")
    yield RepositoryQuery(
        tags=["en", f"license:{some[3].facts.licence}", f"label:{some[3].facts.labels[0]}"], sort="likes"
    )
    yield RepositoryQuery(tags=["rank:8", "rank:16"], sort="downloads")  # both common, never together
    yield RepositoryQuery(search=[name[2:9]], sort="downloads")
    yield RepositoryQuery(search=[name[-6:]])
    yield RepositoryQuery(search=["text-cla"], tags=["ia3"], sort="createdAt")
    yield RepositoryQuery(search=[draw.choice(["zzq", "no-such-adapter"])], tags=["lora"])
    yield RepositoryQuery(author=some[4].name.partition("/")[0], sort="downloads")
    yield AdapterQuery(base=some[5].facts.base, task=some[5].facts.task, sort="downloads")
    yield AdapterQuery(base=some[6].facts.base, metric="f1", min_value=0.8, sort="metric")
    yield AdapterQuery(task=some[7].facts.task, metric="accuracy", sort="metric")
    yield AdapterQuery(labels=tuple(some[8].facts.labels[:2]), sort="downloads")
    yield AdapterQuery(min_rank=16, max_rank=32, language=some[9].facts.languages[0], licence="mit", sort="likes")
    yield AdapterQuery(search=draw.choice(hub_fill.WORDS), method="ia3", status="any")
    yield AdapterQuery(status="yanked", task=some[10].facts.task)
    if some[11].facts.fingerprint:
        about = some[11].facts
        yield AdapterQuery(base=about.base, fingerprint=about.fingerprint, unverified=True, language=about.languages[0])


def path_of(query: RepositoryQuery | AdapterQuery) -> str:
    """The request of a query."""
    if isinstance(query, RepositoryQuery):
        asked = {"search": query.search, "author": query.author, "filter": query.tags, "sort": query.sort}
        return f"/api/models?{_parameters(asked)}"
    asked = {name: value for name, value in vars(query).items() if name != "labels" and value is not False}
    return f"/api/adapters?{_parameters({**asked, 'label': query.labels})}"


def _parameters(asked: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in asked.items() if value} | {"limit": PAGE}, doseq=True)


def names_of(body: Any) -> list[str]:
    """The repositories of a page."""
    if isinstance(body, list):
        return [one["id"] for one in body]
    return [one["repository"] for one in body["adapters"]]


def search_round(clients: Mapping[str, Client], made: Sequence[Made], draw: random.Random) -> int:
    """Ask every query of every server, some for pages deep down, and return how many answers agreed."""
    agreed = 0
    for number, query in enumerate(queries(made, draw)):
        depth = DEEP if number % 3 == 0 else 2
        found = {}
        turn = list(clients)
        draw.shuffle(turn)
        for database in turn:
            found[database] = _followed(clients[database], path_of(query), depth)
        expected = _expected(made, query)[: depth * PAGE] if number < CHECKED else None
        if len({tuple(names) for names in found.values()}) > 1:
            raise Disagreement(f"the databases answer {path_of(query)} differently")
        if expected is not None and next(iter(found.values())) != expected:
            raise Disagreement(f"{path_of(query)} does not find what looking at every adapter finds")
        agreed += 1
    return agreed


def _expected(made: Sequence[Made], query: RepositoryQuery | AdapterQuery) -> list[str]:
    if isinstance(query, RepositoryQuery):
        return hub_oracle.repositories(made, query)
    return hub_oracle.adapters(made, query)


def _followed(client: Client, path: str, pages: int) -> list[str]:
    client.connect()
    names: list[str] = []
    following: str | None = path
    for _ in range(pages):
        if following is None:
            break
        body, following = client.ask("search", following)
        names += names_of(body)
    return names


def resolve_round(clients: Mapping[str, Client], made: Sequence[Made], draw: random.Random, count: int = 100) -> None:
    """Ask what revisions mean, and what a file is, of adapters drawn at random."""
    public = [one.name for one in (draw.choice(made) for _ in range(count)) if not one.private]
    for name in public:
        for client in clients.values():
            client.connect()
            revision = draw.choice(["main", "1.0.0"])
            client.ask("resolve", f"/api/models/{name}/revision/{quote(revision, safe='')}")
            client.ask("resolve", f"/{name}/resolve/{revision}/adapter_config.json", "HEAD")
            client.ask("nothing", "/api/agent-harnesses")  # what this machine needs for any answer at all


def traffic(running: Mapping[str, HubServer], rounds: int) -> dict[str, float]:
    """What the servers bear; the file is the same on both, so downloads are from the first."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="adapterhub-bench-") as folder:
        first, *_ = running.values()
        found |= hub_traffic.download_share(first, Path(folder), 4 * rounds)
        found |= hub_traffic.memory_while_downloading(first, Path(folder), rounds)
        for database, server in running.items():
            (root := Path(folder) / database).mkdir()
            found[f"publishes_per_s_{database}"] = hub_traffic.publishes_per_second(server, root, rounds)
    return found | {"publishes_per_s": found["publishes_per_s_sqlite"]}


@contextmanager
def servers(made: Sequence[Made]) -> Iterator[dict[str, Client]]:
    """A running server on each database, filled."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="adapterhub-bench-")))
        cluster = PostgreSQL()
        stack.callback(cluster.remove)
        clients = {}
        for kind in DATABASES:
            address = cluster.create() if kind == "postgresql" else ""
            server = HubServer(root / kind, address)
            server.data.mkdir()
            server.command("migrate")
            database = Database.at(address or f"sqlite:///{server.data / 'index.sqlite'}")
            hub_fill.fill(database, server.data, made)
            database.close()
            stack.callback(server.stop)
            clients[kind] = Client(server.start())
        yield clients


@click.command()
@click.option("--adapters", default=100_000, show_default=True, help="Adapters in each database.")
@click.option("--rounds", default=5, show_default=True, help="Timed rounds, after one that warms up.")
@click.option("--json", "as_json", is_flag=True, help="Print the JSON line only.")
def main(adapters: int, rounds: int, as_json: bool) -> None:
    """Fill both databases, and time searches and resolving through HTTP."""
    made = list(hub_fill.adapters(adapters))
    agreed = 0
    with servers(made) as clients:
        for turn in range(1 + rounds):
            draw = random.Random(turn)
            if turn == 1:
                for client in clients.values():
                    client.milliseconds.clear()
                    client.searched.clear()
            agreed += search_round(clients, made, draw)
            resolve_round(clients, made, draw)
        found: dict[str, Any] = {"adapters": adapters, "queries_that_agreed": agreed, "search_goal_p99_ms": GOAL_MS}
        for database, client in clients.items():
            found[f"slowest_searches_{database}"] = sorted(client.searched, reverse=True)[:3]
            for kind in ("search", "resolve", "nothing"):
                found |= client.figures(kind, database)
        found |= traffic({database: client.server for database, client in clients.items()}, rounds)
    harness.report(harness.facts(), found, as_json)


if __name__ == "__main__":
    main()
