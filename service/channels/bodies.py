"""Bodies: JSON and forms as one kind of document, parsed once and refused politely."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic_core import from_json

from service.channels.contract import Refusal, Request
from service.channels.forms import MULTIPART, URLENCODED, is_plain, multipart, urlencoded


def json_document(request: Request) -> Any:
    """Return the body as JSON; refuse what is not JSON, not UTF-8, or has a NUL character in a text."""
    if request.parsed is None:
        request.parsed = parsed_json(request.body)
    return request.parsed


def parsed_json(text: str | bytes) -> Any:
    """Return JSON from anywhere, as strictly: a body, a text inside one, a vendor's answer."""
    try:
        found = from_json(text, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        raise Refusal("malformed_body", "The body is not valid JSON in UTF-8.") from None
    # No escape, no NUL: the walk is for the few bodies that contain the six characters.
    if (b"\\u0000" if isinstance(text, bytes) else "\\u0000") in text:  # type: ignore[operator]
        refuse_nul(found)
    return found


def document(request: Request) -> Any:
    """Return the body by its media type: JSON as it is, forms as dictionaries with ``a[b]`` nested; files by name and size only."""
    if request.parsed is None:
        media = _media_type(request)
        if media == URLENCODED:
            request.parsed = urlencoded(request.body, request.headers["content-type"])
        elif media == MULTIPART:
            request.parsed = multipart(request.body, request.headers["content-type"])
        else:
            json_document(request)
    return request.parsed


def json_object(request: Request) -> dict[str, Any]:
    """Return the body as a JSON object, or refuse it."""
    body = json_document(request)
    if not isinstance(body, dict):
        raise Refusal("malformed_body", "The body must be a JSON object.")
    return body


def any_object(request: Request) -> dict[str, Any]:
    """Return the body as an object by its media type, JSON or a form, or refuse it."""
    body = document(request)
    if not isinstance(body, dict):
        raise Refusal("malformed_body", "The body must be a JSON object or a form.")
    return body


def check_object(request: Request) -> None:
    """Refuse a body that is neither a JSON object nor a form, without reading what is plainly a form."""
    if not is_plain(request.body, request.headers.get("content-type", "")):
        any_object(request)


def content_hash(content: Any) -> str:
    """Return a hash of a JSON value that does not depend on spaces, escapes or the order of names."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _media_type(request: Request) -> str:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        return media
    if media in {"", "text/plain"} and request.body.lstrip()[:1] in {b"{", b"["}:
        return "application/json"
    if media not in {URLENCODED, MULTIPART}:
        raise Refusal("unsupported_media_type", "Send application/json, a URL-encoded form or multipart/form-data.")
    return media


def refuse_nul(value: Any) -> None:
    """Refuse a document with a NUL character in one of its texts: no database keeps it."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if "\0" in item:
                raise Refusal("malformed_body", "A text contains a NUL character.")
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
