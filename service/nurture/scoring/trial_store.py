"""The SQL of trying rules of scoring: it waits for its turn among the statistics' large questions, a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.ids import NIL
from service.stats.store.rows import read_rows

Row = dict[str, Any]

MOST: Final = 10_000
"""How many leads, or journeys, are looked at; of more a share, told by the random tails of their ids."""

_PIECE: Final = 500
_PARTS: Final = 65_536
_PART_OF: Final = "get_byte(uuid_send({id}), 14) * 256 + get_byte(uuid_send({id}), 15)"
_LEAD: Final = "tags, attributes, leads.channel, leads.campaign, owner, job_title, verdict, industry, company_size, country, region"
_LIVELY: Final = """leads WHERE erased_at IS NULL AND merged_into IS NULL AND NOT test
    AND (acquired_at >= :since OR last_activity_at >= :since)"""
_BEGUN: Final = """journeys JOIN leads ON leads.id = journeys.lead_id
    WHERE journeys.counted AND leads.erased_at IS NULL AND started_at >= :since AND started_at < :landmark
    AND (won_at IS NULL OR won_at >= :landmark) AND (churned_at IS NULL OR churned_at >= :landmark)"""

_COUNT_LEADS: Final = text(f"SELECT count(*) FROM {_LIVELY}")
_LEADS: Final = text(
    f"""SELECT id, {_LEAD} FROM {_LIVELY} AND id > CAST(:after AS uuid) AND {_PART_OF.format(id="id")} < :parts
    ORDER BY id LIMIT :piece"""
)
_COUNT_JOURNEYS: Final = text(f"SELECT count(*) FROM {_BEGUN}")
_JOURNEYS: Final = text(
    f"""SELECT leads.id, number, journeys.channel, journeys.campaign, entered_as, job_title, verdict,
        coalesce(won_at < :until, FALSE) AS won
    FROM {_BEGUN} AND (leads.id, number) > (CAST(:after AS uuid), :number) AND {_PART_OF.format(id="leads.id")} < :parts
    ORDER BY leads.id, number LIMIT :piece"""
)


async def count_leads(connection: AsyncConnection, **window: datetime) -> int:
    """Return how many leads came or did something since an instant."""
    return await _count(connection, _COUNT_LEADS, window)


async def count_journeys(connection: AsyncConnection, **window: datetime) -> int:
    """Return how many journeys began in a time and were still open at the landmark."""
    return await _count(connection, _COUNT_JOURNEYS, window)


async def leads(connection: AsyncConnection, of: int, **window: datetime) -> AsyncIterator[list[Row]]:
    """Yield the leads that are looked at, of so many, a piece at a time."""
    async for piece in _pieces(connection, _LEADS, of, window):
        yield piece


async def journeys(connection: AsyncConnection, of: int, **window: datetime) -> AsyncIterator[list[Row]]:
    """Yield the journeys that are looked at, of so many, a piece at a time."""
    async for piece in _pieces(connection, _JOURNEYS, of, window):
        yield piece


async def _count(connection: AsyncConnection, statement: TextClause, window: dict[str, datetime]) -> int:
    found: int = (await read_rows(connection, statement, window)).scalar_one()
    return found


async def _pieces(
    connection: AsyncConnection, statement: TextClause, of: int, window: dict[str, datetime]
) -> AsyncIterator[list[Row]]:
    place: dict[str, Any] = {"after": NIL, "number": 0}
    given = window | {"parts": _PARTS * min(1.0, MOST / max(of, 1)), "piece": _PIECE}
    while True:
        names = {name: place[name] for name in place if f":{name}" in statement.text}
        result = await read_rows(connection, statement, given | names)
        rows = [dict(row) for row in result.mappings()]
        if rows:
            yield rows
        if len(rows) < _PIECE:
            return
        place = {"after": rows[-1]["id"], "number": rows[-1].get("number", 0)}
