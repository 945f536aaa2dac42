"""Forms: URL-encoded and multipart ones as dictionaries, with PHP's brackets nested.

They are read while the sender waits, so what nearly everybody sends is read the short way; what does not look like that takes the way
that knows the whole of the format, and comes to the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.message import Message
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from service.channels.contract import Refusal

URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"

_MAX_FIELDS: Final = 2000
_MAX_NESTING: Final = 8
_NOT_PLAIN: Final = re.compile(rb"\x00|%(?:00|[89a-fA-F])")
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
# Names come again with every delivery; longer ones are none that should be remembered.
_MEMORABLE: Final = 200
_PLAIN_BOUNDARY: Final = re.compile(r"multipart/form-data; ?boundary=([\w'()+,./:?-]{1,70})", re.ASCII)
_PLAIN_PART: Final = re.compile(
    rb'\r\n(?i:content-disposition): form-data; name="([^"\\\x00-\x1f;]{0,200})"\r\n\r\n(.*)', re.DOTALL
)


def urlencoded(body: bytes, content_type: str) -> dict[str, Any]:
    """Return a URL-encoded form in the charset of its media type; raise `Refusal` when it is none."""
    charset = "utf-8" if ";" not in content_type else _parameters(content_type).get("charset", "utf-8").lower()
    if body.count(b"&") >= _MAX_FIELDS:
        raise Refusal("malformed_body", f"The form has more than {_MAX_FIELDS} fields.")
    try:
        text = body.decode("ascii").replace("+", " ")
        pairs = [piece.partition("=") for piece in text.split("&") if piece]
        names = [
            _known_steps(name, charset) if len(name) <= _MEMORABLE else _steps(name, charset) for name, _, _ in pairs
        ]
        return _nested(names, _values([value for _, _, value in pairs], charset))
    except (ValueError, LookupError):
        raise Refusal("malformed_body", "The body is not a valid URL-encoded form.") from None


def is_plain(body: bytes, content_type: str) -> bool:
    """Say, at a glance, that a URL-encoded form can be decoded: it is in ASCII, and so is what its escapes stand for.

    What it means, and whether its names fit together, is for the worker to find out; any other form must be read to be sure.
    """
    return (
        content_type == URLENCODED
        and body.isascii()
        and body.count(b"&") < _MAX_FIELDS
        and _NOT_PLAIN.search(body) is None
    )


def _values(values: list[str], charset: str) -> list[str]:
    if charset != "utf-8":
        found = [_decoded(value, charset) for value in values]
        _refuse_nul(found)
        return found
    # All at once: no value may have a NUL in it, and if one has there will be too many of them.
    return _decoded("\0".join(values), charset).split("\0") if values else []


def multipart(body: bytes, content_type: str) -> dict[str, Any]:
    """Return a multipart form, files by name and size only; raise `Refusal` when it is none."""
    plain = _PLAIN_BOUNDARY.fullmatch(content_type)
    pairs = _plain_parts(body, plain[1].encode()) if plain else None
    try:
        if pairs is None:
            pairs = _parts(body, _parameters(content_type).get("boundary", "").encode("latin-1"))
        if not 0 < len(pairs) <= _MAX_FIELDS:
            raise Refusal("malformed_body", f"The form has no fields, or more than {_MAX_FIELDS}.")
        names = [
            _known_steps(text) if len(text) <= _MEMORABLE else _steps(text)
            for name, _ in pairs
            for text in (name.decode(),)
        ]
        values = [value.decode() if isinstance(value, bytes) else value for _, value in pairs]
    except (FormParserError, ValueError):
        raise Refusal("malformed_body", "The body is not a valid multipart form.") from None
    if b"\0" in body:
        _refuse_nul([value if isinstance(value, str) else value["filename"] for value in values])
    return _nested(names, values)


def _plain_parts(body: bytes, boundary: bytes) -> list[tuple[bytes, Any]] | None:
    """Return the fields of a form that has nothing but fields, or None for any other."""
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if first or not parts or parts.pop() not in {b"--", b"--\r\n"}:
        return None
    found = [_PLAIN_PART.fullmatch(part) for part in parts]
    return [(one[1], one[2]) for one in found if one] if all(found) else None


def _parts(body: bytes, boundary: bytes) -> list[tuple[bytes, Any]]:
    pairs: list[tuple[bytes, Any]] = []

    def on_field(item: Field) -> None:
        pairs.append((item.field_name or b"", item.value or b""))

    def on_file(item: File) -> None:
        pairs.append((item.field_name or b"", {"filename": (item.file_name or b"").decode(), "size": item.size}))
        item.close()

    parser = FormParser(
        MULTIPART,
        on_field,
        on_file,
        boundary=boundary,
        config={"MAX_MEMORY_FILE_SIZE": len(body) + 1, "MAX_BODY_SIZE": len(body) + 1},
    )
    parser.write(body)
    parser.finalize()
    parser.close()
    return pairs


@lru_cache(maxsize=64)
def _parameters(content_type: str) -> Mapping[str, str]:
    message = Message()
    message["content-type"] = content_type
    found = message.get_params(failobj=[], header="content-type") or []
    return {str(name).lower(): str(value) for name, value in found[1:]}


def _decoded(text: str, charset: str) -> str:
    return unquote_to_bytes(text).decode(charset) if "%" in text else text


def _steps(name: str, charset: str | None = None) -> tuple[str, ...]:
    """Return the steps to a field: ``a``, ``b`` and ``c`` for ``a[b][c]``; with a charset the name is URL-encoded."""
    if charset is not None:
        name = _decoded(name, charset)
    _refuse_nul([name])
    head, bracket, _ = name.partition("[")
    if not (bracket and head and name.endswith("]")):
        return (name,)
    steps = (head, *_BRACKETS.findall(name[len(head) :]))
    if len(steps) > _MAX_NESTING:
        raise Refusal("malformed_body", "A field's name is nested too deeply.")
    return steps


_known_steps: Final = lru_cache(maxsize=4096)(_steps)


def _nested(names: list[tuple[str, ...]], values: list[Any]) -> dict[str, Any]:
    """Return PHP's notation as what it means: ``a[b][c]=1`` is {"a": {"b": {"c": "1"}}}, ``a[]=1`` and a repeated ``a`` are lists."""
    root: dict[str, Any] = {}
    for steps, given in zip(names, values, strict=True):
        level, last, value = root, steps[-1], given
        if len(steps) > 1:
            if last == "":
                level, last, value = _level(root, steps[:-1]), steps[-2], [given]
            else:
                level = _level(root, steps)
        if last in level:
            known = level[last] if isinstance(level[last], list) else [level[last]]
            level[last] = known + (value if isinstance(value, list) else [value])
        else:
            level[last] = value
    return root


def _level(root: dict[str, Any], steps: tuple[str, ...]) -> dict[str, Any]:
    """Return the dictionary that the last of the steps is in, making those that are not there yet."""
    level = root
    for step in steps[:-1]:
        inner = level.get(step)
        if inner is None:
            inner = level[step] = {}
        elif not isinstance(inner, dict):
            inner = level[step] = {"": inner}
        level = inner
    return level


def _refuse_nul(texts: Iterable[str]) -> None:
    if any("\0" in text for text in texts):
        raise Refusal("malformed_body", "A text contains a NUL character.")
