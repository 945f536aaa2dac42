"""All SQL of exports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads.exports.columns import Kind
from service.leads.search_store import conditions
from service.leads.tables import journeys, leads, transitions

MOST_SYSTEMS: Final = 200
_EACH: Final = 500

# From each system straight to the next one: a few look-ups in the index, however many people there are.
_SYSTEMS: Final = text("""
    WITH RECURSIVE kinds(kind) AS (
        (SELECT kind FROM identities WHERE kind > 'external:' ORDER BY kind LIMIT 1)
        UNION ALL
        SELECT (SELECT kind FROM identities WHERE kind > kinds.kind ORDER BY kind LIMIT 1) FROM kinds WHERE kind IS NOT NULL
    )
    SELECT substr(kind, 10) FROM kinds WHERE starts_with(kind, 'external:') LIMIT :most
""")


async def be_patient(connection: AsyncConnection) -> None:
    """Let this transaction wait for a slow reader, though not for ever: what is deleted meanwhile stays on the disk for it."""
    await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '10min'"))


async def read_systems(connection: AsyncConnection) -> list[str]:
    """Return the systems that leads have external ids in, in order."""
    return list((await connection.execute(_SYSTEMS, {"most": MOST_SYSTEMS})).scalars())


async def read_rows(
    connection: AsyncConnection, kind: Kind, filters: Mapping[str, Any], *, superseded: bool
) -> AsyncIterator[list[dict[str, Any]]]:
    """Yield the rows of an export, some hundred at a time, in the order of their leads' ids; the database keeps the place."""
    statement = _statement(kind, filters, superseded=superseded)
    result = await connection.stream(statement, execution_options={"yield_per": _EACH})
    names = tuple(result.keys())
    async for rows in result.partitions():
        yield [dict(zip(names, row, strict=True)) for row in rows]


def _statement(kind: Kind, filters: Mapping[str, Any], *, superseded: bool) -> Select[Any]:
    wanted = conditions(filters)
    if kind == "leads":
        return select(leads).where(*wanted).order_by(leads.c.id)
    if kind == "journeys":
        of_lead = leads.c.id == journeys.c.lead_id
        return select(journeys).join(leads, of_lead).where(*wanted).order_by(journeys.c.lead_id, journeys.c.number)
    ledger = select(transitions).join(leads, leads.c.id == transitions.c.lead_id).where(*wanted)
    if superseded:
        return ledger.order_by(transitions.c.lead_id, transitions.c.id)
    return ledger.where(transitions.c.superseded_at.is_(None)).order_by(transitions.c.lead_id, transitions.c.sequence)
