"""Real Hub servers and a real PostgreSQL for tests: processes on loopback, ended by id.

`PostgreSQL` is a private cluster of the Debian package; started by root it runs as the user that the package makes,
since PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from registry.index import Database

ROOT = Path(__file__).parents[2]
CLI = [sys.executable, "-c", "import sys; from adapterhub.cli import main; sys.exit(main())"]
WAIT = 30.0  # seconds for a server to answer
DATABASES = ["sqlite", "postgresql"]


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgreSQL:
    """A cluster of its own in a folder, until `stop`."""

    @staticmethod
    def installed() -> list[Path]:
        """The folders of its programs, the newest last."""
        return sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))

    def __init__(self) -> None:
        self._bin = self.installed()[-1]
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="adapterhub-postgresql-"))
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "hub", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._made = 0
        self._template: str | None = None
        self.start()

    def start(self) -> None:
        """Start it, or start it again."""
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder, "max_connections": 300}
        settings["fsync"] = "off"  # only the machine dying would tell, and no test lets it
        options = f"-p {self.port} " + " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", str(self.folder / "log"), "-w", "start"
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` is how it dies with its machine."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def remove(self) -> None:
        """Stop it and remove its folder."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, template: str = "template1") -> str:
        """The address of a new database, by default an empty one."""
        self._made += 1
        name = f"hub{self._made}"
        with psycopg.connect(
            f"host=127.0.0.1 port={self.port} user=hub dbname=postgres", autocommit=True
        ) as connection:
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(template)))
        return f"postgresql+psycopg://hub@127.0.0.1:{self.port}/{name}"

    def migrated(self) -> str:
        """The address of a new database that has the tables: a copy, which takes a fraction of making them."""
        if self._template is None:
            address = self.create()
            database = Database.at(address)
            database.migrate()
            database.close()
            self._template = address.rpartition("/")[2]
        return self.create(self._template)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@dataclass
class HubServer:
    """A server process: ``adapterhub hub serve`` on a port of its own.

    `options` are those of ``serve``, `environment` is that of all commands. A new start has the same port.
    """

    data: Path
    database: str = ""
    options: list[str] = field(default_factory=list)
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    token: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What clients set HF_ENDPOINT to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """All that it ever wrote."""
        return self.data.with_name(f"{self.data.name}-{self.port}.log")

    def place(self) -> list[str]:
        """The options by which commands find its data."""
        return ["--data", str(self.data), *(["--database", self.database] if self.database else [])]

    def start(self) -> HubServer:
        """Start it and wait until it answers; the first start's token is in `token`."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*CLI, "hub", "serve", *self.place(), "--port", str(self.port), *self.options],
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended at once:\n{self.log.read_text()[-3000:]}")
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/api/agent-harnesses", timeout=2):
                found = re.search(r"ahub_[\w-]+", self.log.read_text())
                self.token = self.token or (found[0] if found else "")
                return self
            time.sleep(0.05)
        raise RuntimeError(f"the server did not answer:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """SIGKILL, as when its machine dies."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def command(self, *arguments: str) -> str:
        """Run ``adapterhub hub ARGUMENTS`` on its data, and return what it printed."""
        command = [*CLI, "hub", *arguments, *self.place()]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise RuntimeError(f"hub {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout + done.stderr


def client_environment(server: HubServer, home: Path, token: str | None = None, *, xet: bool = False) -> dict[str, str]:
    """The environment of a process that runs a stock Hub client against `server`, with caches of its own in `home`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "ADAPTERHUB_"))}
    chosen = {"HF_TOKEN": server.token if token is None else token} if token != "" else {}
    return (
        kept
        | chosen
        | {
            "HOME": str(home),
            "HF_HOME": str(home / "hf"),
            "HF_XET_CACHE": str(home / "xet"),
            "HF_ENDPOINT": server.url,
            "HF_HUB_DISABLE_XET": "0" if xet else "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONPATH": str(ROOT),
        }
    )


@contextlib.contextmanager
def running(data: Path, database: str = "", **options: object) -> Iterator[HubServer]:
    """A server that is ended at the end; the tables of a database that is named are made first."""
    server = HubServer(data, database, **options)  # type: ignore[arg-type]
    if database:
        server.command("migrate")
    try:
        yield server.start()
    finally:
        server.stop()
