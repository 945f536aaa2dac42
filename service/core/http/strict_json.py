"""JSON bodies, parsed without mercy: what could not be stored or read back exactly is refused, with a pointer to it.

Refused are NUL characters, invalid UTF-8, lone surrogates, integers beyond 64 bit, numbers that are not finite, and more than 32 levels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from pydantic_core import from_json
from starlette.requests import Request

from service.core.errors import Invalid, ServiceError
from service.core.http.problems import pointer

_DEEPEST: Final = 32
_MOST_FAULTS: Final = 20
_LOWEST: Final = -(2**63)
_HIGHEST: Final = 2**63 - 1


class UnsupportedMediaType(ServiceError):
    """The body is in a format this address does not read."""

    code = "unsupported_media_type"


class StrictRequest(Request):
    """A request whose JSON body is parsed once, strictly."""

    async def json(self) -> Any:
        """Return the body, or raise `Invalid` or `UnsupportedMediaType`; an empty body is None and left to the route's model."""
        if not hasattr(self, "_json"):
            body = await self.body()
            if body:
                refuse_media_type(self.scope["headers"])
            self._json = parse(body) if body else None
        return self._json


def refuse_media_type(headers: list[tuple[bytes, bytes]]) -> None:
    """Raise `UnsupportedMediaType` unless the body is ``application/json``, or another ``application/…+json``, in UTF-8."""
    given = next((value for name, value in headers if name == b"content-type"), b"")
    if given == b"application/json":
        return
    kind, _, parameters = given.lower().partition(b";")
    kind = kind.strip()
    fits = kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))
    charset = parameters.partition(b"charset=")[2].partition(b";")[0].strip(b'" ')
    if not fits or charset not in {b"", b"utf-8", b"utf8", b"us-ascii"}:
        raise UnsupportedMediaType("send the body as Content-Type: application/json (UTF-8)")


def parse(body: bytes) -> Any:
    """Return the value of a JSON text, or raise `Invalid` with a pointer to each fault."""
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _unparsable(body, error) from None
    if not _fits(value, _DEEPEST):
        raise _invalid(list(_faults(value, (), _DEEPEST)))
    return value


def fault_of(value: Any) -> Invalid | None:
    """Return what is wrong with a value that was parsed already, an item of a batch for instance, or None."""
    return None if _fits(value, _DEEPEST) else _invalid(list(_faults(value, (), _DEEPEST)))


def _fits(value: Any, levels: int) -> bool:
    """Tell whether all is well: the quick look that nearly every body passes."""
    kind = type(value)
    if kind is str:
        return "\0" not in value
    if kind is dict:
        return levels > 0 and all("\0" not in name and _fits(item, levels - 1) for name, item in value.items())
    if kind is list:
        return levels > 0 and all(_fits(item, levels - 1) for item in value)
    if kind is int:
        return bool(_LOWEST <= value <= _HIGHEST)
    return kind is not float or math.isfinite(value)


def _faults(value: Any, path: tuple[str | int, ...], levels: int) -> Iterator[tuple[str, str]]:
    match value:
        case str() if fault := _text_fault(value):
            yield pointer(path), fault
        case int() if not _LOWEST <= value <= _HIGHEST:
            yield pointer(path), "an integer beyond 64 bit"
        case float() if not math.isfinite(value):
            yield pointer(path), "not a finite number"
        case dict() | list() if not levels:
            yield pointer(path), f"nested more than {_DEEPEST} levels deep"
        case dict():
            for name, item in value.items():
                if fault := _text_fault(name):
                    yield pointer(path), f"a field's name: {fault}"
                else:
                    yield from _faults(item, (*path, name), levels - 1)
        case list():
            for index, item in enumerate(value):
                yield from _faults(item, (*path, index), levels - 1)


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return "contains a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "contains invalid UTF-8 or a lone surrogate"
    return None


def _unparsable(body: bytes, error: ValueError) -> Invalid:
    """Find out where it is that the strict parser stumbled, by asking a lenient one, which has no pointers but goes on."""
    try:
        value = json.loads(body.decode("utf-8", "surrogateescape"))
        faults = list(_faults(value, (), _DEEPEST))
    except RecursionError:
        faults = [("", f"nested more than {_DEEPEST} levels deep")]
    except ValueError:
        faults = []
    return _invalid(faults or [("", f"not JSON: {error}")])


def _invalid(faults: list[tuple[str, str]]) -> Invalid:
    where, why = faults[0]
    problem = Invalid(where, f"{where or 'the body'}: {why}")
    problem.extra["errors"] = [{"pointer": place, "detail": text} for place, text in faults[:_MOST_FAULTS]]
    return problem
