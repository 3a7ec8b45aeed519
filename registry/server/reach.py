"""Which addresses the server may be made to call: those of the internet, and none of its own neighbourhood.

A name is looked up once, and what was found is both judged and called. Looked up again for the call, it could answer
with another address: whoever owns a name says what it means, each time anew.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from registry.errors import InvalidReference

# Addresses that stand for IPv4 ones behind a translator, which the libraries call global (RFC 6052, RFC 8215).
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def check_address(url: str, allow_private: bool) -> tuple[str, ...]:
    """The IP addresses to call for a webhook's address; none where any will do.

    Args:
        allow_private: also loopback, link-local and private networks, where the server's own neighbours are.

    Raises:
        InvalidReference: it is no http address, its name cannot be looked up, or it leads there.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:  # a port that is no number, brackets that do not close
        raise _unusable(url) from error
    plain = url.isprintable() and url.isascii() and " " not in url
    if not plain or parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        raise _unusable(url)
    if allow_private:
        return ()
    try:
        found = socket.getaddrinfo(host, port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name
        raise InvalidReference(f"{host[:200]} cannot be looked up", "Check the name.") from error
    places = tuple(dict.fromkeys(str(place[0]) for *_, place in found))
    if not places or not all(_is_public(place) for place in places):
        raise InvalidReference(
            f"{host} is an address inside a private network",
            "Use a public one, or let the server's operator start it with --private-webhooks.",
        )
    return places


def _is_public(place: str) -> bool:
    """Whether it is an address of one machine in the internet, and leads to no other one."""
    address = ipaddress.ip_address(place.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner is not None or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


def _unusable(url: str) -> InvalidReference:
    return InvalidReference(f"{url[:200]!r} cannot be a webhook's address", "Write https://host/path.")
