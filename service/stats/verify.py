"""The statistics held against the ledger: `leads stats verify`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from service.stats.definitions import CHURNED, OPEN, REACHED
from service.stats.funnel import RUNGS, add_up
from service.stats.store import folding, recount


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that is not what the ledger says it should be.

    ``check``: journeys, cohorts, flows, wins, standings or balance. ``where``: what is wrong (a journey, or the key of a counter).
    ``expected`` is what the ledger says, ``found`` what is kept.
    """

    check: str
    where: dict[str, Any]
    expected: Any
    found: Any


@asynccontextmanager
async def snapshot(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a connection that sees the database as it is at one instant, however long the block takes."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with connection.begin():
            yield connection


async def verify(connection: AsyncConnection) -> list[Discrepancy]:
    """Return where the statistics differ from a recount of the ledger, at most a hundred of each kind; nothing, if all is well.

    Give it a connection of `snapshot`: several statements look at the same instant. It only reads.
    """
    await folding.give_memory(connection)
    found = [_journey(row) for row in await recount.wrong_journeys(connection)]
    found += [_counter("cohorts", row) for row in await recount.wrong_cohorts(connection)]
    found += [_counter("flows", row) for row in await recount.wrong_flows(connection)]
    found += [_counter("wins", row) for row in await recount.wrong_wins(connection)]
    found += [_counter("standings", row) for row in await recount.wrong_standings(connection)]
    return found + _balance(await recount.cohort_cells(connection))


def _journey(row: dict[str, Any]) -> Discrepancy:
    def of(side: str) -> dict[str, Any]:
        return {name.removeprefix(side): value for name, value in row.items() if name.startswith(side)}

    return Discrepancy("journeys", {name: row[name] for name in ("lead_id", "number")}, of("expected_"), of("found_"))


def _counter(check: str, row: dict[str, Any]) -> Discrepancy:
    expected, found = row.pop("expected"), row.pop("found")
    return Discrepancy(check, row, expected, found)


def _balance(cells: list[tuple[int, int]]) -> list[Discrepancy]:
    """Check that no cell is negative, and that whoever came to a stage and not to the next one either churned there or is open."""
    figures = add_up(cells, "credit")
    negative = [Discrepancy("balance", {"cell": cell}, "not negative", count) for cell, count in cells if count < 0]
    lost = [
        Discrepancy("balance", {"stage": stage}, expected, found)
        for stage, following in pairwise(RUNGS)
        if (expected := figures[stage, REACHED] - figures[following, REACHED])
        != (found := figures[stage, CHURNED] + figures[stage, OPEN])
    ]
    return negative + lost
