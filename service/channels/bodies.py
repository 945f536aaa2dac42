"""Bodies: JSON and forms as one kind of document, parsed once and refused politely."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from email.message import Message
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic_core import from_json
from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from service.channels.contract import Refusal, Request

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
_MAX_FIELDS: Final = 2000
_MAX_NESTING: Final = 8


def json_document(request: Request) -> Any:
    """Return the body as JSON; refuse what is not JSON, not UTF-8, or has a NUL character in a text."""
    if request.parsed is None:
        request.parsed = parsed_json(request.body)
    return request.parsed


def parsed_json(text: str | bytes) -> Any:
    """Return JSON from anywhere, as strictly: a body, a text inside one, a vendor's answer."""
    try:
        found = from_json(text, allow_inf_nan=False)
    except ValueError:
        raise Refusal("malformed_body", "The body is not valid JSON in UTF-8.") from None
    # No escape, no NUL: the walk is for the few bodies that contain the six characters.
    if (b"\\u0000" if isinstance(text, bytes) else "\\u0000") in text:  # type: ignore[operator]
        refuse_nul(found)
    return found


def document(request: Request) -> Any:
    """Return the body by its media type: JSON as it is, forms as dictionaries with ``a[b]`` nested; files by name and size only."""
    if request.parsed is None:
        media, parameters = _media_type(request)
        if media == _FORM:
            request.parsed = _nested(_urlencoded(request.body, parameters.get("charset", "utf-8")))
        elif media == _MULTIPART:
            request.parsed = _nested(_multipart(request.body, parameters))
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


def content_hash(content: Any) -> str:
    """Return a hash of a JSON value that does not depend on spaces, escapes or the order of names."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _media_type(request: Request) -> tuple[str, dict[str, str]]:
    header = request.headers.get("content-type", "")
    media = header.partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        return media, {}
    if media in {"", "text/plain"} and request.body.lstrip()[:1] in {b"{", b"["}:
        return "application/json", {}
    if media not in {_FORM, _MULTIPART}:
        raise Refusal("unsupported_media_type", "Send application/json, a URL-encoded form or multipart/form-data.")
    message = Message()
    message["content-type"] = header
    found = message.get_params(failobj=[], header="content-type") or []
    return media, {str(name).lower(): str(value) for name, value in found[1:]}


def _urlencoded(body: bytes, charset: str) -> list[tuple[str, Any]]:
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict", max_num_fields=_MAX_FIELDS)
    except (ValueError, LookupError):
        raise Refusal("malformed_body", "The body is not a valid URL-encoded form.") from None
    return list(pairs)


def _multipart(body: bytes, parameters: dict[str, str]) -> list[tuple[str, Any]]:
    boundary = parameters.get("boundary", "")
    pairs: list[tuple[str, Any]] = []

    def on_field(item: Field) -> None:
        pairs.append(((item.field_name or b"").decode(), (item.value or b"").decode()))

    def on_file(item: File) -> None:
        name = (item.file_name or b"").decode()
        pairs.append(((item.field_name or b"").decode(), {"filename": name, "size": item.size}))
        item.close()

    try:
        parser = FormParser(
            _MULTIPART,
            on_field,
            on_file,
            boundary=boundary.encode("latin-1"),
            config={"MAX_MEMORY_FILE_SIZE": len(body) + 1, "MAX_BODY_SIZE": len(body) + 1},
        )
        parser.write(body)
        parser.finalize()
        parser.close()
    except (FormParserError, ValueError):
        raise Refusal("malformed_body", "The body is not a valid multipart form.") from None
    if not pairs or len(pairs) > _MAX_FIELDS:
        raise Refusal("malformed_body", f"The form has no fields, or more than {_MAX_FIELDS}.")
    return pairs


def _nested(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return PHP's notation as what it means: ``a[b][c]=1`` is {"a": {"b": {"c": "1"}}}, ``a[]=1`` and a repeated ``a`` are lists."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        refuse_nul([name, value])
        head, bracket, _ = name.partition("[")
        path = [head, *_BRACKETS.findall(name[len(head) :])] if bracket and head and name.endswith("]") else [name]
        if len(path) > _MAX_NESTING:
            raise Refusal("malformed_body", "A field's name is nested too deeply.")
        _put(root, path, value)
    return root


def _put(root: dict[str, Any], path: list[str], value: Any) -> None:
    if path[-1] == "" and len(path) > 1:
        path, value = path[:-1], [value]
    level = root
    for step in path[:-1]:
        inner = level.setdefault(step, {})
        if not isinstance(inner, dict):
            inner = level[step] = {"": inner}
        level = inner
    last = path[-1]
    if last in level:
        known = level[last] if isinstance(level[last], list) else [level[last]]
        level[last] = known + (value if isinstance(value, list) else [value])
    else:
        level[last] = value


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
