"""Addresses of webhooks, taken apart by one strict reader: what two readers could understand differently is refused."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal, NamedTuple

from yarl import URL

from service.outbound.sending.addresses import Address

LONGEST_URL: Final = 2000

_SHAPE: Final = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?]*)(?P<path>/[^?]*)?(?:\?(?P<query>.*))?", re.IGNORECASE
)
_AUTHORITY: Final = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")
# All that may stand in a URL unescaped (RFC 3986), but for the fragment, and what is often sent all the same.
_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%|{}]*")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# A name that ends in a number is an IPv4 address to many readers: 127.1, 0x7f.1, 2130706433, 0177.0.0.1.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME: Final = 253
_PORTS: Final = {"http": 80, "https": 443}


class AddressRefused(Exception):
    """Nothing may be sent to this address; ``str`` says why, for whoever wrote it down."""


class Target(NamedTuple):
    """Where a request goes: ``address`` where the host is written as one, ``origin`` what a connection is kept for."""

    scheme: Literal["http", "https"]
    host: str
    address: Address | None
    port: int
    url: URL
    origin: str


@lru_cache(maxsize=4096)
def target_of(url: str) -> Target:
    """Return an address taken apart, or raise `AddressRefused`. Whether anything may be sent there is for `guard` to say."""
    if len(url) > LONGEST_URL:
        raise AddressRefused(f"The address has more than {LONGEST_URL} characters.")
    if _CHARACTERS.fullmatch(url) is None:
        raise AddressRefused(
            "The address has characters that a URL cannot have; escape them, and write names of other scripts in their "
            "ASCII form (xn--…)."
        )
    found = _SHAPE.fullmatch(url)
    if found is None:
        raise AddressRefused("The address must begin with https:// and a host.")
    authority = found["authority"]
    if "@" in authority:
        raise AddressRefused("The address must not carry a user name or a password.")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise AddressRefused("The address has no proper host and port.")
    scheme: Literal["http", "https"] = "https" if found["scheme"].lower() == "https" else "http"
    port = int(parts["port"]) if parts["port"] else _PORTS[scheme]
    if not 0 < port <= 65535:
        raise AddressRefused(f"There is no port {port}.")
    host, address = _six(parts["six"]) if parts["six"] is not None else _name(parts["name"].lower())
    built = URL.build(
        scheme=scheme, host=host, port=port, path=found["path"] or "/", query_string=found["query"] or "", encoded=True
    )
    return Target(scheme, host, address, port, built, f"{scheme}://{host}:{port}")


def _six(text: str) -> tuple[str, Address]:
    if "%" in text:
        raise AddressRefused("The address names a zone of this machine's own network.")
    try:
        address = IPv6Address(text)
    except ValueError:
        raise AddressRefused("What stands in brackets is not an IPv6 address.") from None
    return f"[{address.compressed}]", address


def _name(text: str) -> tuple[str, Address | None]:
    if text.endswith("."):
        raise AddressRefused("The host must be written without a dot at its end.")
    labels = text.split(".")
    if len(text) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused("The address has no proper host.")
    if _NUMBER.fullmatch(labels[-1]) is None:
        return text, None
    try:
        # Four decimal numbers without leading zeros; nothing else is read as an address.
        return text, IPv4Address(text)
    except ValueError:
        raise AddressRefused("An IPv4 address is written as four decimal numbers.") from None
