"""One Hub: where it is, whose token it gets, and whether it is one of ours. Speaks JSON; knows no adapters."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal
from urllib.parse import quote

from huggingface_hub import HfApi, constants
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import get_session, hf_raise_for_status, http_backoff

from registry.errors import NotFound, NotPermitted, RegistryUnavailable, UnsupportedRegistry
from registry.remote.failures import UNREACHABLE, translated
from registry.remote.tokens import token_for

API = 1  # the version of our own server's endpoints that this client speaks
TIMEOUT = 10.0  # seconds; huggingface_hub sets none for its API
WAIT = 0.2  # seconds before the one retry; what cannot be reached then is answered from what is known
RETRIED = (500, 502, 503, 504)

_known: dict[str, bool] = {}  # address -> whether it is one of ours; asked once per process


class Endpoint:
    """A Hub at an address. Safe to use from threads."""

    def __init__(self, address: str | None = None, token: str | None = None) -> None:
        """Ask nothing yet.

        Args:
            address: huggingface_hub's own endpoint if none is given.
            token: instead of the one that is stored for it.
        """
        self.address = (address or constants.ENDPOINT).rstrip("/")
        self._token = token
        self._asking = threading.Lock()

    @cached_property
    def api(self) -> HfApi:
        """huggingface_hub's client of it."""
        return HfApi(endpoint=self.address, token=self.token, library_name="adapterhub")

    @cached_property
    def token(self) -> str | Literal[False]:
        """The token that it gets; False for none, since huggingface_hub would else send the one of another Hub."""
        return self._token or token_for(self.address) or False

    @property
    def offline(self) -> bool:
        """Whether the network is not to be used (HF_HUB_OFFLINE)."""
        return constants.is_offline_mode()

    def ours(self) -> bool:
        """Whether it has this project's own endpoints.

        Raises:
            UnsupportedRegistry: it has them in a version that this client does not speak.
            RegistryUnavailable: it cannot be asked.
        """
        with self._asking:
            if self.address not in _known:
                _known[self.address] = self._is_ours()
            return _known[self.address]

    def get(self, *path: str, **query: Any) -> Any:
        """The JSON at a path, of which each part is quoted; None in a query is left out."""
        return self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    def put(self, *path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON to a path; returns what is answered."""
        return self._send("PUT", path, json=body)

    def post(self, *path: str, body: Mapping[str, Any]) -> Any:
        """As `put`."""
        return self._send("POST", path, json=body)

    def _is_ours(self) -> bool:
        try:
            about = self._send("GET", ("adapterhub",), token=False)  # whoever asks: a token may be wrong
        except (NotFound, NotPermitted):
            return False
        if not isinstance(about, dict) or "api" not in about:
            return False
        if about["api"] != API:
            raise UnsupportedRegistry(
                f"{self.address} speaks version {about['api']} of its own endpoints, this client version {API}",
                "Update adapterhub.",
            )
        return True

    def _send(
        self,
        method: Literal["GET", "PUT", "POST"],
        path: tuple[str, ...],
        *,
        token: Literal[False] | None = None,
        **options: Any,
    ) -> Any:
        url = f"{self.address}/api/" + "/".join(quote(part, safe="") for part in path)
        headers = build_hf_headers(token=self.token if token is None else token, library_name="adapterhub")
        with translated(self.address):
            if method == "GET":
                retries: dict[str, Any] = {"max_retries": 1, "base_wait_time": WAIT, "retry_on_status_codes": RETRIED}
                response = http_backoff(method, url, headers=headers, timeout=TIMEOUT, **retries, **options)
            else:
                response = get_session().request(method, url, headers=headers, timeout=TIMEOUT, **options)
            hf_raise_for_status(response)
            try:
                return response.json()
            except ValueError as error:
                raise RegistryUnavailable(f"{url} answered what is not JSON", UNREACHABLE) from error
