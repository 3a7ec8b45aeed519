"""What every test runs under: an empty home, no network but loopback, no model hub, and real data only where it is.

The environment is set before any test module is imported, since huggingface_hub reads it once. Imports no torch, so
that the registry's tests also run where it is not installed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub import PostgreSQL

DATA_VARIABLE = "ADAPTERHUB_DATA"
NO_POSTGRESQL = "PostgreSQL is not installed: apt-get install postgresql"
NO_DATA = f"{DATA_VARIABLE} is unset: it names the folder of the real data sets that this test reads"

# Here and not in a hook: a folder's conftest that is named on the command line is imported before hooks run.
_VARIABLES = ("ADAPTERHUB_HOME", "ADAPTERHUB_REGISTRY", "ADAPTERHUB_KEY_PASSPHRASE")
for _variable in (*_VARIABLES, "HF_HOME", "HF_TOKEN", "HF_ENDPOINT", "XDG_CACHE_HOME"):
    os.environ.pop(_variable, None)
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["COLUMNS"] = "200"  # so that no table or usage line is cut


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-data", action="store_true", help=f"fail, not skip, for want of {DATA_VARIABLE} or PostgreSQL"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Point the home at an empty folder, one for the whole run (xdist's workers inherit their parent's)."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        home = tempfile.mkdtemp(prefix="adapterhub-tests-")
        config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
        os.environ["HOME"] = home
    sys.addaudithook(_only_loopback)


def _only_loopback(event: str, args: tuple[Any, ...]) -> None:
    """Refuse to connect anywhere but to this machine. An audit hook cannot be taken off again, nor forgotten."""
    if event == "socket.getaddrinfo":
        host = args[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return  # not about the network, or a Unix socket
    if not _is_loopback(host):
        raise PermissionError(f"a test tried to reach {host}: tests use this machine only")


def _is_loopback(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False  # a name that only a name server could tell


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With --require-data, a test that skips for want of data or of PostgreSQL has failed."""
    report: Any = yield
    wanted = item.config.getoption("--require-data")
    if wanted and report.skipped and any(want in str(report.longrepr) for want in (DATA_VARIABLE, NO_POSTGRESQL)):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the real data sets; skips where it is not named."""
    value = os.environ.get(DATA_VARIABLE)
    if not value:
        pytest.skip(NO_DATA)
    return Path(value)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A private cluster; skips where PostgreSQL is not installed."""
    if not PostgreSQL.installed():
        pytest.skip(NO_POSTGRESQL)
    cluster = PostgreSQL()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT of two layers and its tokenizer: real in all but size."""
    from tests.support.tiny import make_tiny_bert

    return make_tiny_bert(tmp_path_factory.mktemp("base") / "tiny-bert")
