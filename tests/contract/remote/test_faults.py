"""Hubs that lie, break off, or cannot be reached; processes that pull at once; snapshots that were damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from registry import Registry, Version
from registry.errors import (
    CorruptBlob,
    OfflineWarning,
    RateLimited,
    RegistryError,
    RegistryUnavailable,
    RevokedVersion,
    UnsupportedRegistry,
    VersionNotFound,
)
from registry.folder import WEIGHTS
from registry.protocol import Changes
from tests.registry.folders import safetensors
from tests.support.front import Answer, Front
from tests.support.hub import ROOT, HubServer, client_environment

Open = Callable[..., Registry]
Publish = Callable[..., Version]
Change = Callable[[Answer], Answer]


def on(part: str, change: Callable[[bytes], bytes]) -> Change:
    """Change the bodies of answers to GET requests whose path holds `part`."""
    return lambda one: one.saying(change(one.body)) if one.method == "GET" and part in one.path else one


def in_json(part: str, change: Callable[[dict[str, object]], object]) -> Change:
    """As `on`, of a JSON object that `change` alters in place."""

    def changed(body: bytes) -> bytes:
        document = json.loads(body)
        change(document)
        return json.dumps(document).encode()

    return on(part, changed)


def left(tmp_path: Path, cache: str = "elsewhere") -> list[Path]:
    """Snapshots, and files in the scratch folder."""
    return [*tmp_path.glob(f"{cache}/snapshots/*"), *tmp_path.glob(f"{cache}/tmp/**/*")]


LIES: dict[str, Change] = {
    "other weights of the same size": on("adapter_model.safetensors", lambda body: bytes(len(body))),
    "another config": on("adapter_config.json", lambda body: body.replace(b'"r": 4', b'"r": 5')),
    "another manifest": in_json("/versions/sha256", lambda one: one["manifest"].update(licence="other")),  # type: ignore[attr-defined]
    "a manifest under another digest": in_json("/versions/sha256", lambda one: one.update(digest="sha256:" + "0" * 64)),
    "a file that is not listed": on(
        "/tree/", lambda body: body[:-1] + b',{"type":"file","path":"pickle.bin","size":3,"oid":"' + b"0" * 40 + b'"}]'
    ),
    "a file less": on(
        "/tree/", lambda body: json.dumps([one for one in json.loads(body) if one["path"] != WEIGHTS]).encode()
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_hub_that_lies_is_refused_and_nothing_is_left(
    hub: Front, opened: Open, publish: Publish, tmp_path: Path, lie: str
) -> None:
    version = publish(opened(hub), "1.0.0")
    hub.change = LIES[lie]
    other = opened(hub, "elsewhere")
    with pytest.raises(CorruptBlob):
        other.pull(version)
    assert left(tmp_path) == []
    hub.change = lambda answer: answer
    assert other.pull(version).is_dir()


def test_a_hub_that_answers_for_another_version_is_refused(
    hub: Front, opened: Open, publish: Publish, name: str
) -> None:
    registry = opened(hub)
    publish(registry, "1.0.0")
    publish(registry, "1.1.0", seed=1)
    hub.change = in_json("/api/resolve", lambda one: one.update(number="1.0.0"))
    with pytest.raises(CorruptBlob):
        opened(hub, "elsewhere").resolve(f"{name}@1.1.0")


def test_a_version_whose_content_changed_is_noticed(hub: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(hub)
    publish(registry, "1.0.0")
    hub.change = in_json("/api/resolve", lambda one: one.update(digest="sha256:" + "0" * 64))
    with pytest.raises(CorruptBlob, match="A version never changes"):
        registry.resolve(f"{name}@1.0.0")


def test_a_download_that_breaks_off_is_resumed(
    hub: Front, opened: Open, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = publish(opened(hub), "1.0.0")
    hub.cut = 2
    assert opened(hub, "elsewhere").pull(version).is_dir()
    assert hub.cut == 0


def test_a_download_that_never_succeeds_leaves_nothing_and_can_be_begun_again(
    hub: Front, opened: Open, publish: Publish, tmp_path: Path
) -> None:
    version = publish(opened(hub), "1.0.0")
    other = opened(hub, "elsewhere")
    hub.change = lambda one: _down(hub) if "/resolve/" in one.path and one.method == "GET" else one
    with pytest.raises(RegistryUnavailable):
        other.pull(version)
    assert left(tmp_path) == []
    hub.down, hub.change = False, lambda answer: answer
    assert other.pull(version).is_dir()


def test_a_damaged_snapshot_is_found_out_and_made_anew(hub: Front, opened: Open, publish: Publish) -> None:
    registry = opened(hub)
    version = publish(registry, "1.0.0")
    weights = registry.pull(version) / "adapter_model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(safetensors({"a": [1]}))
    with pytest.raises(CorruptBlob, match="Pull again"):
        registry.pull(version)
    assert (registry.pull(version) / "adapter_model.safetensors").stat().st_size > 1000


def test_without_the_network_what_was_resolved_and_pulled_still_answers(
    hub: Front, opened: Open, publish: Publish, name: str
) -> None:
    registry = opened(hub)
    old, new = publish(registry, "1.0.0"), publish(registry, "1.1.0", seed=1)
    registry.alias(name, "production", "1.0.0", expect=None)
    assert registry.resolve(f"{name}@production") == old
    folder = registry.pull(old)
    hub.down = True
    again = opened(hub)
    with pytest.warns(OfflineWarning, match="known before") as warned:
        for reference in ("production", "1.0.0", old.digest):
            assert again.resolve(f"{name}@{reference}") == old
            assert again.pull(f"{name}@{reference}") == folder
        assert again.pull(old) == folder
    assert len(warned) == 1
    for ask in (lambda: again.resolve(f"{name}@^2"), lambda: again.pull(new), lambda: again.changes(None)):
        with pytest.raises(RegistryUnavailable):
            ask()


def test_offline_on_purpose_nothing_is_asked(
    hub: Front, opened: Open, publish: Publish, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = opened(hub)
    version = publish(registry, "1.0.0")
    folder = registry.pull(f"{name}@^1")
    hub.seen.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    again = opened(hub)
    with pytest.warns(OfflineWarning, match="HF_HUB_OFFLINE"):
        assert again.pull(f"{name}@^1") == folder == again.pull(f"{name}@{version.digest}")
    assert again.changes(7) == Changes(7, frozenset())
    assert hub.seen == []


def test_what_is_known_to_be_revoked_stays_so_without_the_network(
    hub: Front, opened: Open, publish: Publish, name: str
) -> None:
    registry, other = opened(hub), opened(hub, "elsewhere")
    version = publish(registry, "1.0.0")
    registry.alias(name, "production", "1.0.0", expect=None)
    other.pull(f"{name}@production")
    registry.revoke(f"{name}@1.0.0", "leaks names")
    with pytest.raises(RevokedVersion):
        other.resolve(f"{name}@production")
    hub.down = True
    for reference in ("production", "1.0.0", version.digest):
        with pytest.raises(RevokedVersion, match="leaks names"):
            other.pull(f"{name}@{reference}")
    with pytest.raises(RevokedVersion, match="leaks names"):
        other.pull(version)


def test_a_revocation_cannot_be_taken_back_by_the_hub(hub: Front, opened: Open, publish: Publish, name: str) -> None:
    registry = opened(hub)
    publish(registry, "1.0.0")
    registry.revoke(f"{name}@1.0.0", "leaks names")
    hub.change = lambda one: (
        Answer("GET", one.path, 200, (), json.dumps(_document(registry, name)).encode())
        if "/api/resolve" in one.path
        else one
    )
    with pytest.raises(RevokedVersion, match="leaks names"):
        registry.resolve(f"{name}@1.0.0")


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (503, (), RegistryUnavailable),
        (429, (("retry-after", "7"),), RateLimited),
        (200, (), RegistryUnavailable),
    ],
    ids=["broken", "busy", "a proxy's own page"],
)
def test_a_hub_in_trouble(
    hub: Front,
    opened: Open,
    name: str,
    status: int,
    headers: tuple[tuple[str, str], ...],
    error: type[RegistryError],
) -> None:
    hub.change = lambda one: Answer(one.method, one.path, status, headers, b"<html>no</html>")
    with pytest.raises(error) as refused:
        opened(hub).resolve(name)
    assert getattr(refused.value, "seconds", 7) == 7


def test_a_server_of_another_time_is_refused(hub: Front, opened: Open, name: str) -> None:
    hub.change = in_json("/api/adapterhub", lambda one: one.update(api=2))
    with pytest.raises(UnsupportedRegistry, match="version 2"):
        opened(hub).resolve(name)


def test_a_version_of_another_registry_is_not_pulled(hub: Front, opened: Open, publish: Publish, name: str) -> None:
    publish(opened(hub), "1.0.0")
    stranger = Version(name, "1.0.0", "sha256:" + "0" * 64, "0" * 40)
    with pytest.raises(VersionNotFound):
        opened(hub, "elsewhere").pull(stranger)


PULL = """
import sys
from pathlib import Path
from registry import open_registry
registry = open_registry(sys.argv[1], cache=Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
print(registry.pull(sys.argv[3]))
"""


def test_processes_that_pull_at_once_fetch_each_file_once(
    hub: Front, server: HubServer, opened: Open, publish: Publish, name: str, tmp_path: Path
) -> None:
    version = publish(opened(hub), "1.0.0")
    hub.seen.clear()
    command = [sys.executable, "-c", PULL, hub.url, str(tmp_path / "shared"), f"{name}@1.0.0"]
    environment = client_environment(server, tmp_path / "home")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    for process in processes:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=120) for process in processes]
    expected = tmp_path / "shared" / "snapshots" / version.digest.removeprefix("sha256:")
    assert [printed.strip() for printed, _ in outputs] == [str(expected)] * 3, outputs
    assert len(hub.asked("GET /" + name + "/resolve/")) == 2, "config and weights, each once"


def _down(hub: Front) -> Answer:
    hub.down = True
    raise ConnectionAbortedError("the hub goes down in the middle of a download")


def _document(registry: Registry, name: str) -> dict[str, object]:
    version = registry.versions(name)[0]
    return {
        "repository": name,
        "number": version.version,
        "digest": version.digest,
        "commit": version.commit,
        "status": "active",
        "reason": "",
    }
