"""A delivery in hand: what it means, part by part, and what is going to be written about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from service.channels.contract import Activity, ConsentChange, Erasure, Fetch, Submitted, Translation
from service.cleaning.submission import Cleaned
from service.intake.directory import Channel

Kind = Literal["submission", "activity", "consent", "erasure"]
Part = Submitted | Activity | ConsentChange | Erasure

_ORDER: Final[tuple[Kind, ...]] = ("submission", "activity", "consent", "erasure")
# What has come to a lead, and is not done again when the delivery is replayed.
_ACTED_UPON: Final = frozenset({"created", "matched", "revised", "outdated", "activity", "consent", "erased"})


class Place(NamedTuple):
    """Which part of a delivery: the first activity is ``("activity", 0)``."""

    kind: Kind
    number: int


@dataclass(slots=True)
class Job:
    """A delivery in hand. ``parts`` are those still to be acted upon; ``cleaned`` has the submissions among them."""

    row: dict[str, Any]
    channel: Channel
    status: str = ""
    reason: str | None = None
    detail: str | None = None
    due_at: datetime | None = None
    fetch: tuple[Fetch, ...] = ()
    parts: dict[Place, Part] = field(default_factory=dict)
    cleaned: dict[Place, Cleaned] = field(default_factory=dict)
    outcome: dict[Place, dict[str, Any]] = field(default_factory=dict)
    claimed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Keep what an earlier attempt came to: it is not done again, and not forgotten either, whatever comes of this one."""
        known = {Place(entry.get("kind", "submission"), entry["index"]): entry for entry in self.row["outcome"]}
        self.outcome = {
            place: entry for place, entry in known.items() if entry["lead_id"] and entry["result"] in _ACTED_UPON
        }

    def settle(self, status: str, reason: str | None = None, detail: str | None = None) -> None:
        """Decide what becomes of the delivery as a whole."""
        self.status, self.reason, self.detail = status, reason, detail

    def fail(self, reason: str, detail: str) -> None:
        """Say that nothing can be made of the delivery now; one that came to something before stays processed."""
        self.settle("processed" if self.outcome else "dead", reason, detail)

    def take(self, meaning: Translation) -> None:
        """Take the parts of a translation in hand, but for those that an earlier attempt has acted upon."""
        told: tuple[tuple[Part, ...], ...] = (
            meaning.submissions,
            meaning.activities,
            meaning.consent_changes,
            meaning.erasures,
        )
        for kind, parts in zip(_ORDER, told, strict=True):
            for index, part in enumerate(parts):
                if Place(kind, index) not in self.outcome:
                    self.parts[Place(kind, index)] = part

    def record(self, place: Place, result: str, **known: Any) -> None:
        """Write down what became of one part."""
        nothing: dict[str, Any] = {"lead_id": None, "matched_by": [], "verdict": None, "code": None, "detail": None}
        entry = {"kind": place.kind, "index": place.number, "result": result, **nothing, "duplicate_of": None, **known}
        self.outcome[place] = entry

    def drop(self, place: Place) -> None:
        """Take a part out of hand."""
        del self.parts[place]
        self.cleaned.pop(place, None)

    def conclude(self) -> None:
        """Sum up what became of the parts: one that was acted upon is enough."""
        results = {entry["result"] for entry in self.outcome.values()}
        codes = {entry["code"] for entry in self.outcome.values() if entry["result"] == "refused"}
        if results & _ACTED_UPON:
            self.settle("processed")
        elif codes and codes <= {"suppressed"}:
            self.settle("ignored", "suppressed", "Whoever it is about is blocked: see /v1/suppressions.")
        elif "refused" in results:
            first = next(entry for entry in self.outcome.values() if entry["result"] == "refused")
            self.settle("dead", first["code"] or "refused", first["detail"])
        elif "rejected" in results:
            first = next(entry for entry in self.outcome.values() if entry["result"] == "rejected")
            self.settle("ignored", "already_known", f"Lead {first['lead_id']} is known by the same {_said(first)}.")
        elif "unknown_person" in results:
            self.settle(
                "ignored", "unknown_person", "It is about somebody we do not know; it can be replayed when we do."
            )
        elif "duplicate" in results:
            self.settle("duplicate", "duplicate", "Everything in it came before, in other deliveries.")
        else:
            self.settle("ignored", "ignored", "There is nobody in it.")

    def written(self) -> dict[str, Any]:
        """Return the columns to be written."""
        outcome = [self.outcome[place] for place in sorted(self.outcome, key=_in_order)]
        return {
            "id": self.row["id"],
            "status": self.status,
            "reason": self.reason,
            "detail": self.detail,
            "due_at": self.due_at,
            "dedupe_key": self.row["dedupe_key"],
            "outcome": outcome,
            "lead_ids": list(dict.fromkeys(entry["lead_id"] for entry in outcome if entry["lead_id"])),
        }


def _said(entry: dict[str, Any]) -> str:
    return " and ".join(name.replace("_", " ") for name in entry["matched_by"])


def _in_order(place: Place) -> tuple[int, int]:
    return _ORDER.index(place.kind), place.number
