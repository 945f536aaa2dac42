"""How content people are: the ratings they gave, by kind, channel and scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import sqrt
from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection

from service.nurture.activities import store
from service.stats.wilson import ENOUGH, Z95


class RatingsOut(BaseModel):
    """The ratings of one kind, channel and scale."""

    kind: str
    channel: str | None
    worst: float
    best: float
    ratings: Annotated[int, Field(description="How many there are")]
    leads: Annotated[int, Field(description="Of how many leads")]
    mean: float
    low: Annotated[float | None, Field(description="95 % bounds of the mean; null for a single rating")]
    high: float | None
    share: Annotated[float, Field(description="Where the mean is on the scale, from 0, the worst, to 1, the best")]
    insufficient_data: Annotated[bool, Field(description="Fewer than 30 ratings: do not build on it")]


class RatingListOut(BaseModel):
    """All of them; different scales are never averaged."""

    data: list[RatingsOut]
    next_cursor: None


async def read_ratings(
    connection: AsyncConnection, *, since: datetime | None, until: datetime | None, kinds: Sequence[str]
) -> dict[str, Any]:
    """Return the mean rating of each kind, channel and scale, of leads that are not tests."""
    rows = await store.count_ratings(connection, since=since, until=until, kinds=list(kinds) or None)
    return {"data": [_shown(row) for row in rows], "next_cursor": None}


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    count, mean = row["ratings"], float(row["mean"])
    worst, best = float(row["rating_worst"]), float(row["rating_best"])
    reach = Z95 * float(row["deviation"]) / sqrt(count) if row["deviation"] is not None else None
    return {
        "kind": row["kind"],
        "channel": row["channel"],
        "worst": worst,
        "best": best,
        "ratings": count,
        "leads": row["leads"],
        "mean": mean,
        # No mean lies beyond the scale.
        "low": None if reach is None else max(worst, mean - reach),
        "high": None if reach is None else min(best, mean + reach),
        "share": (mean - worst) / (best - worst),
        "insufficient_data": count < ENOUGH,
    }
