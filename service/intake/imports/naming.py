"""Which lead a row of history speaks of: by our id, by an id of another system, by e-mail or by phone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.values import as_text
from service.intake.imports.records import Row
from service.leads import identity_store
from service.leads.happenings import identities_told
from service.leads.identities import Identity

_PERSON: Final = ("email", "phone")


def person_of(row: Row) -> dict[str, Any]:
    """Return what a row names its lead by."""
    person: dict[str, Any] = {name: text for name in _PERSON if (text := as_text(row.fields.get(name)))}
    ids = {system: text for system, value in row.tables.get("external_ids", {}).items() if (text := as_text(value))}
    return person | ({"external_ids": ids} if ids else {})


def id_of(row: Row) -> UUID | None:
    """Return our own id of the lead, if the row has one that is an id at all."""
    try:
        return UUID(str(row.fields.get("lead_id", "")))
    except ValueError:
        return None


async def leads_of(connection: AsyncConnection, rows: Sequence[Row], region: str | None) -> list[UUID | None]:
    """Return the lead that each row names, or None."""
    told: list[list[Identity]] = [[] if id_of(row) else identities_told(person_of(row), region) for row in rows]
    every = {identity for identities in told for identity in identities}
    owned = await identity_store.owners(connection, every) if every else {}
    return [
        id_of(row) or next((owned[identity] for identity in identities if identity in owned), None)
        for row, identities in zip(rows, told, strict=True)
    ]
