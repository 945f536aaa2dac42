"""Filters by custom attributes in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, Numeric, Text, and_, false, literal, literal_column, or_
from sqlalchemy.dialects.postgresql import JSONB

from service.leads.attributes.filters import Condition
from service.stats.store.attributes import is_on_side

# Written out, as the predicate of the index is: the planner does not look into parameters.
_NONE: Final[ColumnElement[Any]] = literal_column("'{}'::jsonb")


def has_attribute(attributes: ColumnElement[Any], condition: Condition) -> ColumnElement[bool]:
    """Return whether attributes (jsonb) meet a condition. What is equal is found by the index of what leads have."""
    if condition.operator is not None:
        dates = isinstance(condition.bound, str)
        bound: ColumnElement[Any] = literal(condition.bound, Text if dates else Numeric)
        return is_on_side(attributes, condition.key, condition.operator, bound, dates=dates)
    either = [and_(_contains(attributes, condition.key, value), attributes != _NONE) for value in condition.values]
    if condition.missing:
        either.append(attributes.op("->>", return_type=Text())(literal(condition.key, Text)).is_(None))
    return or_(false(), *either)


def _contains(attributes: ColumnElement[Any], key: str, value: Any) -> ColumnElement[bool]:
    return attributes.op("@>", return_type=Boolean())(literal({key: value}, JSONB))
