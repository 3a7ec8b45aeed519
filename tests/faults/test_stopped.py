"""A server that is told to end does so, whatever its clients do."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from pathlib import Path

from adapterhub.cli.hub_serve import GRACE_SECONDS
from tests.support.hub import running


def test_a_client_that_sends_nothing_more_does_not_keep_a_server(tmp_path: Path) -> None:
    with running(tmp_path / "hub") as server:
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        body = json.dumps({"name": "admin/m"}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{server.url}/api/repos/create", body, headers)).close()
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            lines = ["POST /api/models/admin/m/commit/main HTTP/1.1", "Host: hub", "Content-Length: 1000"]
            lines.append(f"Authorization: {headers['Authorization']}")
            client.sendall("\r\n".join([*lines, "", "{"]).encode())
            time.sleep(0.5)  # the request is being answered
            assert server.process is not None
            server.process.terminate()
            server.process.wait(GRACE_SECONDS + 10)
