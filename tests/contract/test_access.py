"""Who may do what, as real Hub clients see it: on SQLite and on PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.client import run_python
from tests.support.hub import HubServer, PostgreSQL, client_environment, running

OWNER = "access-acme"


@pytest.fixture(scope="session")  # as long as the server: who is there cannot be added again
def people(server: HubServer) -> dict[str, str]:
    """Tokens by name: an owner's and a reader's of an organisation, and a stranger's."""
    for user in ("ada", "rita", "sam"):
        server.command("user", "add", user, "--fullname", user.title(), "--email", f"{user}@example.org")
    server.command("org", "add", OWNER, "--owner", "ada", "--fullname", "Acme Ltd")
    server.command("org", "member", OWNER, "rita", "read")
    return {
        "ada": token(server, "ada", "laptop", "admin"),
        "rita": token(server, "rita", "laptop", "write"),
        "sam": token(server, "sam", "laptop", "write"),
        "scoped": token(server, "ada", "ci", "write", "--namespace", "ada"),
    }


def token(server: HubServer, user: str, name: str, right: str, *options: str) -> str:
    printed = server.command("token", "create", user, name, "--right", right, *options, "--json")
    return str(json.loads(printed)["token"])


WHOAMI = """
from huggingface_hub import HfApi
me = HfApi().whoami()
assert (me["name"], me["fullname"], me["email"]) == ("rita", "Rita", "rita@example.org"), me
assert [(one["name"], one["fullname"], one["roleInOrg"]) for one in me["orgs"]] == [("access-acme", "Acme Ltd", "read")]
assert me["auth"]["accessToken"]["role"] == "write", me
user = HfApi().get_user_overview("rita")
assert (user.username, user.fullname, [org.name for org in user.orgs]) == ("rita", "Rita", ["access-acme"]), user
organisation = HfApi().get_organization_overview("access-acme")
assert (organisation.fullname, organisation.num_users) == ("Acme Ltd", 2), organisation
assert [one.username for one in HfApi().list_organization_members("access-acme")] == ["ada", "rita"]
print("done")
"""


def test_whoami_and_what_is_told_of_accounts(server: HubServer, people: dict[str, str], home: Path) -> None:
    assert run_python(WHOAMI, server, home, token=people["rita"]) == "done\n"


def test_the_command_line_client_says_who_one_is(server: HubServer, people: dict[str, str], home: Path) -> None:
    said = hf(server, home, people["rita"], "auth", "whoami")
    assert said.returncode == 0, said.stderr
    assert "rita" in said.stdout
    assert OWNER in said.stdout
    refused = hf(server, home, "ahub_wrong", "auth", "whoami")
    assert refused.returncode != 0
    assert "Invalid user token" in refused.stdout + refused.stderr


def hf(server: HubServer, home: Path, token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("hf")), *arguments]
    environment = client_environment(server, home, token)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


PRIVATE = """
import os, sys, tempfile
from huggingface_hub import HfApi, auth_check, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
name, tokens = "access-acme/private", dict(zip(("ada", "rita", "sam", "scoped"), sys.argv[1:]))
HfApi(token=tokens["ada"]).create_repo(name, private=True)
HfApi(token=tokens["ada"]).upload_file(path_or_fileobj=b"secret", path_in_repo="a.txt", repo_id=name)

os.makedirs(os.environ["HF_HOME"], exist_ok=True)
def download(token):
    return hf_hub_download(name, "a.txt", token=token, cache_dir=tempfile.mkdtemp(dir=os.environ["HF_HOME"]))

def absent(token):
    for attempt in (
        lambda: HfApi(token=token).model_info(name),
        lambda: HfApi(token=token).list_repo_files(name),
        lambda: download(token),
        lambda: auth_check(name, token=token),
        lambda: list(HfApi(token=token).list_pending_access_requests(name)),
    ):
        try:
            attempt()
        except RepositoryNotFoundError as error:
            assert "secret" not in str(error)
        else:
            raise SystemExit("it was seen")

for token in (tokens["sam"], tokens["scoped"], False):
    absent(token)
assert open(download(tokens["rita"])).read() == "secret"
try:
    HfApi(token=tokens["rita"]).upload_file(path_or_fileobj=b"x", path_in_repo="b.txt", repo_id=name)
    raise SystemExit("a reader wrote")
except HfHubHTTPError as error:
    assert error.response.status_code == 403, error
print("done")
"""


