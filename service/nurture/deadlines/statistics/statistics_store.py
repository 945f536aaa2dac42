"""The SQL of the statistics of deadlines."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Double, case, cast, extract, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch
from service.nurture.deadlines.statistics.figures import StateCount, Waits
from service.nurture.deadlines.statistics.question import EVERY, Asked, Key
from service.nurture.deadlines.store import COUNTED, Chosen, conditions
from service.nurture.deadlines.tables import deadlines

_VERSIONS: Final = text(
    "SELECT version, rules FROM rule_versions WHERE name = :name AND version = ANY(CAST(:versions AS int[]))"
)


class Waiting(NamedTuple):
    """Since when some of a group have been waiting, by which calendar of which version of the rules."""

    key: Key
    calendar: str | None
    version: int
    since: list[datetime]


def _chosen(asked: Asked, states: Collection[str]) -> Chosen:
    return Chosen(
        at=asked.at, states=states, values=asked.values, missing=asked.missing, start=asked.start, end=asked.end
    )


async def read_waits(connection: AsyncConnection, asked: Asked) -> list[Waits]:
    """Return how long those waited that are over."""
    keys = [deadlines.c[name] for name in asked.group_by]
    spent = cast(extract("epoch", deadlines.c.ended_at - deadlines.c.started_at), Double)
    statement = (
        select(
            *keys,
            deadlines.c.ended_how,
            func.array_agg(spent).label("clock"),
            func.array_agg(deadlines.c.worked_seconds).label("working"),
        )
        .select_from(COUNTED)
        .where(*conditions(_chosen(asked, ["in_time", "late"])))
        .group_by(*keys, deadlines.c.ended_how)
    )
    rows = await fetch(connection, statement)
    return [Waits(_key(row, asked), row["ended_how"], row["clock"], row["working"]) for row in rows]


async def read_waiting(connection: AsyncConnection, asked: Asked) -> list[Waiting]:
    """Return since when those have waited that still do."""
    keys = [deadlines.c[name] for name in asked.group_by]
    by = [*keys, deadlines.c.calendar, deadlines.c.version]
    statement = (
        select(*by, func.array_agg(deadlines.c.started_at).label("since"))
        .select_from(COUNTED)
        .where(*conditions(_chosen(asked, ["open", "overdue"])))
        .group_by(*by)
    )
    rows = await fetch(connection, statement)
    return [Waiting(_key(row, asked), row["calendar"], row["version"], row["since"]) for row in rows]


async def read_versions(connection: AsyncConnection, name: str, versions: Collection[int]) -> dict[int, Any]:
    """Return what rules were in some versions of a set."""
    rows = await fetch(connection, _VERSIONS, name=name, versions=sorted(versions)) if versions else []
    return {row["version"]: row["rules"] for row in rows}


async def count_states(connection: AsyncConnection, asked: Asked) -> list[StateCount]:
    """Return how many deadlines are in each state, by group."""
    keys = [deadlines.c[name] for name in asked.group_by]
    late = deadlines.c.ended_at > deadlines.c.due_at
    state = case(
        (deadlines.c.ended_how.is_(None) & (deadlines.c.due_at > asked.at), "open"),
        (deadlines.c.ended_how.is_(None), "overdue"),
        (late, "late"),
        else_="in_time",
    ).label("state")
    statement = (
        select(*keys, state, func.count().label("deadlines"))
        .select_from(COUNTED)
        .where(*conditions(_chosen(asked, EVERY)))
        .group_by(*keys, state)
    )
    rows = await fetch(connection, statement)
    return [StateCount(_key(row, asked), row["state"], row["deadlines"]) for row in rows]


def _key(row: dict[str, Any], asked: Asked) -> Key:
    return tuple(row[name] for name in asked.group_by)
