"""Explaining a score: every point of it, and every entry that there ever was."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads.reading import find_lead
from service.nurture.rules import list_versions, read_rules
from service.nurture.scoring import store
from service.nurture.scoring.decay import bounded
from service.nurture.scoring.ledger import entry_of
from service.nurture.scoring.rules import SCORING

Row = Mapping[str, Any]
_ENTRY: Final = (
    "id",
    "kind",
    "rule",
    "version",
    "points",
    "half_life_days",
    "activity_id",
    "occurred_at",
    "recorded_at",
    "fades_at",
    "ended_at",
    "ended_because",
)


async def read_score(connection: AsyncConnection, lead_id: UUID, *, at: datetime) -> dict[str, Any]:
    """Return a lead's score at an instant, by what was recorded by then, and what it is made of; raises as `find_lead`.

    The bounds are those of today's rules.
    """
    await find_lead(connection, lead_id)
    rules = await read_rules(connection)
    held = rules.of(SCORING)
    rows = [row for row in await store.entries_at(connection, lead_id, at) if entry_of(row).worth(at)]
    labels = await _labels(connection, {row["version"] for row in rows})
    did = await store.activities_of(connection, lead_id, {row["activity_id"] for row in rows if row["activity_id"]})
    entries = [_entry(row, labels, did, at) for row in rows]
    total = sum(entry["now"] for entry in entries)
    score = bounded(total, held.floor, held.ceiling)
    if score != total:
        entries.append(_bound(score, total))
    entries.sort(key=lambda entry: -abs(entry["now"]))
    return {
        "lead_id": lead_id,
        "at": at,
        "score": score,
        "version": rules.version(SCORING),
        "entries": entries,
    }


async def list_entries(
    connection: AsyncConnection, lead_id: UUID, *, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Return every entry there ever was of a lead, the newest first; raises as `find_lead`."""
    await find_lead(connection, lead_id)
    rows = await store.list_entries(connection, lead_id, before=before, limit=limit)
    return [{name: row[name] for name in _ENTRY} for row in rows]


async def export_points(connection: AsyncConnection, lead_ids: Collection[UUID]) -> dict[str, Any]:
    """Return every entry there ever was of the leads that a person is, for all that is held of them."""
    rows = await store.entries_of(connection, lead_ids)
    return {"score_entries": [{name: row[name] for name in ("lead_id", *_ENTRY)} for row in rows]}


async def tell_points(connection: AsyncConnection, lead_id: UUID) -> list[dict[str, Any]]:
    """Return the items of a lead's timeline: each time that a rule gave points, and each time that they were taken back.

    That nothing is left of points is told with them, as ``fades_at``.
    """
    items = []
    for row in await store.entries_of(connection, [lead_id]):
        data = {name: row[name] for name in _ENTRY}
        given = {**data, "change": row["points"], "ended_at": None, "ended_because": None}
        items.append(_item(row["occurred_at"], row["recorded_at"], given))
        if row["ended_at"] is not None and row["ended_because"] != "faded":
            taken = {**data, "change": -entry_of(row).worth(row["ended_at"])}
            items.append(_item(row["ended_at"], row["ended_at"], taken))
    return items


def _item(occurred_at: datetime, recorded_at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "points", "occurred_at": occurred_at, "recorded_at": recorded_at, "data": data}


async def _labels(connection: AsyncConnection, versions: Iterable[int]) -> dict[tuple[int, str], str | None]:
    """Return what the rules of these versions call themselves."""
    wanted = set(versions)
    if not wanted:
        return {}
    found = await list_versions(connection, SCORING, before=max(wanted) + 1, limit=max(wanted) - min(wanted) + 1)
    return {
        (one["version"], rule["key"]): rule["label"]
        for one in found
        if one["version"] in wanted
        for rule in (*one["fit"], *one["engagement"])
    }


def _entry(
    row: Row, labels: Mapping[tuple[int, str], str | None], did: Mapping[UUID, Row], at: datetime
) -> dict[str, Any]:
    activity = did.get(row["activity_id"])
    label = labels.get((row["version"], row["rule"])) or row["rule"]
    return {name: row[name] for name in ("id", "kind", "rule", "version", "points", "half_life_days")} | {
        "now": entry_of(row).worth(at),
        "text": f"{label}: {activity['kind']}" if activity else label,
        "activity": {name: activity[name] for name in ("id", "kind", "channel", "occurred_at")} if activity else None,
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
    }


def _bound(score: int, total: int) -> dict[str, Any]:
    side = "below" if score > total else "above"
    nothing = ("id", "rule", "version", "half_life_days", "activity", "occurred_at", "recorded_at")
    return dict.fromkeys(nothing) | {
        "kind": "bound",
        "text": f"no score is {side} {score}: the others add up to {total}",
        "points": score - total,
        "now": score - total,
    }