def test_a_private_repository_is_not_there_for_strangers(server: HubServer, people: dict[str, str], home: Path) -> None:
    assert run_python(PRIVATE, server, home, *people.values(), token="").endswith("done\n")


GATED = """
import os, sys, tempfile, urllib.request
from huggingface_hub import HfApi, auth_check, hf_hub_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError
name, tokens = "access-acme/gated", dict(zip(("ada", "rita", "sam", "scoped"), sys.argv[1:]))
owner, sam = HfApi(token=tokens["ada"]), tokens["sam"]
owner.create_repo(name)
owner.upload_file(path_or_fileobj=b"text", path_in_repo="a.txt", repo_id=name)
owner.update_repo_settings(name, gated="manual")
restricted = f"Access to model {name} is restricted and you are not in the authorized list. Visit "

os.makedirs(os.environ["HF_HOME"], exist_ok=True)
def download(token):
    return hf_hub_download(name, "a.txt", token=token, cache_dir=tempfile.mkdtemp(dir=os.environ["HF_HOME"]))

def refused(token):
    assert HfApi(token=token).model_info(name).gated == "manual"
    assert "a.txt" in HfApi(token=token).list_repo_files(name)
    for attempt in (
        lambda: download(token),
        lambda: auth_check(name, token=token),
    ):
        try:
            attempt()
        except GatedRepoError as error:
            assert restricted in str(error), error
        else:
            raise SystemExit("it was read")

def status(call, *arguments, **options):
    try:
        call(*arguments, **options)
        return 200
    except HfHubHTTPError as error:
        return error.response.status_code

def ask(token):
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{os.environ['HF_ENDPOINT']}/{name}/ask-access"
    urllib.request.urlopen(urllib.request.Request(address, b"", headers, method="POST")).read()

refused(sam)
refused(False)
assert open(download(tokens["rita"])).read() == "text"
auth_check(name, token=tokens["rita"])
ask(sam)
[pending] = owner.list_pending_access_requests(name)
assert (pending.username, pending.fullname, pending.email) == ("sam", "Sam", "sam@example.org")
assert pending.status == "pending"
assert status(HfApi(token=sam).accept_access_request, name, "sam") == 403
refused(sam)
owner.accept_access_request(name, "sam")
auth_check(name, token=sam)
assert open(download(sam)).read() == "text"
assert [one.username for one in owner.list_accepted_access_requests(name)] == ["sam"]
assert status(owner.accept_access_request, name, "sam") == 404
owner.cancel_access_request(name, "sam")
refused(sam)
owner.reject_access_request(name, request_id=pending.request_id, rejection_reason="no")
assert [one.username for one in owner.list_rejected_access_requests(name)] == ["sam"]
refused(sam)
owner.grant_access(name, "sam")
auth_check(name, token=sam)
assert status(owner.grant_access, name, "sam") == 400
assert status(owner.grant_access, name, "nobody") == 404
assert status(owner.accept_access_request, name, "rita") == 404
owner.update_repo_settings(name, gated=False)
auth_check(name, token=False)
assert status(owner.grant_access, name, "rita") == 400
print("done")
"""


def test_a_gated_repository_is_seen_by_all_and_read_by_those_let_in(
    server: HubServer, people: dict[str, str], home: Path
) -> None:
    assert run_python(GATED, server, home, *people.values(), token="").endswith("done\n")
    log = server.command("audit", "--repository", f"{OWNER}/gated", "--json")
    found = [(one["actor"], one["action"]) for one in json.loads(log)["entries"] if "access" in one["action"]]
    assert found == [
        ("ada", "access-accepted"),
        ("ada", "access-rejected"),
        ("ada", "access-pending"),
        ("ada", "access-accepted"),
        ("sam", "access-pending"),
    ]


TOKEN_STATUS = """
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError
try:
    print(HfApi().whoami()["name"])
except HfHubHTTPError as error:
    assert "Invalid user token" in str(error), error
    print(error.response.status_code)
"""


