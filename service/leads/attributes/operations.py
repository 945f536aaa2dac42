"""Defining attributes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict, Invalid, NotFound
from service.leads.attributes import checking, store
from service.leads.attributes.schemas import AttributeCreate, AttributePatch


class AttributeNotFound(NotFound):
    """No such attribute is defined."""

    code = "attribute_not_found"


async def list_attributes(connection: AsyncConnection, *, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Return attributes by key: those that are defined, and those that leads have all the same."""
    return [attribute_out(row) for row in await store.list_attributes(connection, after=after, limit=limit)]


async def read_attribute(connection: AsyncConnection, key: str) -> dict[str, Any]:
    """Return an attribute; raises `AttributeNotFound` if it is neither defined nor seen on any lead."""
    row = await store.read_attribute(connection, key)
    if row is None:
        raise AttributeNotFound(f"there is no attribute {key!r}")
    return attribute_out(row)


async def define(connection: AsyncConnection, body: AttributeCreate, *, now: datetime) -> dict[str, Any]:
    """Define an attribute; raises `Conflict` if it is defined. What leads have of it already stays as it is, and is counted."""
    row = body.model_dump() | {"choices": body.choices or [], "created_at": now, "updated_at": now}
    if not await store.add_definition(connection, row):
        raise Conflict(f"the attribute {body.key!r} is defined already", code="attribute_exists")
    checking.forget(connection)
    return await read_attribute(connection, body.key)


async def amend(connection: AsyncConnection, key: str, body: AttributePatch, *, now: datetime) -> dict[str, Any]:
    """Change a definition's label or choices; a choice that is taken away stays with the leads that have it."""
    row = await store.lock_definition(connection, key)
    if row is None:
        raise AttributeNotFound(f"no attribute {key!r} is defined")
    patch = body.model_dump(exclude_unset=True)
    if "choices" in patch and (row["type"] != "choice" or patch["choices"] is None):
        raise Invalid("/choices", "a choice needs its choices; no other type has any")
    changed = {name: value for name, value in patch.items() if value != row[name]}
    if changed:
        await store.change_definition(connection, key, changed | {"updated_at": now})
        checking.forget(connection)
    return await read_attribute(connection, key)


async def drop(connection: AsyncConnection, key: str) -> None:
    """Delete a definition; the values stay with their leads, undefined."""
    if not await store.delete_definition(connection, key):
        raise AttributeNotFound(f"no attribute {key!r} is defined")
    checking.forget(connection)


def attribute_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute as the API shows it."""
    defined = row["type"] is not None
    return {
        "key": row["key"],
        "type": row["type"] if defined else _guessed(row),
        "label": row["label"],
        "choices": row["choices"] if row["type"] == "choice" else None,
        "defined": defined,
        "count": row["count"],
        "unfit": row["unfit"] if defined else 0,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _guessed(row: Mapping[str, Any]) -> str:
    return next((kind for kind in ("number", "boolean", "date") if row[f"is_{kind}"]), "text")
