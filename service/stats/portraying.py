"""The profile of those who are won, put together: journeys and wins by each value of each dimension that is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.stats.asking import parse_dimensions, question_of
from service.stats.profile import CUSTOMARY, Held, Share, most_frequent, profile_lines
from service.stats.question import Addresses, Dimension, Question, definition
from service.stats.schemas.profile import ProfileQuery
from service.stats.store.profiles import read_held, read_telling_attributes
from service.stats.wording import profile_text

_MOST_DIMENSIONS: Final = 50
_AT_ONCE: Final = 12
# It has few values and every journey has one, so that all journeys are counted on the way.
_ALWAYS: Final = "entry_stage"


async def profile(connection: AsyncConnection, query: ProfileQuery, *, now: datetime) -> dict[str, Any]:
    """Answer, in the form of `ProfileOut`, which values of which dimensions win more, or less, than the rest."""
    question = question_of(query, mode="cohort", now=now)
    by = parse_dimensions(query.by, pointer="?by", most=_MOST_DIMENSIONS)
    if not by:
        by = (*CUSTOMARY, *await read_telling_attributes(connection))
    held = await _held(connection, question, by)
    whole = _whole([one for one in held if one.dimension == _ALWAYS])
    kept, left_out = most_frequent([one for one in held if one.dimension in by], query.values)

    def find(dimension: Dimension, value: str | None) -> Addresses:
        return _addresses(replace(question, group_by=(dimension,)), (value,))

    everybody = _addresses(question, ())
    described = definition(question, profile_text(question)) | {"by": list(by), "values": query.values}
    return {
        "definition": described,
        "groups": profile_lines(kept, whole, find),
        "totals": {
            **whole._asdict(),
            "leads": everybody.at("acquired", "reached"),
            "won_leads": everybody.at("won", "reached"),
        },
        "left_out": left_out,
    }


async def _held(connection: AsyncConnection, question: Question, by: Sequence[Dimension]) -> list[Held]:
    # A lead with several tags has several values: they are counted by themselves.
    names = [_ALWAYS, *(name for name in by if name not in {_ALWAYS, "tag"})]
    parts = [tuple(names[start : start + _AT_ONCE]) for start in range(0, len(names), _AT_ONCE)]
    parts += [("tag",)] if "tag" in by else []
    return [one for part in parts for one in await read_held(connection, replace(question, group_by=part))]


def _whole(held: Sequence[Held]) -> Share:
    return Share(sum(one.share.journeys for one in held), sum(one.share.wins for one in held))


def _addresses(question: Question, key: tuple[str | None, ...]) -> Addresses:
    return Addresses.of(question, key, behind="funnel").between(question.start, question.end)
