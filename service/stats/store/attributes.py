"""Custom attributes of leads in SQL: as the values of a dimension, and compared."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Numeric, Text, and_, case, cast, func, literal

from service.stats.question import Operator

_COMPARE: Final[Mapping[Operator, Any]] = {
    "gte": operator.ge,
    "lte": operator.le,
    "gt": operator.gt,
    "lt": operator.lt,
}
_DAY: Final = r"^\d{4}-\d{2}-\d{2}$"


def attribute_text(attributes: ColumnElement[Any], key: str) -> ColumnElement[str]:
    """Return the value of a key of attributes (jsonb) as text, NULL where there is none; 10 and 10.0 are the same number."""
    value, number = _value_and_number(attributes, key)
    # Only what ends like this may be a number that is written with needless zeros; to ask of each value what it is takes a third of the time.
    return case((value.like("%.%0"), func.coalesce(cast(func.trim_scale(number), Text), value)), else_=value)


def is_on_side(
    attributes: ColumnElement[Any], key: str, side: Operator, bound: Any, *, dates: bool
) -> ColumnElement[bool]:
    """Return whether the value of a key is a date (``dates``; ``bound`` is text) or a number that lies on a side of the bound."""
    value, number = _value_and_number(attributes, key)
    met: ColumnElement[bool]
    if dates:
        met = and_(value.regexp_match(_DAY), _COMPARE[side](value.collate("C"), bound))
    else:
        met = _COMPARE[side](number, bound)
    return met


def _value_and_number(attributes: ColumnElement[Any], key: str) -> tuple[ColumnElement[str], ColumnElement[Any]]:
    name = literal(key, Text)
    value = attributes.op("->>", return_type=Text())(name)
    kind = func.jsonb_typeof(attributes.op("->")(name))
    # The planner may look at conditions in any order; only CASE keeps what is no number from being cast to one.
    return value, case((kind == "number", cast(value, Numeric)), else_=None)
