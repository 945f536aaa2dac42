"""Attribution answered: paths of the won and of the others, credited by six models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.stats.answering import all_together, refuse_too_many, ungrouped
from service.stats.asking import parse_duration, question_of
from service.stats.attribution import credit_lines
from service.stats.definitions import REACHED
from service.stats.funnel import LAST, order_of
from service.stats.question import Addresses, Key, Question, definition, duration
from service.stats.returns import amount_out
from service.stats.schemas.attribution import AttributionQuery, Touched
from service.stats.store.paths import Credited, read_paths
from service.stats.touches import Name, Paths
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
    read = partial(read_paths, connection, by=query.by, lookback=lookback, admit=refuse_too_many)
    found = await read(question)
    whole = await all_together(question, found, read, Credited.together)
    if len(whole.paths.names) > _MOST_NAMES:
        raise Invalid(
            "?by", f"more than {_MOST_NAMES} of them touched these journeys: choose some of them, or a shorter time"
        )
    refuse_too_many(len(found), max((len(credited.paths.names) for credited in found.values()), default=0))
    told = _Told(query.by, lookback)
    described = definition(question, attribution_text(question, query.by, lookback))
    described |= {"by": query.by, "lookback": duration(lookback) if lookback is not None else None}

    def answer() -> dict[str, Any]:
        of_all = told.of(ungrouped(question), (), whole)
        groups = [
            {"key": question.key_of(key), **(told.of(question, key, found[key]) if key else of_all)}
            for key in sorted(found, key=lambda key: (-found[key].paths.journeys, order_of(key)))
        ]
        return {"definition": described, "groups": groups, **of_all}

    return await asyncio.to_thread(answer)


class _Told(NamedTuple):
    """What is credited, and how far back."""

    by: Touched
    lookback: timedelta | None

    def of(self, question: Question, key: Key, credited: Credited) -> dict[str, Any]:
        """Return the credits of a group and what there was to be shared."""
        paths = credited.paths
        funnel = Addresses.of(question, key, behind="funnel").between(question.start, question.end)
        return {
            "credits": credit_lines(paths, self._addresses(question, key, paths)),
            "totals": {
                "journeys": paths.journeys,
                "wins": paths.wins,
                "revenue": {
                    currency: amount_out(amount, currency) for currency, amount in sorted(credited.revenue.items())
                },
                "leads": funnel.at(LAST, REACHED),
            },
        }

    def _addresses(self, question: Question, key: Key, paths: Paths) -> Mapping[Name, str]:
        addresses = Addresses.of(question, key, behind="attribution").between(question.start, question.end)
        limit = f"&window={duration(self.lookback)}" if self.lookback is not None else ""
        return {
            name: addresses.at(LAST, self.by if name is None else f"{self.by}:{quote(name, safe='')}") + limit
            for name in paths.touched
        }
