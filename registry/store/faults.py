"""Failures of a disk as registry errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from registry.errors import RegistryUnavailable


@contextlib.contextmanager
def disk_faults(place: object) -> Iterator[None]:
    """Say of a failure of the system that it was at `place`. What is not there is no failure: that passes as it is.

    Raises:
        RegistryUnavailable: instead of any OSError but FileNotFoundError.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RegistryUnavailable(
            f"{place} cannot be read or written: {error}",
            "Is the disk full, failing or not writable? What was stored before is unharmed; try again with room.",
        ) from error
