"""Whether one lead is of a segment, told from the lead alone and without the database (PURE); statistics ask the same in SQL."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from service.core.http.queries import ATTRIBUTES, is_attribute
from service.lifecycle.stages import Stage
from service.stats.question import SCORE_BANDS, Filter, Operator, Segment
from service.stats.segments.checking import as_text

_COMPARE: Final[Mapping[Operator, Callable[[Any, Any], bool]]] = {
    "gte": operator.ge,
    "lte": operator.le,
    "gt": operator.gt,
    "lt": operator.lt,
}
_OF_COMPANY: Final = {"industry": "industry", "company_size": "size", "country": "country", "region": "region"}


def belongs(segment: Segment, lead: Mapping[str, Any]) -> bool:
    """Say whether a lead, as the API and events show it, meets all conditions of a segment.

    As what it entered its journey is known of the first one alone: no later journey is of any ``entry_stage``.
    """
    return all(_meets(chosen, values_of(lead, chosen.dimension)) for chosen in segment.filters)


def values_of(lead: Mapping[str, Any], dimension: str) -> tuple[Any, ...]:
    """Return a shown lead's values of a dimension; none for a missing one."""
    if dimension == "tag":
        return tuple(lead["tags"])
    if dimension == "score_band":
        score = lead["score"]
        return (next(name for bound, name in SCORE_BANDS if bound is None or score < bound),)
    if dimension == "entry_stage":
        return (str(Stage.ACQUIRED),) if lead["journey"] == 1 else ()
    if is_attribute(dimension):
        value = lead["attributes"].get(dimension.removeprefix(ATTRIBUTES))
    elif dimension in _OF_COMPANY:
        value = lead["company"][_OF_COMPANY[dimension]]
    else:
        value = lead[dimension]
    return () if value is None else (value,)


def _meets(chosen: Filter, values: tuple[Any, ...]) -> bool:
    if not values:
        return chosen.missing
    if chosen.operator is None:
        return any(as_text(value) in chosen.values for value in values)
    return any(_is_on_side(chosen.operator, value, chosen.values[0]) for value in values)


def _is_on_side(side: Operator, value: Any, bound: str) -> bool:
    """Compare numbers with numbers and dates with dates; what is neither is on no side."""
    compare = _COMPARE[side]
    if bound.count("-") > 1:
        with suppress(ValueError):
            return isinstance(value, str) and compare(date.fromisoformat(value), date.fromisoformat(bound))
        return False
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    with suppress(InvalidOperation):
        return compare(Decimal(str(value)), Decimal(bound))
    return False
