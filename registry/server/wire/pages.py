"""Pages of a listing: the ``Link`` header that Hub clients follow."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request


def next_page(request: Request, endpoint: str, **position: str) -> str:
    """The header's value: this request's own address, with all its parameters, from `position` on."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in position]
    query = urlencode([*kept, *position.items()])
    return f'<{endpoint}{request.scope["path"]}?{query}>; rel="next"'