def test_tokens_end_when_they_expire_are_revoked_or_their_user_is_disabled(
    server: HubServer, people: dict[str, str], home: Path
) -> None:
    def says(value: str) -> str:
        return run_python(TOKEN_STATUS, server, home, token=value).strip()

    server.command("user", "add", "tom")
    end = time.time() + 15
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(end))
    short = token(server, "tom", "short", "read", "--expires", stamp)
    lasting = token(server, "tom", "lasting", "read", "--expires", "30d")
    assert says(short) == "tom"
    server.command("token", "revoke", "tom", "lasting")
    assert says(lasting) == "401"
    other = token(server, "tom", "lasting", "read")
    server.command("user", "disable", "tom")
    assert says(other) == "401"
    server.command("user", "enable", "tom")
    assert says(other) == "tom"
    time.sleep(max(0.0, end - time.time()) + 0.1)
    assert says(short) == "401"


def fetch(server: HubServer, path: str, **headers: str) -> tuple[int, str]:
    """Status and text of an answer; the client of the standard library, since a Hub client would try again."""
    request = urllib.request.Request(server.url + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="session")
def odd(server: HubServer) -> str:
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    body = json.dumps({"name": "admin/odd"}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{server.url}/api/repos/create", body, headers)).close()
    return "admin/odd"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/models/a%00/b", {401}),
        ("/api/users/%00/overview", {404}),
        ("/api/models/{odd}/tree/%00", {400, 404}),
        ("/api/models/{odd}/tree/%ff", {400, 404}),
        ("/{odd}/resolve/main/%00", {400, 404}),
        ("/{odd}/resolve/%00/a", {400, 404}),
        ("/api/models/{odd}/revision/" + "x" * 5000, {400, 404}),
    ],
)
def test_what_no_database_can_hold_is_the_callers_mistake(
    server: HubServer, odd: str, path: str, expected: set[int]
) -> None:
    status, text = fetch(server, path.format(odd=odd))
    assert status in expected, text
    assert "psycopg" not in text


def test_headers_without_end_are_cut_off(server: HubServer) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            while sent < 10_000_000:
                sent += connection.send(b"x" * 10_000)
        with contextlib.suppress(ConnectionError):
            assert b"431 Request Header Fields Too Large" in connection.recv(1000)
    assert sent < 10_000_000
    assert fetch(server, "/health")[0] == 200
    assert fetch(server, "/health", **{"X-Long": "x" * 30_000})[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /api/validate-yaml HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/validate-yaml HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /api/validate-yaml HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /health HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n",
        b"GET /a/b/resolve/main/c HTTP/1.1\r\nHost: \xff\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\x01b\r\nConnection: close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_nothing_that_is_no_http_makes_the_server_fail(server: HubServer, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)
    assert not re.match(rb"HTTP/1\.1 5", answer), answer
    assert fetch(server, "/health")[0] == 200


def test_a_server_is_ready_and_keeps_figures_and_a_log(server: HubServer) -> None:
    assert json.loads(fetch(server, "/ready")[1])["parts"] == {"database": "ok", "store": "ok"}
    assert 'adapterhub_hub_requests_total{method="GET",route="/ready",status="200"}' in fetch(server, "/metrics")[1]
    fetch(server, "/api/agent-harnesses?secret=s3cr3t", **{"X-Request-Id": "find-me"})
    until = time.monotonic() + 10  # the line is written after the answer was sent
    while "find-me" not in (text := server.log.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    [line] = [json.loads(line) for line in text.splitlines() if "find-me" in line]
    assert (line["status"], line["path"], line["address"]) == (200, "/api/agent-harnesses", "127.0.0.1")
    assert "s3cr3t" not in text


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[tuple[HubServer, PostgreSQL]]:
    """A server whose database can be stopped."""
    cluster = PostgreSQL()
    try:
        with running(tmp_path / "hub", cluster.create()) as server:
            yield server, cluster
    finally:
        cluster.remove()


def test_a_database_that_is_away_makes_the_server_unready_until_it_is_back(
    failing: tuple[HubServer, PostgreSQL],
) -> None:
    server, cluster = failing
    assert fetch(server, "/ready")[0] == 200
    cluster.stop("immediate")
    status, text = fetch(server, "/ready")
    assert (status, json.loads(text)["parts"]) == (503, {"database": "failed", "store": "ok"})
    assert fetch(server, "/health")[0] == 200
    status, text = fetch(server, "/api/whoami-v2", Authorization=f"Bearer {server.token}")
    assert status == 503
    assert not re.search(rf"127\.0\.0\.1|{cluster.port}|psycopg", text)
    cluster.start()
    assert fetch(server, "/ready")[0] == 200
    assert fetch(server, "/api/whoami-v2", Authorization=f"Bearer {server.token}")[0] == 200
