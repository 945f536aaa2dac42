"""A line of the report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    name: str
    value: float
    bar: float
    at_least: bool
    note: str

    def __str__(self) -> str:
        met = self.value >= self.bar if self.at_least else self.value <= self.bar
        sign = "≥" if self.at_least else "≤"
        return f"{'ok  ' if met else 'MISS'}  {self.name:<52} {self.value:>9.2f}  {sign} {self.bar:<8g} {self.note}"
