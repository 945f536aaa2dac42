"""As what leads entered their journeys, through merges: it belongs to the step that began the journey, and goes where that goes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import store as ledgers
from service.leads.book import Entry
from service.leads.lives import entered_as
from service.lifecycle.ledger import Replayed
from service.lifecycle.machine import STARTS_JOURNEY, Event
from service.lifecycle.weaving import Woven

Entered = Mapping[str, Mapping[str, Any]]
"""As what journeys were entered, by the row that first recorded the step which began each."""

KEPT: str = "entered_as"
"""Where a merge keeps what undoing it will need."""


async def read_entered(connection: AsyncConnection, entry: Entry, ledger: Iterable[Mapping[str, Any]]) -> Entered:
    """Return as what a lead entered the journeys of its ledger."""
    kept = {row["number"]: row["entered_as"] for row in await ledgers.read_journeys(connection, entry.id)}
    return {
        str(row["source"] or row["id"]): kept[row["journey"]]
        for row in ledger
        if Event(row["event"]) in STARTS_JOURNEY and row["journey"] in kept
    }


def enter_woven(entry: Entry, woven: Woven, new: Replayed, known: Entered) -> None:
    """Let a lead have entered its woven journeys as whoever began them did; as what it is now, where nobody had begun one by that step."""
    for kept, transition in zip(woven.kept, new.transitions, strict=True):
        if transition.event in STARTS_JOURNEY:
            found = known.get(str(kept.piece.source))
            entry.entered_as[transition.journey] = entered_as(entry.row) if found is None else found
