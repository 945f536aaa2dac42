"""Filters by custom attributes in SQL."""

from __future__ import annotations

import operator
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Numeric,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    or_,
)
from sqlalchemy.dialects.postgresql import JSONB

from service.leads.attributes.filters import Condition

_OPERATORS: Final = {"gte": operator.ge, "lte": operator.le, "gt": operator.gt, "lt": operator.lt}
# Written out, as the predicate of the index is: the planner does not look into parameters.
_NONE: Final[ColumnElement[Any]] = literal_column("'{}'::jsonb")
_DAY: Final = r"^\d{4}-\d{2}-\d{2}$"


def has_attribute(attributes: ColumnElement[Any], condition: Condition) -> ColumnElement[bool]:
    """Return whether attributes (jsonb) meet a condition. What is equal is found by the index of what leads have."""
    text = attributes.op("->>", return_type=Text())(literal(condition.key, Text))
    if condition.operator is not None:
        return _compared(attributes, text, condition)
    either = [and_(_contains(attributes, condition.key, value), attributes != _NONE) for value in condition.values]
    either += [text.is_(None)] if condition.missing else []
    return or_(false(), *either)


def _contains(attributes: ColumnElement[Any], key: str, value: Any) -> ColumnElement[bool]:
    return attributes.op("@>", return_type=Boolean())(_json({key: value}))


def _json(value: Any) -> ColumnElement[Any]:
    return literal(value, JSONB)


def _compared(attributes: ColumnElement[Any], text: ColumnElement[str], condition: Condition) -> ColumnElement[bool]:
    assert condition.operator is not None
    compare = _OPERATORS[condition.operator]
    if isinstance(condition.bound, str):
        is_day, bound = text.regexp_match(_DAY), literal(condition.bound, Text)
        return and_(is_day, compare(text.collate("C"), bound.collate("C")))
    kind = func.jsonb_typeof(attributes.op("->")(literal(condition.key, Text)))
    # The planner may look at conditions in any order; only CASE keeps what is no number from being cast to one.
    number = case((kind == "number", cast(text, Numeric)), else_=None)
    met: ColumnElement[bool] = compare(number, literal(condition.bound, Numeric))
    return met
