"""The entries of the book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from service.leads.counting import Share, share_of
from service.leads.errors import LeadErased, LeadMerged
from service.leads.lives import entered_as
from service.lifecycle.ledger import Life


class Entry:
    """One lead in the book: its row, its life, and what it counted for when it was taken."""

    def __init__(self, row: dict[str, Any], life: Life, *, is_new: bool) -> None:
        self.row = row
        self.life = life
        self.is_new = is_new
        self.version_before: int = 0 if is_new else row["version"]
        self.counted_as: dict[int, Share] = {}
        # As what it entered its journeys, by their numbers.
        self.entered_as: dict[int, Mapping[str, Any]] = {}
        if life.journey:
            self.counted_as[life.journey.number] = share_of(life.journey)

    @property
    def id(self) -> UUID:
        """The lead's id."""
        identifier: UUID = self.row["id"]
        return identifier

    def enter(self, number: int) -> Mapping[str, Any]:
        """Return as what it entered a journey: what is kept of that, or else what it is now."""
        if number not in self.entered_as:
            self.entered_as[number] = entered_as(self.row)
        return self.entered_as[number]


def refuse_gone(row: Mapping[str, Any]) -> None:
    """Raise `LeadErased` or `LeadMerged` for a lead that nothing can be done to any more."""
    if row["erased_at"] is not None:
        raise LeadErased(f"lead {row['id']} was erased")
    if row["merged_into"] is not None:
        raise LeadMerged(row["id"], row["merged_into"])
