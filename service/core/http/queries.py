"""Query strings and paths: refused before anything else looks at them when they could be misread, or ask for what does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel
from starlette.types import Scope

from service.core.errors import Invalid


def parameters(dependant: Dependant) -> Iterator[str]:
    """Yield the name of each query parameter that a route or one of its dependencies declares."""
    for field in dependant.query_params:
        declared = field.field_info.annotation
        if isinstance(declared, type) and issubclass(declared, BaseModel):
            for name, info in declared.model_fields.items():
                yield info.alias or name
        else:
            yield field.alias
    for dependency in dependant.dependencies:
        yield from parameters(dependency)


def refuse_malformed(scope: Scope, known: frozenset[str]) -> None:
    """Raise `Invalid` for a NUL character, invalid UTF-8 or a parameter that the route does not know."""
    if "\0" in scope["path"]:
        raise Invalid("path", "the path contains a NUL character")
    if "\ufffd" in scope["path"] and not _is_utf8(scope["raw_path"]):
        # The server decodes what is no UTF-8 into this sign: two different ids would become one.
        raise Invalid("path", "the path is not UTF-8")
    if scope["query_string"]:
        for pair in scope["query_string"].split(b"&"):
            _refuse_pair(pair, known)


def _is_utf8(quoted: bytes) -> bool:
    try:
        unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        return False
    return True


def _refuse_pair(pair: bytes, known: frozenset[str]) -> None:
    try:
        text = unquote_to_bytes(pair.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        text = "\0"
    name = unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode("ascii", "replace")
    if "\0" in text or not pair.isascii():
        raise Invalid(f"?{name}", f"?{name}: percent-encode it as UTF-8, without NUL characters")
    if name and name not in known:
        raise Invalid(f"?{name}", f"?{name}: unknown parameter", known=sorted(known))
