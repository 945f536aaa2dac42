"""Queries of handshakes: bounded, and each name once."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from service.channels.contract import Refusal

_MAX_PARAMETERS: Final = 50


def parameters(query: str) -> dict[str, str]:
    """Return a query's parameters, decoded, the first of each name; raise `Refusal` when it is no query."""
    if "%" not in query and "+" not in query and query.count("&") < _MAX_PARAMETERS:
        # Nothing to be decoded: signatures in hexadecimal, numbers.
        plain = [(name, value) for name, _, value in (piece.partition("=") for piece in query.split("&") if piece)]
        return dict(reversed(plain))
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        raise Refusal("malformed_body", "The query is not URL-encoded UTF-8, or too long.") from None
    return dict(reversed(pairs))
