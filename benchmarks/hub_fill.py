"""A hundred thousand adapters in a Hub server's database, written by SQL: as publishing each would have left it.

What is random is drawn from one seed, so both databases get the same rows. Frequencies are skewed as on a real Hub:
a few bases, tasks and labels are in a third of all adapters, most are in a handful.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, insert, text

from registry.finding import AdapterFacts
from registry.index import Database, tags
from registry.index import tables as t
from registry.store import BlobStore, FolderObjects, Scratch

BATCH = 5000  # repositories written at once
FILES = {"README.md": 900, "adapter_config.json": 700, "adapter_model.safetensors": 40_000, "manifest.json": 1500}
WORDS = """
acme amber banking birch cedar clinic coral delta ember falcon fjord gamma harbor iris jade kernel lotus maple nova onyx
opal pine quartz raven river sable sierra tango umber violet willow xenon yarrow zephyr
""".split()  # noqa: SIM905 - one word a line would be forty lines
TASKS = ["text-classification", "token-classification", "question-answering", "text-generation", "summarization"]
TASKS += ["translation", "multiple-choice", "text2text-generation"]
METHODS = ["lora", "lora", "lora", "lora", "lora", "lora", "ia3", "prefix-tuning", "prompt-tuning"]
LICENCES = ["apache-2.0", "apache-2.0", "mit", "cc-by-4.0", "llama3", "other"]
LANGUAGES = ["en", "en", "en", "zh", "de", "fr", "es", "ja", "pt", "hi", "ar", "sw"]
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """One repository that was written, for a brute-force search over all of them."""

    id: int
    name: str
    private: bool
    downloads: int
    likes: int
    created: datetime
    updated: datetime
    status: str
    facts: AdapterFacts
    tags: frozenset[str]


def adapters(count: int, seed: int = 0) -> Iterator[Made]:
    """The repositories, the same for the same seed."""
    draw = random.Random(seed)
    bases = [f"{draw.choice(WORDS)}-ai/{draw.choice(WORDS)}-{size}b" for size in range(1, 301)]
    labels = [f"{draw.choice(WORDS)}_{number}" for number in range(600)]
    owners = [f"{draw.choice(WORDS)}{number}" for number in range(3000)]
    for number in range(1, count + 1):
        base = bases[_zipf(draw, len(bases))]
        task = TASKS[_zipf(draw, len(TASKS))]
        method = draw.choice(METHODS)
        facts = AdapterFacts(
            base=base,
            fingerprint=f"sha256:{hashlib.sha256(base.encode()).hexdigest()}" if draw.random() < 0.7 else None,
            task=task,
            method=method,
            rank=draw.choice([4, 8, 8, 8, 16, 16, 32, 64]) if method == "lora" else None,
            licence=draw.choice(LICENCES),
            labels=sorted({labels[_zipf(draw, len(labels))] for _ in range(draw.randint(2, 6))}),
            languages=sorted({draw.choice(LANGUAGES) for _ in range(draw.choice([1, 1, 2]))}),
            size=sum(FILES.values()),
            metrics={name: round(draw.random(), 4) for name in draw.sample(["accuracy", "f1", "rouge1"], 2)},
        )
        created = EPOCH + timedelta(seconds=draw.randrange(20_000_000))
        name = f"{owners[_zipf(draw, len(owners))]}/{draw.choice(WORDS)}-{task[:8]}-{draw.choice(WORDS)}-{number:x}"
        yield Made(
            id=number,
            name=name,
            private=draw.random() < 0.03,
            downloads=int(draw.paretovariate(0.7)),
            likes=int(draw.paretovariate(1.2)) - 1,
            created=created,
            updated=created + timedelta(seconds=draw.randrange(5_000_000)),
            status="active" if draw.random() < 0.99 else "yanked",
            facts=facts,
            tags=frozenset(tags.key(tag) for tag in tags.of("model", card(facts), facts)),
        )


def card(facts: AdapterFacts) -> dict[str, Any]:
    """The front matter that an adapter's README.md would have."""
    return {
        "base_model": facts.base,
        "library_name": "peft",
        "pipeline_tag": facts.task,
        "license": facts.licence,
        "language": list(facts.languages),
        "tags": ["adapter", f"made-{len(facts.labels)}"],
    }


def fill(database: Database, data: Path, made: Sequence[Made]) -> None:
    """Write them into an empty database that has its tables, and the few files that all of them share into a store."""
    store = BlobStore(FolderObjects(data, Scratch(data / "tmp")))
    contents = {path: random.Random(path).randbytes(size) for path, size in FILES.items()}
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    for path, content in contents.items():
        source = data / f"fill-{path}"
        data.mkdir(parents=True, exist_ok=True)
        source.write_bytes(content)
        store.put(source, digests[path])
        source.unlink()
    shared = [{"sha256": digests[path], "size": size, "created": EPOCH} for path, size in FILES.items()]
    _write(database, {t.BlobRow: shared})
    for start in range(0, len(made), BATCH):
        _write(database, _rows(made[start : start + BATCH], digests))
    _settle(database, len(made))


