"""Attribution answered: paths of the won and of the others, credited by six models."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.asking import parse_duration, question_of
from service.stats.attribution import credit_lines
from service.stats.definitions import REACHED
from service.stats.funnel import LAST
from service.stats.question import Addresses, definition, duration
from service.stats.returns import amount_out
from service.stats.schemas.attribution import AttributionQuery
from service.stats.store.paths import read_paths
from service.stats.touches import Name
from service.stats.wording import attribution_text

# The Markov model solves a system of as many equations: at so many it takes some seconds.
_MOST_NAMES: Final = 2_000


async def attribution(connection: AsyncConnection, query: AttributionQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `AttributionOut`, which touches are credited with the wins of journeys that started in the interval."""
    for name in ("window", "known_at"):
        if getattr(query, name) is not None:
            raise Invalid(f"?{name}", "does not go with attribution; lookback limits which touches are credited")
    question = question_of(query, mode="cohort", now=now)
    lookback = parse_duration(query.lookback, pointer="?lookback") if query.lookback is not None else None
    paths, revenue = await read_paths(connection, question, by=query.by, lookback=lookback)
    if len(paths.names) > _MOST_NAMES:
        raise Invalid(
            "?by", f"more than {_MOST_NAMES} of them touched these journeys: choose some of them, or a shorter time"
        )
    addresses = Addresses.of(question, (), behind="attribution").between(question.start, question.end)
    limit = f"&window={duration(lookback)}" if lookback is not None else ""

    def touched(name: Name) -> str:
        return addresses.at(LAST, query.by if name is None else f"{query.by}:{quote(name, safe='')}") + limit

    addresses_of = {name: touched(name) for name in paths.touched}
    described = definition(question, attribution_text(question, query.by, lookback))
    described |= {"by": query.by, "lookback": duration(lookback) if lookback is not None else None}
    funnel = Addresses.of(question, (), behind="funnel").between(question.start, question.end)
    return {
        "definition": described,
        "credits": await asyncio.to_thread(credit_lines, paths, addresses_of),
        "totals": {
            "journeys": paths.wins + paths.not_won.total(),
            "wins": paths.wins,
            "revenue": {currency: amount_out(amount, currency) for currency, amount in sorted(revenue.items())},
            "leads": funnel.at(LAST, REACHED),
        },
    }
