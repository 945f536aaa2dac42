"""Secrets that travel in bodies and addresses, taken out before anything is stored. What is left still translates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from pydantic_core import to_json

from service.channels.contract import Request, Stored

REDACTED: Final = "[redacted]"


def redacted_json(document: Any, names: Iterable[str]) -> bytes:
    """Return a JSON object as bytes, its own members of these names (in any case) replaced; every number stays exact."""
    secret = {name.casefold() for name in names}
    if isinstance(document, dict):
        document = {name: REDACTED if name.casefold() in secret else value for name, value in document.items()}
    return to_json(document)


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
