"""What signing needs and an installation may lack, named where it is missed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from registry.errors import MissingDependency


@contextmanager
def needed() -> Iterator[None]:
    """Around imports of packages that come with the extra ``signing``.

    Raises:
        MissingDependency: one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        raise MissingDependency(
            f"signatures need the package {package}, which is not installed", "pip install 'adapterhub[signing]'"
        ) from error
