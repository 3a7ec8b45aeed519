"""Downloads are counted once a repository and not once a file, and wait for nobody."""

from __future__ import annotations

import threading

import pytest

from registry.index import rows
from tests.support.hub_app import HubApp


def count(app: HubApp) -> int:
    app.hub.downloads.note()
    return app.hub.repositories.find("alice/m").downloads


def test_one_file_stands_for_the_repository(app: HubApp) -> None:
    app.commit("alice", {"adapter_config.json": b"{}", "weights": b"12", "README.md": b"x"})
    for path in ("adapter_config.json", "weights", "README.md"):
        assert app.send("", "GET", f"/alice/m/resolve/main/{path}").status_code == 200
    assert app.send("", "HEAD", "/alice/m/resolve/main/adapter_config.json").status_code == 200
    rest = app.send("", "GET", "/alice/m/resolve/main/adapter_config.json", headers={"Range": "bytes=1-"})
    assert rest.status_code == 206
    assert count(app) == 1
    app.send("", "GET", "/alice/m/resolve/main/adapter_config.json")
    assert count(app) == 2 and count(app) == 2


@pytest.mark.parametrize("app", ["postgresql"], indirect=True)
def test_a_repository_that_is_being_changed_is_counted_later(app: HubApp) -> None:
    app.commit("alice", {"adapter_config.json": b"{}"})
    app.create("alice/other")
    repository, other = app.hub.repositories.find("alice/m"), app.hub.repositories.find("alice/other")
    app.hub.downloads.add(repository, "adapter_config.json")
    app.hub.downloads.add(other, "adapter_config.json")
    with app.hub.database.write() as session:
        rows.repository(session, "alice/m")
        noting = threading.Thread(target=app.hub.downloads.note)
        noting.start()
        noting.join(10)
        assert not noting.is_alive()
    assert app.hub.repositories.find("alice/m").downloads == 0
    assert app.hub.repositories.find("alice/other").downloads == 1
    assert count(app) == 1