def _settle(database: Database, last: int) -> None:
    """Leave nothing to the background of the first minutes: statistics and dead rows, and pages to be written."""
    statements = ["PRAGMA wal_checkpoint(TRUNCATE)"]
    if database.engine.dialect.name == "postgresql":
        following = "SELECT setval(pg_get_serial_sequence('{}', 'id'), {})"
        statements = [following.format(table, last + 1) for table in ("repositories", "versions")]
        statements += ["VACUUM ANALYZE", "CHECKPOINT"]
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            connection.execute(text(statement))


def _rows(some: Sequence[Made], digests: Mapping[str, str]) -> dict[type[t.Table], list[dict[str, Any]]]:
    found: dict[type[t.Table], list[dict[str, Any]]] = {}
    for one in some:
        for table, row in _of(one, digests):
            found.setdefault(table, []).append(row)
    return found


def _of(one: Made, digests: Mapping[str, str]) -> Iterator[tuple[type[t.Table], dict[str, Any]]]:
    """All rows of one repository: a commit of four files, its main branch, one version, and its facts."""
    commit, own = hashlib.sha256(one.name.encode()).hexdigest()[:40], {"repository_id": one.id}
    manifest = json.dumps({"of": one.name, "padding": "x" * 1200}).encode()
    key = one.name.lower()
    yield (
        t.RepositoryRow,
        {
            "id": one.id,
            "kind": "model",
            "name": one.name,
            "key": key,
            "namespace": key.partition("/")[0],
            "created": one.created,
            "updated": one.updated,
            "private": one.private,
            "gated": "",
            "deleted": None,
            "downloads": one.downloads,
            "likes": one.likes,
            "card": card(one.facts),
        },
    )
    yield t.CommitRow, {"oid": commit, **own, "message": "Publish 1.0.0", "author": "", "created": one.updated}
    for path, size in FILES.items():
        entry = {"commit": commit, "path": path, "sha256": digests[path], "size": size, "oid": None, "changed": commit}
        yield t.TreeEntryRow, entry
    yield t.RefRow, {**own, "kind": "branch", "name": "main", "commit": commit, "version": None}
    yield t.RefRow, {**own, "kind": "tag", "name": "1.0.0", "commit": commit, "version": "1.0.0"}
    yield (
        t.VersionRow,
        {
            "id": one.id,
            **own,
            "number": "1.0.0",
            "commit": commit,
            "digest": f"sha256:{hashlib.sha256(manifest).hexdigest()}",
            "manifest": manifest,
            "derived": False,
            "status": one.status,
            "reason": "",
            "created": one.updated,
            "removed": None,
        },
    )
    facts = {column: getattr(one.facts, column) for column in ("base", "fingerprint", "task", "method", "rank", "size")}
    lists = {"labels": list(one.facts.labels), "languages": list(one.facts.languages), "licence": one.facts.licence}
    yield t.AdapterRow, {**own, "version_id": one.id, "status": one.status, **facts, **lists}
    for name, value in one.facts.metrics.items():
        yield t.MetricRow, {**own, "name": name, "value": value}
    for part in tags.parts(key):
        yield t.NamePartRow, {"part": part, **own}
    for tag in one.tags:
        yield t.TagRow, {"tag": tag, **own}


def _write(database: Database, rows: Mapping[type[t.Table], Sequence[Mapping[str, Any]]]) -> None:
    order = [table.name for table in t.Table.metadata.sorted_tables]
    with database.engine.begin() as connection:
        for table in sorted(rows, key=lambda table: order.index(table.__tablename__)):
            if connection.dialect.name != "postgresql":
                connection.execute(insert(table), list(rows[table]))
                continue
            columns = list(table.__table__.columns)
            names = ", ".join(column.name for column in columns)
            raw: Any = connection.connection.driver_connection
            with raw.cursor() as cursor, cursor.copy(f"COPY {table.__tablename__} ({names}) FROM STDIN") as copy:
                for row in rows[table]:
                    copy.write_row([_plain(row.get(column.name, _default(column))) for column in columns])


def _default(column: Column[Any]) -> Any:
    """What an insert would fill in; COPY does not."""
    return column.default.arg if column.default is not None and column.default.is_scalar else None


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def _zipf(draw: random.Random, count: int) -> int:
    """A number below `count`, the small ones most often: Zipf's law with exponent 1, by its inverse."""
    return min(int(count ** draw.random()) - 1, count - 1)
