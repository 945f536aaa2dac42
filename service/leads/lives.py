"""A lead's life, journeys and moves between the ledger's own types and the rows that store them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from service.leads.counting import journey_cell
from service.lifecycle.ledger import Journey, Life
from service.lifecycle.machine import STARTS_JOURNEY

_JOURNEY_FIELDS: Final = tuple(Journey.__dataclass_fields__)
_AT_ENTRY: Final = ("industry", "company_size", "country", "region", "owner", "score", "tags", "attributes")


def life_of(row: Mapping[str, Any], journey: Mapping[str, Any]) -> Life:
    """Return the life that a lead's row and its current journey's row stand for."""
    return Life(
        stage=row["stage"],
        furthest_stage=row["furthest_stage"],
        stage_entered_at=row["stage_entered_at"],
        sequence=row["sequence"],
        journey=journey_of(journey),
        verdict=row["verdict"],
        erased=row["erased_at"] is not None,
    )


def journey_of(row: Mapping[str, Any]) -> Journey:
    """Return a stored journey."""
    return Journey(**{name: row[name] for name in _JOURNEY_FIELDS})


def number_before(row: Mapping[str, Any]) -> int:
    """Return the number of the journey that a transition leaves."""
    number: int = row["journey"]
    return number - 1 if row["event"] in STARTS_JOURNEY else number


def projection(life: Life) -> dict[str, Any]:
    """Return the columns of a lead's row that its ledger gives."""
    return {
        "stage": life.stage,
        "furthest_stage": life.furthest_stage,
        "stage_entered_at": life.stage_entered_at,
        "sequence": life.sequence,
        "journey": life.journey.number if life.journey else 0,
    }


def entered_as(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of a lead with the journey it enters: the dimensions it has now, but for those it has nothing of."""
    kept = {name: value for name in _AT_ENTRY if (value := row.get(name))}
    if "tags" in kept:
        kept["tags"] = list(kept["tags"])
    if "attributes" in kept:
        kept["attributes"] = dict(kept["attributes"])
    return kept


def journey_row(lead_id: UUID, journey: Journey, *, counted: bool, entered: Mapping[str, Any]) -> dict[str, Any]:
    """Return a journey as it is stored; ``entered`` is as what the lead entered it."""
    return {name: getattr(journey, name) for name in _JOURNEY_FIELDS} | {
        "lead_id": lead_id,
        "cell": journey_cell(journey),
        "counted": counted,
        "entered_as": entered,
    }
