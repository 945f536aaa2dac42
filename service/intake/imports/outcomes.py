"""What became of the rows of a piece."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from service.core.ids import NIL

RESULTS: Final = ("created", "updated", "unchanged")
FAILED: Final = "failed"


@dataclass(slots=True)
class Outcome:
    """Results row by row, in the order of the file, and what was wrong."""

    rows: list[int] = field(default_factory=list)
    results: list[int] = field(default_factory=list)
    leads: list[UUID] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)

    def done(self, row: int, result: str, lead_id: UUID | None = None, *, before: int = 0, after: int = 0) -> None:
        """Note what a row came to, and which versions the lead had before and has after it."""
        self.rows.append(row)
        self.results.append(RESULTS.index(result))
        self.leads.append(lead_id or NIL)
        self.before.append(before)
        self.after.append(after)

    def refuse(self, row: int, code: str, detail: str, *, column: str | None = None) -> None:
        """Note why a row was not taken."""
        self.failed.add(row)
        self.faults.append({"row": row, "field": column, "code": code, "detail": detail, "severity": "error"})

    def warn(self, row: int, code: str, detail: str, *, column: str | None = None) -> None:
        """Note what was set aside of a row that was taken."""
        self.faults.append({"row": row, "field": column, "code": code, "detail": detail, "severity": "warning"})

    def add(self, other: Outcome) -> None:
        """Take another part of the piece in."""
        self.rows += other.rows
        self.results += other.results
        self.leads += other.leads
        self.before += other.before
        self.after += other.after
        self.faults += other.faults
        self.failed |= other.failed

    def columns(self) -> dict[str, Any]:
        """Return the outcome as `store.settle_chunk` keeps it."""
        return {
            "row_numbers": self.rows,
            "results": self.results,
            "lead_ids": self.leads,
            "versions_before": self.before,
            "versions_after": self.after,
            "faults": sorted(self.faults, key=lambda fault: fault["row"]),
        }

    def counts(self) -> dict[str, int]:
        """Return how many rows came to what."""
        counted = Counter(self.results)
        warned = {fault["row"] for fault in self.faults} - self.failed
        return {
            **{name: counted[place] for place, name in enumerate(RESULTS)},
            FAILED: len(self.failed),
            "warnings": len(warned),
            "rows": len(self.rows) + len(self.failed),
        }
