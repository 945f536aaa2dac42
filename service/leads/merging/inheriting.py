"""Corrections of a merged ledger: a step that is told again as it was is still the step of whoever brought it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads.merging import store
from service.lifecycle.ledger import Replayed, Transition
from service.lifecycle.machine import STARTS_JOURNEY

Row = Mapping[str, Any]

_SAME = ("event", "reason", "amount", "currency", "occurred_at")


async def inherit(
    connection: AsyncConnection, lead_id: UUID, *, old: Sequence[Row], new: Replayed, from_sequence: int
) -> list[dict[str, Any]]:
    """Return, for each row of a corrected ledger, the columns it has from the step it tells again; for most that is nothing.

    A step that was set aside and that the correction tells is in the ledger then, and no longer aside.
    """
    aside = await store.read_set_aside(connection, lead_id)
    brought = [row for row in old[from_sequence - 1 :] if row["source"] is not None]
    heirs = _Heirs(brought, aside)
    tail = [heirs.of(transition) for transition in new.transitions[from_sequence - 1 :]]
    if len(heirs.aside) < len(aside):
        await store.write_set_aside(connection, lead_id, heirs.aside)
    return [{} for _ in new.transitions[: from_sequence - 1]] + tail


class _Heirs:
    """The steps that can be told again, each once."""

    def __init__(self, brought: Sequence[Row], aside: Sequence[Row]) -> None:
        self.brought = list(brought)
        self.aside = list(aside)

    def of(self, transition: Transition) -> dict[str, Any]:
        for rows in (self.brought, self.aside):
            told = next((row for row in rows if _is_told(row, transition)), None)
            if told is not None:
                rows.remove(told)
                return {name: told[name] for name in ("actor", "origin", "source")}
        return {}


def _is_told(row: Row, transition: Transition) -> bool:
    step = transition.step
    told = (step.event, step.reason, step.amount, step.currency, transition.occurred_at)
    # What a start says of its source is said by its touchpoint, too, which then is no longer as it was brought.
    is_same = step.event not in STARTS_JOURNEY or (row["channel"], row["campaign"]) == (step.channel, step.campaign)
    return is_same and all(row[name] == value for name, value in zip(_SAME, told, strict=True))
