"""Upload addresses and Xet's tokens in the wrong hands, at the wrong time, or with the wrong bytes."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import itsdangerous.timed
import lz4.frame
import pytest

from registry.server.tickets import AGE, UploadTicket, XetTicket
from registry.server.xet.hashes import hash_text, xorb_hash
from tests.attacks.world import World, lfs
from tests.support.hub import DATABASES

pytestmark = pytest.mark.parametrize("world", DATABASES, indirect=True)

DATA = b"what eve has to say"


def upload(world: World, repository: str = "acme/public", data: bytes = DATA) -> str:
    return str(world.ticket("rita", repository, data)["actions"]["upload"]["href"]).removeprefix("http://testserver")


def xet(world: World, who: str = "rita", repository: str = "acme/public") -> tuple[str, dict[str, str]]:
    answer = world.send(who, "GET", f"/api/models/{repository}/xet-write-token/main")
    assert answer.status_code == 200, answer.text
    about = answer.json()
    return about["casUrl"].removeprefix("http://testserver"), {"Authorization": f"Bearer {about['accessToken']}"}


def xorb(*chunks: bytes) -> tuple[str, bytes]:
    """A xorb of plain chunks, and its hash."""
    body = b"".join(
        bytes([0]) + len(one).to_bytes(3, "little") + bytes([0]) + len(one).to_bytes(3, "little") + one
        for one in chunks
    )
    return xorb_hash(chunks), body


def shard(xorb: str, size: int, segments: int, sha256: str = "0" * 64, files: int = 1) -> bytes:
    """A shard whose files take the first chunk of a xorb, again and again."""
    raw = bytes.fromhex(hash_text(bytes.fromhex(xorb)))
    file = struct.pack("<32sII8x", b"f" * 32, 1 << 30, segments)
    file += struct.pack("<32sIIII", raw, 0, size, 0, 1) * segments
    file += struct.pack("<32s16x", bytes.fromhex(hash_text(bytes.fromhex(sha256))))
    tag = b"HFRepoMetaData\x00" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
    return struct.pack("<32sQQ", tag, 2, 0) + file * files + b"\xff" * 32 + bytes(16)


def test_the_shards_of_these_tests_are_right(world: World) -> None:
    address, token = xet(world)
    name, body = xorb(DATA)
    assert world.client.post(f"{address}/v1/xorbs/default/{name}", content=body, headers=token).status_code == 200
    known = shard(name, len(DATA), 2, hashlib.sha256(DATA * 2).hexdigest())
    answer = world.client.post(f"{address}/v1/shards", content=known, headers=token)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("data", [b"", b"x", DATA[:-1], DATA + b"x", DATA[::-1], bytes(1 << 20)], ids=len)
def test_other_bytes_are_refused(world: World, data: bytes) -> None:
    address = upload(world)
    with world.unharmed():
        answer = world.client.put(address, content=data)
        assert answer.status_code == (413 if len(data) > len(DATA) else 400), answer.text


def test_other_parts_are_refused(world: World) -> None:
    size = (64 << 20) + 5
    actions = world.ticket("rita", "acme/public", b"large", size=size)["actions"]["upload"]
    address = actions["href"].removeprefix("http://testserver")
    parts = [{"partNumber": number, "etag": "x"} for number in (1, 2)]
    whole = {"oid": hashlib.sha256(b"large").hexdigest(), "parts": parts}
    with world.unharmed():
        for number, data in ((1, b"short"), (2, b"longer than five"), (2, b""), (3, b"x"), (0, b"x"), (10**30, b"x")):
            assert world.client.put(f"{address}/{number}", content=data).status_code in (400, 413, 422)
        for body in (
            whole,
            whole | {"oid": "0" * 64},
            whole | {"parts": parts[:1]},
            whole | {"parts": [parts[0], parts[0]]},
            whole | {"parts": []},
        ):
            assert world.client.post(address, json=body).status_code == 400
    empty = upload(world, data=b"")
    with world.unharmed():
        nothing = {"oid": hashlib.sha256(b"").hexdigest(), "parts": []}
        assert world.client.post(empty, json=nothing).status_code == 400


def out(world: World) -> Callable[[], None]:
    world.hub.members.remove("acme", "rita", "ann")
    return lambda: world.hub.members.set("acme", "rita", "read", "ann") and None


def disabled(world: World) -> Callable[[], None]:
    world.hub.accounts.enable("rita", "root", enabled=False)
    return lambda: world.hub.accounts.enable("rita", "root", enabled=True)


def revoked(world: World) -> Callable[[], None]:
    world.hub.tokens.revoke("rita", "all", "root")

    def again() -> None:
        world.tokens["rita"] = world.hub.tokens.issue("rita", "all", "admin", "root")

    return again


@pytest.mark.parametrize("lose", [out, disabled, revoked])
def test_what_was_given_ends_with_the_right_to_it(world: World, lose: Callable[[World], Callable[[], None]]) -> None:
    address, (cas, token) = upload(world, "acme/private"), xet(world, repository="acme/private")
    name, body = xorb(b"a xorb of " + lose.__name__.encode())
    restore = lose(world)
    try:
        with world.unharmed():
            for answer in (
                world.client.put(address, content=DATA),
                world.client.put(f"{address}/1", content=DATA),
                world.client.post(address, json={"oid": "0" * 64, "parts": []}),
                world.client.post(f"{cas}/v1/xorbs/default/{name}", content=body, headers=token),
                world.client.post(f"{cas}/v1/shards", content=b"", headers=token),
            ):
                assert answer.status_code in (401, 403, 404), answer.text
                assert "acme/private" not in answer.text or lose is out
    finally:
        restore()


def test_a_ticket_is_for_one_thing(world: World) -> None:
    """Forged, of another kind, altered, too old, for another user's xorbs."""
    address, (cas, token) = upload(world), xet(world)
    ticket = address.rpartition("/")[2]
    as_xet = token["Authorization"].partition(" ")[2]
    name, body = xorb(b"another xorb")
    payload, _, signature = ticket.rpartition(".")
    other = world.hub.tickets.sign(XetTicket("model", "acme/public", "rita", 10**6))
    with world.unharmed():
        for forged in (
            as_xet,
            ticket[:-1],
            ticket + "x",
            payload,
            f"{payload}.{signature[::-1]}",
            "e30.x.y",
            "%00",
            "x" * 9000,
        ):
            assert world.client.put(f"/_lfs/{forged}", content=DATA).status_code == 403, forged
        for forged in ("", ticket, other, as_xet[:-2], world.tokens["rita"]):
            headers = {"Authorization": f"Bearer {forged}"}
            answer = world.client.post(f"{cas}/v1/xorbs/default/{name}", content=body, headers=headers)
            assert answer.status_code == 403, answer.text
        ann = cas.replace("/rita", "/ann")
        assert world.client.post(f"{ann}/v1/xorbs/default/{name}", content=body, headers=token).status_code == 403
        assert world.send("rita", "GET", f"/_lfs/{ticket}").status_code in (404, 405)
        assert world.client.get("/api/whoami-v2", headers=token).status_code == 401


