"""Checking: attributes that have a definition are held to it on every way in.

A program that calls the API is refused and told why. A form or a file cannot be asked again: what it says is read generously, and what
cannot be read is put aside, with the reason ``attribute_invalid``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.cleaning.submission import Cleaned, Fault
from service.core.errors import Invalid
from service.leads.attributes import store
from service.leads.attributes.definitions import Definition, Definitions, Unfit, exact, understood

TTL_SECONDS: Final = 2.0
REASON: Final = "attribute_invalid"

_cache: WeakKeyDictionary[AsyncEngine, tuple[float, Definitions]] = WeakKeyDictionary()


async def known(connection: AsyncConnection) -> Definitions:
    """Return the definitions by key. Changes made by other processes are seen within two seconds, so that a lead costs no query."""
    loaded_at, found = _cache.get(connection.engine, (float("-inf"), {}))
    if time.monotonic() - loaded_at >= TTL_SECONDS:
        rows = await store.read_definitions(connection)
        found = {row["key"]: Definition(row["key"], row["type"], tuple(row["choices"])) for row in rows}
        _cache[connection.engine] = (time.monotonic(), found)
    return found


async def known_for(connection: AsyncConnection, attributes: Iterable[Mapping[str, Any] | None]) -> Definitions:
    """Return the definitions if any of these attributes says anything, so that nobody asks for them in vain."""
    return await known(connection) if any(attributes) else {}


def forget(connection: AsyncConnection) -> None:
    """Read the definitions again when they are next needed."""
    _cache.pop(connection.engine, None)


def checked(attributes: Mapping[str, Any], definitions: Definitions) -> dict[str, Any]:
    """Return attributes, or a merge patch of them, in the form they are stored in; raises `Invalid`, which names each that is wrong."""
    kept, errors = dict(attributes), []
    for key in definitions.keys() & attributes.keys():
        if attributes[key] is None:
            continue
        try:
            kept[key] = exact(definitions[key], attributes[key])
        except Unfit as why:
            errors.append({"pointer": pointer(key), "detail": str(why)})
    if errors:
        errors.sort(key=lambda error: error["pointer"])
        fault = Invalid(errors[0]["pointer"], errors[0]["detail"])
        fault.extra["errors"] = errors
        raise fault
    return kept


def conform(cleaned: Cleaned, definitions: Definitions) -> Cleaned:
    """Return a cleaned submission with its attributes read by their definitions; what cannot be read is put aside."""
    given = cleaned.submission.attributes
    if not definitions or definitions.keys().isdisjoint(given):
        return cleaned
    kept: dict[str, Any] = {}
    aside: dict[str, Any] = {}
    faults = list(cleaned.faults)
    for key, value in given.items():
        if key not in definitions:
            kept[key] = value
            continue
        try:
            meant = understood(definitions[key], value)
        except Unfit as why:
            aside[key] = value
            faults.append(Fault(pointer(key), str(why)))
        else:
            kept |= {} if meant is None else {key: meant}
    return _with(cleaned, kept, aside, tuple(faults))


def _with(cleaned: Cleaned, kept: dict[str, Any], aside: dict[str, Any], faults: tuple[Fault, ...]) -> Cleaned:
    submission = replace(cleaned.submission, attributes=kept)
    if not aside:
        return replace(cleaned, submission=submission)
    raw = cleaned.raw | dict(zip(map(_raw_name, aside), aside.values(), strict=True))
    return replace(cleaned, submission=submission, raw=raw, reasons=(*cleaned.reasons, REASON), faults=faults)


def raw_names(keys: Iterable[str]) -> set[str]:
    """Return under which names what was given for attributes is put aside in a lead's ``raw``."""
    return set(map(_raw_name, keys))


def _raw_name(key: str) -> str:
    return f"attributes.{key}"


def pointer(key: str) -> str:
    """Return where an attribute stands in a request's body (RFC 6901)."""
    return "/attributes/" + key.replace("~", "~0").replace("/", "~1")
