"""The root of the command line: which commands there are, and how an outcome becomes an exit code.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted. This is the one place that knows them, and the
one place that catches the errors of both packages. Knows nothing of what any command does.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import click

from adapterhub.cli.lazy import LazyGroup
from adapterhub.cli.output import Output
from adapterhub.errors import AdapterHubError, MissingDependency
from registry.errors import LeftOutWarning, OfflineWarning, RegistryError, YankedWarning

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

# Command -> module of adapterhub.cli that defines it, in the order of an adapter's life, which is how help lists them.
COMMANDS = {
    "new": "new",
    "train": "train",
    "tune": "tune",
    "evaluate": "evaluate",
    "augment": "augment",
    "compare": "compare",
    "fairness": "fairness",
    "explain": "explain",
    "key": "key",
    "publish": "publish",
    "alias": "alias",
    "list": "catalogue",
    "search": "search",
    "show": "catalogue",
    "pull": "pull",
    "lock": "pull",
    "predict": "predict",
    "status": "status",
    "yank": "withdraw",
    "revoke": "withdraw",
    "login": "login",
    "hub": "hub",
}

# Packages whose import name is not the name that pip knows.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "PyYAML", "sqlalchemy": "SQLAlchemy"}


@click.group(cls=LazyGroup, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="adapterhub", message="%(prog)s %(version)s")
def root() -> None:
    """Train small task adapters, publish them as immutable versions, and swap them onto one frozen backbone.

    \b
    adapterhub train recipe.toml
    adapterhub evaluate runs/intent
    adapterhub publish runs/intent acme/intent@1.4.0
    adapterhub alias acme/intent production 1.4.0 --expect 1.3.2
    adapterhub predict acme/intent@production "where is my card?"

    \b
    ADAPTERHUB_HOME      what is kept on this machine (default ~/.adapterhub)
    ADAPTERHUB_REGISTRY  the registry to talk to (default: the home)
    ADAPTERHUB_DATA      the folder that data files of recipes start from
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every refusal is one line why and one line what to do."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    output = Output(as_json="--json" in given)
    try:
        with _warnings_told(output):
            outcome = root.main(given, prog_name="adapterhub", standalone_mode=False)
    except click.Abort as abort:
        cause = abort.__cause__  # training's own KeyboardInterrupt says where it stopped
        message, hint = getattr(cause, "message", "interrupted"), getattr(cause, "hint", "Run the command again.")
        output.refuse("interrupted", message, hint)
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "adapterhub"
        output.refuse("usage", error.format_message(), f"See `{command} --help`.")
        return USAGE
    except (AdapterHubError, RegistryError) as error:
        output.refuse(error.code, error.message, error.hint)
        return FAILED
    except ModuleNotFoundError as error:
        missing = missing_dependency(error)
        output.refuse(missing.code, missing.message, missing.hint)
        return FAILED
    except OSError as error:
        output.refuse("system", str(error), "Check the path, its permissions and the free space, then run it again.")
        return FAILED
    return outcome if isinstance(outcome, int) else DONE


@contextmanager
def _warnings_told(output: Output) -> Iterator[None]:
    """The registry's warnings reach people in a line each; those of libraries are for developers, and stay unsaid."""

    def tell(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        output.say(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for category in (YankedWarning, LeftOutWarning, OfflineWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = tell
        yield


def missing_dependency(error: ModuleNotFoundError) -> MissingDependency:
    """The error of a package that a slim installation (a Hub server's, say) lacks; anything of ours is a bug.

    Raises:
        ModuleNotFoundError: the module is one of this project's own.
    """
    package = (error.name or "").partition(".")[0]
    if package in ("", "adapterhub", "registry"):
        raise error
    name = DISTRIBUTIONS.get(package, package)
    return MissingDependency(f"this command needs the package {name}, which is not installed", f"pip install {name}")
