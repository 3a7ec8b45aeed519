"""From a change to the follower that hears of it, through a real socket; and what a forger gets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update
from standardwebhooks import Webhook

from registry.index import rows
from registry.index.tables import DeliveryRow, RepositoryRow
from registry.index.webhooks import enqueue
from registry.notices import Notice, NoticeListener
from registry.server.sender import Sender
from registry.server.services import Services


class Heard(list[Notice]):
    """What a listener was told."""

    def __init__(self) -> None:
        super().__init__()
        self._more = threading.Event()

    def add(self, notice: Notice) -> None:
        self.append(notice)
        self._more.set()

    def wait(self) -> None:
        assert self._more.wait(10)
        self._more.clear()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def repository(hub: Services, ada: dict[str, str]) -> str:
    return hub.repositories.create("ada/intent", "model", private=False, author="ada").name


def happen(hub: Services, event: str = "alias.moved") -> None:
    with hub.database.write() as session:
        enqueue(session, rows.repository(session, "ada/intent"), event, {"alias": "production"})


def log(client: TestClient, ada: dict[str, str]) -> list[dict[str, object]]:
    found = client.get("/api/namespaces/ada/webhooks/1/deliveries", headers=ada)
    assert found.status_code == 200
    return list(found.json())


def test_a_change_is_heard_of_and_logged(
    client: TestClient, hub: Services, ada: dict[str, str], repository: str, heard: Heard
) -> None:
    with NoticeListener(["whsec_" + "A" * 32], heard.add) as listener:
        made = client.post("/api/namespaces/ada/webhooks", json={"url": listener.url}, headers=ada).json()
    with NoticeListener([made["secret"]], heard.add, port=int(listener.url.rstrip("/").rpartition(":")[2])):
        happen(hub)
        heard.wait()
    assert heard[0].type == "alias.moved"
    assert heard[0].data == {"repository": "ada/intent", "alias": "production"}
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while not (entry := log(client, ada)[0])["delivered"] and datetime.now(UTC) < deadline:
        pass  # the sender notes it after it was answered
    assert (entry["status"], entry["attempts"], entry["message"]) == (204, 1, heard[0].id)


def test_who_does_not_answer_is_tried_again_later(
    client: TestClient, hub: Services, ada: dict[str, str], repository: str
) -> None:
    client.post("/api/namespaces/ada/webhooks", json={"url": "http://127.0.0.1:9/"}, headers=ada)
    happen(hub)
    sender = Sender(hub.webhooks, allow_private=True)
    while not log(client, ada)[0]["error"]:
        sender.send_due()  # or the application's own sender did
    entry = log(client, ada)[0]
    assert (entry["attempts"], entry["delivered"]) == (1, None)
    due = datetime.fromisoformat(str(entry["due"])) - datetime.fromisoformat(str(entry["created"]))
    assert timedelta(seconds=4) < due < timedelta(seconds=60)


def test_it_is_given_up_after_all_tries(
    client: TestClient, hub: Services, ada: dict[str, str], repository: str
) -> None:
    client.post("/api/namespaces/ada/webhooks", json={"url": "http://127.0.0.1:9/"}, headers=ada)
    happen(hub)
    sender = Sender(hub.webhooks, allow_private=True)
    for _ in range(100):
        with hub.database.write() as session:
            session.execute(update(DeliveryRow).where(DeliveryRow.due.is_not(None)).values(due=datetime.now(UTC)))
        sender.send_due()
        if log(client, ada)[0]["due"] is None:
            break
    assert log(client, ada)[0]["attempts"] == 10


def test_a_claimed_message_is_nobody_elses(
    hub: Services, client: TestClient, ada: dict[str, str], repository: str
) -> None:
    client.post("/api/namespaces/ada/webhooks", json={"url": "http://127.0.0.1:9/"}, headers=ada)
    with hub.database.write() as session:
        enqueue(session, session.get_one(RepositoryRow, 1), "alias.moved", {})
        session.execute(update(DeliveryRow).values(due=datetime.now(UTC)))
    assert len(hub.webhooks.claim(10)) + len(hub.webhooks.claim(10)) <= 1


def test_only_events_that_were_asked_for_in_the_repository_that_was_named(
    client: TestClient, hub: Services, ada: dict[str, str], repository: str
) -> None:
    hub.repositories.create("ada/other", "model", private=False, author="ada")
    body = {"url": "http://127.0.0.1:9/", "events": ["version.revoked"], "repository": "ada/other"}
    client.post("/api/namespaces/ada/webhooks", json=body, headers=ada)
    happen(hub, "version.revoked")
    assert log(client, ada) == []
    with hub.database.write() as session:
        enqueue(session, rows.repository(session, "ada/other"), "alias.moved", {})
        enqueue(session, rows.repository(session, "ada/other"), "version.revoked", {})
    assert [one["event"] for one in log(client, ada)] == ["version.revoked"]


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "http://", "http://u:p@example.org/", "file:///etc/passwd", "http://127.0.0.1/x y"]
)
def test_an_address_that_is_none(client: TestClient, ada: dict[str, str], repository: str, url: str) -> None:
    answer = client.post("/api/namespaces/ada/webhooks", json={"url": url}, headers=ada)
    assert answer.status_code in (201, 400), answer.text
    assert (answer.status_code == 400) or url.endswith("x y")


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://localhost:5432/", "http://[::1]/"])
def test_private_networks_are_out_of_reach(url: str) -> None:
    from registry.errors import InvalidReference
    from registry.server.reach import check_address

    with pytest.raises(InvalidReference, match="private network"):
        check_address(url, allow_private=False)
    check_address(url, allow_private=True)


def test_nobody_else_sees_or_makes_them(
    client: TestClient, ada: dict[str, str], bob: dict[str, str], repository: str
) -> None:
    client.post("/api/namespaces/ada/webhooks", json={"url": "http://127.0.0.1:9/"}, headers=ada)
    assert client.get("/api/namespaces/ada/webhooks", headers=bob).status_code == 403
    assert client.get("/api/namespaces/ada/webhooks").status_code == 401
    assert client.delete("/api/namespaces/bob/webhooks/1", headers=bob).status_code == 404
    assert "secret" not in client.get("/api/namespaces/ada/webhooks", headers=ada).text
    assert client.delete("/api/namespaces/ada/webhooks/1", headers=ada).status_code == 204
    assert client.get("/api/namespaces/ada/webhooks", headers=ada).json() == []


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def signed(secret: str, at: datetime, body: str = '{"type": "alias.moved", "data": {}}') -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, body),
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        signed("whsec_" + "A" * 32, datetime.now(UTC)),
        signed(SECRET, datetime.now(UTC) - timedelta(hours=1)),
        signed(SECRET, datetime.now(UTC), "another body"),
        {**signed(SECRET, datetime.now(UTC)), "webhook-signature": "v1,!!!"},
        {**signed(SECRET, datetime.now(UTC)), "webhook-signature": "nonsense"},
    ],
    ids=["none", "other-secret", "replayed", "other-body", "no-base64", "no-version"],
)
def test_a_forged_message_wakes_nobody(heard: Heard, headers: dict[str, str]) -> None:
    with NoticeListener([SECRET], heard.add) as listener:
        answer = httpx2.post(listener.url, content='{"type": "alias.moved", "data": {}}', headers=headers)
        assert answer.status_code == 401
        assert httpx2.post(listener.url, content=b"x" * 100_000).status_code == 413
    assert heard == []


def test_an_old_secret_holds_while_it_is_being_replaced(heard: Heard) -> None:
    body = '{"type": "alias.moved", "data": {}}'
    with NoticeListener(["whsec_" + "A" * 32, SECRET], heard.add) as listener:
        assert httpx2.post(listener.url, content=body, headers=signed(SECRET, datetime.now(UTC))).status_code == 204
        heard.wait()


def test_one_who_never_ends_an_answer_holds_up_nobody(hub: Services, ada: dict[str, str], repository: str) -> None:
    """A receiver that sends a byte of a header now and then is no reason for the others to wait."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as slow, NoticeListener([], lambda _: None) as quick:

        def drip() -> None:
            connection, _ = slow.accept()
            with connection, contextlib.suppress(OSError):
                while not over.wait(0.05):
                    connection.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        for url in (f"http://127.0.0.1:{slow.getsockname()[1]}/", quick.url):
            hub.webhooks.add("ada", None, url, ["alias.moved"], "ada")
        happen(hub)
        began = time.monotonic()
        assert Sender(hub.webhooks, allow_private=True, timeout=1.0).send_due() == 2
        assert time.monotonic() - began < 10
        over.set()
        thread.join()
    first, second = (hub.webhooks.deliveries("ada", number, 10)[0] for number in (1, 2))
    assert (first.status, second.status) == (None, 401)
