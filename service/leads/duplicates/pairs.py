"""A pair of leads that may be one, as it is first written down by whoever noticed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from service.core.ids import new_id

# A submission that has what two leads are known by is hardly ever wrong; that a channel wants a person to look is no proof of anything.
_SCORES: Final = {"bridged": 9_500, "review": 9_000}


class Pairs:
    """The pairs that a transaction noticed."""

    def __init__(self) -> None:
        self._noticed: dict[tuple[UUID, UUID], dict[str, Any]] = {}

    def suspect(self, lead_id: UUID, other_id: UUID, *, by: str, fields: tuple[str, str], at: datetime) -> None:
        """Write down that two leads may be one; ``fields`` are what each of them has that brought the two together."""
        if lead_id != other_id:
            row = _row(lead_id, other_id, by=by, fields=fields, at=at)
            self._noticed.setdefault((row["lead_id"], row["other_id"]), row)

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the rows to be written."""
        return {"duplicates": [self._noticed[pair] for pair in sorted(self._noticed)]}


def _row(lead_id: UUID, other_id: UUID, *, by: str, fields: tuple[str, str], at: datetime) -> dict[str, Any]:
    """Return the row of a pair that a submission brought together by what the leads have in these fields."""
    one, other = fields
    if other_id < lead_id:
        lead_id, other_id, one, other = other_id, lead_id, other, one
    return {
        "lead_id": lead_id,
        "other_id": other_id,
        "id": new_id(),
        # What one submission said of both is merged by the rules; the rest waits for a person.
        "status": "pending" if by == "bridged" else "open",
        "found_by": by,
        "score": _SCORES[by],
        "why": [[one, other, 1.0, 0.0]],
        "found_at": at,
    }
