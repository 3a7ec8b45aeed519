"""Facts follow from versions and cards in the transaction that changes them, and can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from registry import Facts, LocalRegistry
from registry.errors import InvalidReference
from registry.finding import AdapterQuery
from registry.folder.metadata import read_metadata
from registry.index import Database, facts, tags
from registry.index.history import History
from registry.index.pulls import Pulls
from registry.index.repositories import Repositories
from registry.index.search import RepositoryQuery, Search
from registry.index.tables import AdapterRow, BlobRow, RepositoryRow, TagRow, UploadRow
from registry.index.takedowns import Takedowns
from registry.index.trees import Delete, Put, TreeEntry
from tests.registry.folders import FACTS, front_matter, lora_shapes, write_adapter

CARDS: Mapping[str, Mapping[str, Any]] = {
    "1" * 64: {"license": "mit", "tags": ["Bank", "label:forged"], "library_name": "peft", "base_model": "a/b"},
    "2" * 64: {"license": "apache-2.0"},
}


def names(registry: LocalRegistry, **query: Any) -> list[str]:
    return [f"{one.repository}@{one.version}" for one in registry.search(AdapterQuery(**query))]


def index(registry: LocalRegistry) -> Database:
    return Database.in_file(registry.root / "index.sqlite")


def tags_of(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(TagRow.tag)))


def test_a_published_adapter_is_found_by_its_facts(registry: LocalRegistry, adapter: Path) -> None:
    registry.publish(adapter, "Acme/Intent", "1.0.0", facts=FACTS)
    assert names(registry, base="tests/tiny-bert", task="text-classification", labels=("CARD",)) == [
        "Acme/Intent@1.0.0"
    ]
    assert names(registry, search="ME/INT", min_rank=4, max_rank=4, licence="mit") == ["Acme/Intent@1.0.0"]
    assert names(registry, labels=("card", "nothing")) == []
    assert {"lora", "rank:4", "task:text-classification", "label:loan", "license:mit", "peft"} <= tags_of(
        index(registry)
    )


def test_the_facts_are_the_newest_versions(registry: LocalRegistry, tmp_path: Path) -> None:
    for number, label in (("1.0.0", "old"), ("1.1.0", "new"), ("2.0.0-rc.1", "next")):
        folder = write_adapter(tmp_path / label, shapes=lora_shapes(labels=2), seed=len(label))
        labels = (label, "other")
        known = Facts(base=FACTS.base, task=FACTS.task, licence="mit", labels=labels)
        registry.publish(folder, "acme/intent", number, facts=known)
    assert names(registry, labels=("new",)) == ["acme/intent@1.1.0"]
    assert names(registry, labels=("next",)) == names(registry, labels=("old",)) == []
    registry.yank("acme/intent@1.1.0", "wrong")
    assert names(registry, labels=("old",)) == ["acme/intent@1.0.0"]
    assert "label:new" not in tags_of(index(registry))
    registry.revoke("acme/intent@1.0.0", "worse")  # nothing can be chosen by the bare name now
    assert names(registry, status="any") == ["acme/intent@2.0.0-rc.1"]
    registry.revoke("acme/intent@2.0.0-rc.1", "as well")
    assert names(registry) == []
    assert names(registry, status="revoked") == ["acme/intent@2.0.0-rc.1"]


def test_the_card_of_a_folder_is_read(registry: LocalRegistry, tmp_path: Path) -> None:
    card = front_matter(base_model="tests/tiny-bert", tags=["Banking"], license="mit", labels=["a", "b", "c"])
    folder = write_adapter(tmp_path / "adapter", card=card)
    registry.publish(folder, "acme/intent", "1.0.0", facts=Facts(task="text-classification"))
    found = Search(index(registry)).repositories(RepositoryQuery(tags=["bankinG"])).items
    assert [one.repository.name for one in found] == ["acme/intent"]
    assert found[0].repository.card["tags"] == ["Banking"]


def history(database: Database) -> History:
    return History(database, lambda entry: CARDS.get(entry.sha256, {}))


def test_a_commit_to_main_takes_the_card_over(tmp_path: Path) -> None:
    database = Database.in_file(tmp_path / "index.sqlite")
    repository = Repositories(database).create("acme/x", "model", private=False, author="ada")
    with database.write() as session:
        for digest in CARDS:
            session.execute(insert(BlobRow).values(sha256=digest, size=9, created=repository.created))
            values = {"repository_id": repository.id, "sha256": digest, "created": repository.created}
            session.execute(insert(UploadRow).values(values))
    one, two = (Put(TreeEntry("README.md", 9, digest, digest[:40])) for digest in CARDS)
    history(database).commit(repository, "main", [one], "first", "ada")
    assert tags_of(database) == {"license:mit", "bank", "peft", "base_model:a/b", "base_model:adapter:a/b"}
    history(database).commit(repository, "main", [two], "second", "ada")
    assert tags_of(database) == {"license:apache-2.0"}
    assert Repositories(database).find("acme/x").card == CARDS["2" * 64]
    history(database).commit(repository, "main", [Delete("README.md")], "third", "ada")
    assert tags_of(database) == set()


def test_all_facts_are_made_again(registry: LocalRegistry, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", card=front_matter(tags=["kept"], license="mit"))
    registry.publish(folder, "acme/intent", "1.0.0", facts=FACTS)
    database = index(registry)
    before = tags_of(database)
    with database.write() as session:
        session.execute(delete(AdapterRow))
        session.execute(delete(TagRow))
        session.execute(insert(TagRow).values(tag="stale", repository_id=1))
        for row in session.scalars(select(RepositoryRow)):
            row.card = {}
    assert names(registry) == []
    assert facts.rebuild(database, lambda entry: {"tags": ["kept"], "license": "mit"}) == 1
    assert tags_of(database) == before
    assert "kept" in before
    assert names(registry) == ["acme/intent@1.0.0"]


def test_a_repository_is_found_by_its_new_name(tmp_path: Path) -> None:
    database = Database.in_file(tmp_path / "index.sqlite")
    repositories = Repositories(database)
    repositories.move(repositories.create("acme/old-one", "model", private=False, author="ada"), "acme/fresh", "ada")
    found = [Search(database).repositories(RepositoryQuery(search=[word])).items for word in ("old-one", "FRESH")]
    assert [len(items) for items in found] == [0, 1]


def test_a_card_cannot_claim_what_a_version_proves() -> None:
    card = {"tags": ["Task:summarization", "rank:9", "metric:f1", "base_fingerprint:x", "language:de", "fine"]}
    assert tags.of("model", card, None) == ["fine"]


def test_tags_are_shown_as_written_and_once() -> None:
    card = {"tags": ["LoRA", "lora"], "base_model": ["Qwen/Qwen3"], "base_model_relation": "finetune", "language": "en"}
    assert tags.of("model", card, None) == ["LoRA", "en", "base_model:Qwen/Qwen3", "base_model:finetune:Qwen/Qwen3"]
    assert tags.of("dataset", {"language": ["en"], "license": "mit"}, None) == ["language:en", "license:mit"]


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("a: 1\nb: [x, 2024-01-01, .inf, y]\nc: 2024-01-01", {"a": 1, "b": ["x", "y"]}),
        ("a: &a [*a]", {}),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n" * 1 + "c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
            "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]",
            {},
        ),
        ('a: "\\0"\nb: fine', {"b": "fine"}),
        ("a: 0x" + "f" * 6000, {}),
        ("- a", {}),
        ("a: [", {}),
        ("1: x\na: !!python/object:os.system x", {}),
        ("a: " + "[" * 5000, {}),
    ],
)
def test_cards_that_json_cannot_hold(yaml: str, expected: Mapping[str, Any]) -> None:
    assert read_metadata(f"---\n{yaml}\n---\n# text") == expected


@pytest.mark.parametrize("filters", [{"search": "a\0b"}, {"base": "x" * 300}, {"min_value": 0.5}, {"sort": "metric"}])
def test_filters_that_cannot_be_meant_are_refused(filters: dict[str, Any]) -> None:
    with pytest.raises(InvalidReference):
        AdapterQuery(**filters)


def test_a_takedown_leaves_nothing_to_find(registry: LocalRegistry, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "adapter", card=front_matter(tags=["leaked"], license="mit"))
    registry.publish(folder, "acme/intent", "1.0.0", facts=FACTS)
    database = index(registry)
    Takedowns(database).take_down(Repositories(database).find("acme/intent"), "1.0.0", "a leak", "ada")
    assert names(registry, status="any") == []
    assert tags_of(database) == set()
    assert Repositories(database).find("acme/intent").card == {}


def test_a_merge_takes_the_card_over(tmp_path: Path) -> None:
    database = Database.in_file(tmp_path / "index.sqlite")
    repository = Repositories(database).create("acme/x", "model", private=False, author="ada")
    digest = "1" * 64
    with database.write() as session:
        session.execute(insert(BlobRow).values(sha256=digest, size=9, created=repository.created))
        session.execute(
            insert(UploadRow).values(repository_id=repository.id, sha256=digest, created=repository.created)
        )
    pulls = Pulls(database, lambda entry: CARDS[entry.sha256])
    change = Put(TreeEntry("README.md", 9, digest, digest[:40]))
    opened, _ = pulls.propose(repository, "main", [change], "a card", "bob")
    assert tags_of(database) == set()
    pulls.merge(repository, opened.number, "ada")
    assert "license:mit" in tags_of(database)
    copy = Repositories(database).copy(
        Repositories(database).find("acme/x"),
        history(database).revision(repository, "main").commit,
        "acme/y",
        private=False,
        author="ada",
    )
    found = Search(database).repositories(RepositoryQuery(tags=["license:mit"])).items
    assert {one.repository.name for one in found} == {"acme/x", copy.name}
