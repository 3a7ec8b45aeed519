"""What clients print though nothing failed: ``X-HF-Warning: topic; message``, once a topic."""

from __future__ import annotations

from registry.server.wire.failures import one_line


def yanked(version: str, reason: str) -> dict[str, str]:
    """The headers that warn whoever uses a yanked version; none without a reason."""
    if not reason:
        return {}
    return {"X-HF-Warning": f"yanked; {one_line(f'{version} is yanked: {reason}')}"}
