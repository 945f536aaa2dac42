"""Query strings and paths: refused before anything else looks at them when they could be misread, or ask for what does not exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Self, get_args, get_origin
from urllib.parse import unquote_to_bytes

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from starlette.types import Scope

from service.core.errors import Invalid

ATTRIBUTES: Final = "attributes."
"""How the parameters begin whose names users make: ``attributes.plan=pro``."""


_ANY_ATTRIBUTE: Final = f"{ATTRIBUTES}*"


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class AttributesQuery(BaseModel):
    """A query that also takes parameters named after custom attributes, each as often as it likes; any other stranger is refused."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[list[str], BeforeValidator(_as_list), Field(max_length=100)]]

    @model_validator(mode="after")
    def _knows_no_others(self) -> Self:
        for name in self.__pydantic_extra__:
            if not is_attribute(name):
                raise ValueError(f"{name}: unknown parameter")
        return self

    @property
    def attributes(self) -> Mapping[str, list[str]]:
        """What was asked of custom attributes: the parameters' names, without their beginning, and their values."""
        return {name.removeprefix(ATTRIBUTES): values for name, values in self.__pydantic_extra__.items()}


def is_attribute(name: str) -> bool:
    """Say whether a name is that of a custom attribute in a query: ``attributes.plan``."""
    return name.startswith(ATTRIBUTES) and len(name) > len(ATTRIBUTES)


def parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """Yield the name of each query parameter that a route or one of its dependencies declares, and whether it may be given more than once."""
    for field in dependant.query_params:
        declared = field.field_info.annotation
        if isinstance(declared, type) and issubclass(declared, BaseModel):
            for name, info in declared.model_fields.items():
                yield info.alias or name, is_list(info.annotation)
            if issubclass(declared, AttributesQuery):
                yield _ANY_ATTRIBUTE, True
        else:
            yield field.alias, is_list(declared)
    for dependency in dependant.dependencies:
        yield from parameters(dependency)


def is_list(annotation: Any) -> bool:
    """Say whether a field takes several values."""
    return any(get_origin(one) in (list, Sequence) for one in (annotation, *get_args(annotation)))


def refuse_malformed(scope: Scope, known: Mapping[str, bool]) -> None:
    """Raise `Invalid` for a NUL character, invalid UTF-8, a parameter that the route does not know, or one that is given twice.

    ``known`` says of each parameter whether it may be given more than once.
    """
    if "\0" in scope["path"]:
        raise Invalid("path", "the path contains a NUL character")
    if "\ufffd" in scope["path"] and not _is_utf8(scope["raw_path"]):
        # The server decodes what is no UTF-8 into this sign: two different ids would become one.
        raise Invalid("path", "the path is not UTF-8")
    if scope["query_string"]:
        given: set[str] = set()
        for pair in scope["query_string"].split(b"&"):
            name = _named(pair, known)
            if name in given and not known.get(name, True):
                raise Invalid(f"?{name}", f"?{name}: is given twice")
            given.add(name)


def _is_utf8(quoted: bytes) -> bool:
    try:
        unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        return False
    return True


def _named(pair: bytes, known: Mapping[str, bool]) -> str:
    """Return the name of a parameter that the route knows."""
    try:
        text = unquote_to_bytes(pair.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        text = "\0"
    name = unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode("ascii", "replace")
    if "\0" in text or not pair.isascii():
        raise Invalid(f"?{name}", f"?{name}: percent-encode it as UTF-8, without NUL characters")
    if name and name not in known and not (is_attribute(name) and _ANY_ATTRIBUTE in known):
        raise Invalid(f"?{name}", f"?{name}: unknown parameter", known=sorted(known))
    return name