def test_a_ticket_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    address, (cas, token) = upload(world), xet(world)
    later = itsdangerous.timed.time.time() + AGE + 1
    monkeypatch.setattr(itsdangerous.timed.time, "time", lambda: later)
    with world.unharmed():
        assert world.client.put(address, content=DATA).status_code == 403
        assert world.client.post(f"{cas}/v1/shards", content=b"", headers=token).status_code == 403


def test_an_upload_is_for_its_repository(world: World) -> None:
    data = b"for the private one only"
    assert world.client.put(upload(world, "acme/private", data), content=data).status_code == 200
    with world.unharmed():
        assert world.commit("ann", "acme/public", lfs("x.bin", data)).status_code == 400


def test_a_used_address_gives_nothing_more(world: World) -> None:
    """What it was given for may be sent again, as clients do, and changes nothing."""
    data = b"sent twice"
    address = upload(world, data=data)
    assert world.client.put(address, content=data).status_code == 200
    with world.unharmed():
        assert world.client.put(address, content=data).status_code == 200
        assert world.client.put(address, content=data[::-1]).status_code == 400


def test_xorbs_are_what_they_are_called_and_whose(world: World) -> None:
    address, token = xet(world)
    name, body = xorb(b"ritas own bytes")
    with world.unharmed():
        for wrong, content in (
            (name[::-1], body),
            (name, body[:-1]),
            (name, body + b"x"),
            (name, b""),
            (name, b"\0" * 64),
            ("..%2f..%2fx", body),
            ("A" * 64, body),
            (name, bytes([0]) + (9).to_bytes(3, "little") + bytes([1]) + (131072).to_bytes(3, "little") + b"123456789"),
        ):
            answer = world.client.post(f"{address}/v1/xorbs/default/{wrong}", content=content, headers=token)
            assert answer.status_code in (400, 404), answer.text
    assert world.client.post(f"{address}/v1/xorbs/default/{name}", content=body, headers=token).status_code == 200
    eves, own = xet(world, "eve")
    with world.unharmed():
        answer = world.client.post(f"{eves}/v1/shards", content=shard(name, 15, 1), headers=own)
        assert answer.status_code == 400
        assert "not here" in answer.text


def lz4_bomb() -> tuple[str, bytes]:
    zeros = bytes(64 << 20)
    packed = lz4.frame.compress(zeros)[: 128 << 10]
    head = bytes([0]) + len(packed).to_bytes(3, "little") + bytes([1]) + (128 << 10).to_bytes(3, "little")
    return "0" * 64, head + packed


def test_a_xorb_that_unpacks_to_more_than_it_says_is_refused(world: World) -> None:
    address, token = xet(world)
    name, body = lz4_bomb()
    with world.unharmed():
        answer = world.client.post(f"{address}/v1/xorbs/default/{name}", content=body, headers=token)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "make",
    [
        lambda name, size: shard(name, size, 1, files=1)[:-60],
        lambda name, size: shard(name, size, 1, sha256="1" * 64),
        lambda name, size: shard(name, size + 1, 1),
        lambda name, size: shard(name, 131072, 200_000),  # 26 GB of nothing
        lambda name, size: shard(name, 131072, 4096, files=60),  # 32 GB, of files that would each be allowed
        lambda name, size: b"x" * 100,
        lambda name, size: shard(name, size, 1)[:48] + struct.pack("<32sII8x", b"f" * 32, 0, 0xFFFFFFFF),
    ],
    ids=["cut", "sha256", "size", "terabytes", "many", "nonsense", "segments"],
)
def test_shards_that_say_what_is_not_are_refused(world: World, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    smaller = replace(world.hub.settings, max_file_bytes=1 << 30)
    monkeypatch.setitem(vars(world.hub), "settings", smaller)
    address, token = xet(world)
    name, body = xorb(b"a chunk")
    assert world.client.post(f"{address}/v1/xorbs/default/{name}", content=body, headers=token).status_code == 200
    with world.unharmed():
        answer = world.client.post(f"{address}/v1/shards", content=make(name, 7), headers=token)
        assert answer.status_code in (400, 413), answer.text


def test_tickets_hold_what_they_are_for(world: World) -> None:
    ticket = world.hub.tickets.read(UploadTicket, upload(world).rpartition("/")[2])
    assert (ticket.name, ticket.user, ticket.size) == ("acme/public", "rita", len(DATA))
