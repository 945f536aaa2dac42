"""A question about deadlines (PURE): what is asked, how that is said, and the addresses of what is behind a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast, get_args
from urllib.parse import urlencode

from service.core.errors import Invalid
from service.nurture.deadlines.statistics.schemas import DeadlinesScope, Dimension
from service.stats.asking import parse_bound, parse_zone
from service.stats.question import instant

Key = tuple[str | None, ...]

DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)
EVERY: Final = ("in_time", "late", "open", "overdue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked; ``at`` is now."""

    start: datetime | None
    end: datetime | None
    tz: str
    at: datetime
    group_by: tuple[Dimension, ...]
    values: Mapping[str, Sequence[str]]
    missing: Sequence[str]

    def key_of(self, key: Key) -> dict[str, str | None]:
        """Return a group's key with the names of its dimensions."""
        return dict(zip(self.group_by, key, strict=True))

    def definition(self, text: str) -> dict[str, Any]:
        """Return the definition that an answer carries."""
        names = sorted({*self.values, *self.missing})
        return {
            "from": self.start,
            "to": self.end,
            "tz": self.tz,
            "at": self.at,
            "group_by": list(self.group_by),
            "filters": {
                name: [*self.values.get(name, ()), *([None] if name in self.missing else [])] for name in names
            },
            "text": text,
        }

    def address(self, key: Key, *, states: Sequence[str] = EVERY, ended: Sequence[str] = ()) -> str:
        """Return the address of the deadlines behind a figure of a group."""
        grouped = self.key_of(key)
        pairs = [("state", state) for state in states] + [("ended", how) for how in ended]
        pairs += [(name, value) for name, values in self.values.items() if name not in grouped for value in values]
        pairs += [("missing", name) for name in self.missing if name not in grouped]
        pairs += [("missing", name) if value is None else (name, value) for name, value in grouped.items()]
        bounds = (("from", self.start), ("to", self.end), ("at", self.at))
        pairs += [(name, instant(bound)) for name, bound in bounds if bound is not None]
        return "/v1/deadlines?" + urlencode(pairs)


def asked_by(query: DeadlinesScope, *, now: datetime, **values: Sequence[str]) -> Asked:
    """Return what parameters ask, and of the columns in ``values`` only these; raises `Invalid`, which names the one at fault."""
    zone = parse_zone(query.tz)
    start = parse_bound(query.from_, zone, pointer="?from") if query.from_ is not None else None
    end = parse_bound(query.to, zone, pointer="?to") if query.to is not None else None
    if start is not None and end is not None and start >= end:
        raise Invalid("?to", "the interval is empty: from must lie before to")
    chosen: dict[str, Sequence[str]] = {name: getattr(query, name) for name in DIMENSIONS} | values
    return Asked(
        start=start,
        end=end,
        tz=query.tz,
        at=now,
        group_by=_grouped(query.group_by),
        values={name: [str(value) for value in some] for name, some in chosen.items() if some},
        missing=query.missing,
    )


def _grouped(given: Sequence[str]) -> tuple[Dimension, ...]:
    names = [name.strip() for item in given for name in item.split(",")]
    if not set(names) <= set(DIMENSIONS):
        raise Invalid("?group_by", f"knows these dimensions: {', '.join(DIMENSIONS)}")
    if len(set(names)) < len(names):
        raise Invalid("?group_by", "names a dimension twice")
    return tuple(cast("list[Dimension]", names))
