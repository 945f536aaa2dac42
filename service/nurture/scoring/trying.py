"""Trying rules: what they would make of the leads of the last days, and whether high scores really won. Nothing is changed.

The second question is asked at a landmark: of journeys that began before it and were still open then, scored by what had happened by then and
by the lead as it entered the journey, which of them won afterwards. So no score knows what came of it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from service.nurture.rules import read_rules
from service.nurture.scoring import store, trial_store
from service.nurture.scoring.checking import check_rules
from service.nurture.scoring.decay import Entry, bounded
from service.nurture.scoring.matching import Scoring, seen
from service.nurture.scoring.rules import SCORING
from service.nurture.scoring.tallying import Tally
from service.nurture.scoring.trial_schemas import ScoringTrialCreate
from service.stats.estimators.judging import area_bounds, area_under_curve, by_tenths
from service.stats.estimators.survival import Floats
from service.stats.wilson import ENOUGH, wilson

Row = dict[str, Any]
Pair = tuple[Scoring, Scoring]

_NOT_KNOWN: Final = dict.fromkeys(("industry", "company_size", "country", "region", "owner")) | {
    "tags": [],
    "attributes": {},
}


async def try_rules(connection: AsyncConnection, body: ScoringTrialCreate, *, now: datetime) -> dict[str, Any]:
    """Return what rules would do, by `ScoringTrialOut`; raises `Invalid` for rules that cannot be."""
    rules = await read_rules(connection)
    held = Scoring(rules.of(SCORING), rules.version(SCORING))
    tried = held
    if body.rules is not None:
        await check_rules(connection, body.rules)
        tried = Scoring(body.rules, held.version + 1)
    window = timedelta(days=body.days)
    return {
        "dry_run": True,
        "at": now,
        "days": body.days,
        "version": held.version,
        "changes": await _changes(connection, (held, tried), since=now - window, now=now),
        "winners": await _winners(connection, (held, tried), window=window, now=now),
    }


async def _changes(connection: AsyncConnection, pair: Pair, *, since: datetime, now: datetime) -> dict[str, Any]:
    held, tried = pair
    tally = Tally(tried.rules, sorted({*held.thresholds, *tried.thresholds}))
    of = await trial_store.count_leads(connection, since=since)
    async for piece in trial_store.leads(connection, of, since=since):
        for row in piece:
            row["seen"] = seen(row)
        before = await _score(connection, piece, held, at=now)
        after = before if tried is held else await _score(connection, piece, tried, at=now)
        tally.count([row["id"] for row in piece], before, after, at=now)
    return {"sample": {"looked_at": tally.leads, "of": of}, **tally.out()}


async def _winners(connection: AsyncConnection, pair: Pair, *, window: timedelta, now: datetime) -> dict[str, Any]:
    held, tried = pair
    landmark = now - window
    span = {"since": landmark - window, "landmark": landmark}
    of = await trial_store.count_journeys(connection, **span)
    won: list[bool] = []
    scores: tuple[list[int], list[int]] = ([], [])
    async for piece in trial_store.journeys(connection, of, **span, until=now):
        for row in piece:
            # As what it entered the journey; whatever was found out later might be known only because it won.
            row["seen"] = seen({**_NOT_KNOWN, **row, **row["entered_as"]})
        before = await _score(connection, piece, held, at=landmark)
        after = before if tried is held else await _score(connection, piece, tried, at=landmark)
        won += [row["won"] for row in piece]
        for found, (_, some) in zip(scores, ((held, before), (tried, after)), strict=True):
            found += [score for score, _ in some]
    happened = np.array(won, dtype=np.float64)
    return {
        "text": _text(window.days),
        "started_from": span["since"],
        "landmark": landmark,
        "until": now,
        "sample": {"looked_at": len(won), "of": of},
        "won": sum(won),
        "before": foresight(happened, np.array(scores[0], dtype=np.float64)),
        "after": foresight(happened, np.array(scores[1], dtype=np.float64)),
    }


def _text(days: int) -> str:
    return (
        f"Journeys that began in the {days} days before the landmark and were open then, scored by the activities until the landmark and by "
        "the lead as it entered the journey (job title and verdict: as they are now). Won are those that entered won between the landmark and "
        "until; the others were lost, or are still open."
    )


async def _score(
    connection: AsyncConnection, rows: list[Row], scoring: Scoring, *, at: datetime
) -> list[tuple[int, list[Entry]]]:
    """Return for each lead its score at an instant, and the entries that make it."""
    activities = await store.read_activities(connection, {row["id"] for row in rows}, scoring, at=at, until=at)

    def work_out() -> list[tuple[int, list[Entry]]]:
        low, high = scoring.rules.floor, scoring.rules.ceiling
        found = []
        for row in rows:
            entries = scoring.fit(row["seen"], at) + scoring.engagement(activities.get(row["id"], ()), at)
            found.append((bounded(sum(entry.worth(at) for entry in entries), low, high), entries))
        return found

    return await asyncio.to_thread(work_out)


def foresight(won: Floats, scores: Floats) -> dict[str, Any]:
    """Return how well scores told who would win, by `ForesightOut`."""
    winners = int(won.sum())
    others = won.size - winners
    area = area_under_curve(won, scores)
    bounds = area_bounds(area, winners, others) if area is not None else None
    return {
        "auc": {"value": area, "low": bounds[0], "high": bounds[1]} if bounds else None,
        "insufficient_data": min(winners, others) < ENOUGH,
        "tenths": [
            {
                "tenth": tier.number,
                "lowest": int(tier.low),
                "highest": int(tier.high),
                "mean_score": tier.mean,
                "journeys": tier.count,
                "won": tier.came_true,
                "share": tier.came_true / tier.count,
                "low": low,
                "high": high,
            }
            for tier in by_tenths(won, scores)
            for low, high in [wilson(tier.came_true, tier.count) or (0.0, 1.0)]
        ],
    }
