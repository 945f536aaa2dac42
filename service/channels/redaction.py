"""Secrets that travel in bodies and addresses, taken out before anything is stored. What is left still translates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from pydantic_core import to_json

from service.channels.contract import Request, Stored

REDACTED: Final = "[redacted]"
_TEXT_AFTER_A_NAME: Final = re.compile(rb'[ \t\r\n]*:[ \t\r\n]*"([^"]*)"')


def redacted_json(body: bytes, document: Any, names: Iterable[str]) -> bytes:
    """Return the body of a JSON object, its own members of these names (in any case) replaced; every number stays exact."""
    if not isinstance(document, dict):
        return body
    secret = {name.casefold() for name in names}
    found = [name for name in document if name.casefold() in secret]
    cut = _cut(body, document, found)
    return to_json(document | dict.fromkeys(found, REDACTED)) if cut is None else cut


def _cut(body: bytes, document: dict[str, Any], names: Iterable[str]) -> bytes | None:
    """Return the body with the texts of these members replaced where they stand, or None where that cannot be told from its bytes."""
    if b"\\" in body:
        return None
    for name in names:
        # Nothing is escaped: what is spelled so once is the member.
        spelled = f'"{name}"'.encode()
        value = _TEXT_AFTER_A_NAME.match(body, body.find(spelled) + len(spelled))
        if body.count(spelled) != 1 or value is None or value[1].decode() != document[name]:
            return None
        body = b"".join((body[: value.start(1)], REDACTED.encode(), body[value.end(1) :]))
    return body


def redacted_pairs(text: str, names: Iterable[str]) -> str:
    """Return a query or a URL-encoded form with the values of these names (in any case) replaced, or as it is when it has none."""
    secret = {name.casefold() for name in names}
    pairs = parse_qsl(text, keep_blank_values=True, encoding="latin-1")
    if not any(name.casefold() in secret for name, _ in pairs):
        return text
    kept = [(name, REDACTED if name.casefold() in secret else value) for name, value in pairs]
    return urlencode(kept, encoding="latin-1", errors="replace")


def without_query_secrets(stored: Stored, request: Request, *names: str) -> Stored:
    """Return what is stored with the query's parameters of these names replaced."""
    return stored._replace(query=redacted_pairs(request.query, names)) if request.query else stored
