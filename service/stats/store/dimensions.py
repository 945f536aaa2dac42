"""Dimensions in SQL: what a question groups and filters journeys by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Integer,
    Numeric,
    Text,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    or_,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from service.core.http.queries import ATTRIBUTES, is_attribute
from service.stats.question import JOURNEY_DIMENSIONS, SCORE_BANDS, AsOf, Dimension, Filter, Operator, Question, Unit
from service.stats.store.attributes import attribute_text, is_on_side
from service.stats.store.ledger import leads


class FilterShape(NamedTuple):
    """What makes two filters the same condition with other parameters."""

    dimension: Dimension
    has_values: bool
    missing: bool
    operator: Operator | None
    dates: bool
    # A segment chooses leads, whatever group they are counted in.
    is_segment: bool

    @classmethod
    def of(cls, chosen: Filter, *, is_segment: bool = False) -> FilterShape:
        """Return the shape of a filter; what is compared with an operator is a date if it has two hyphens, and a number otherwise."""
        dates = chosen.operator is not None and chosen.values[0].count("-") > 1
        return cls(chosen.dimension, bool(chosen.values), chosen.missing, chosen.operator, dates, is_segment)


class Shape(NamedTuple):
    """What makes two questions the same statement with other parameters."""

    group_by: tuple[Dimension, ...]
    filters: tuple[FilterShape, ...]
    unit: Unit
    windowed: bool
    known: bool
    as_of: AsOf = "now"

    @classmethod
    def of(cls, question: Question) -> Shape:
        """Return the shape of a question."""
        own = len(question.filters)
        return cls(
            group_by=question.group_by,
            filters=tuple(
                FilterShape.of(chosen, is_segment=number >= own) for number, chosen in enumerate(question.conditions)
            ),
            unit=question.unit,
            windowed=question.window is not None,
            known=question.known_at is not None,
            as_of=question.as_of,
        )

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """Return all dimensions that it groups or filters by."""
        return frozenset(self.group_by) | {chosen.dimension for chosen in self.filters}


_ENTRY_OF_LEAD: Final = "acquired"


class Dimensions:
    """The dimensions of one shape over rows that have the journey's own as columns.

    Those of the lead are read from its row, or as of entry from what the journey keeps of it. ``wanted`` has the values of each filter;
    without it they are parameters, so that the statement can be kept.
    """

    def __init__(
        self,
        shape: Shape,
        journey: FromClause,
        lead: FromClause = leads,
        *,
        wanted: Sequence[Sequence[str]] | None = None,
    ) -> None:
        self._wanted = wanted
        self._shape = shape
        self._journey = journey
        self._lead = lead
        self._at_entry = shape.as_of == "entry"

    @cached_property
    def _tags(self) -> FromClause:
        each = func.jsonb_array_elements_text(self._kept("tags")) if self._at_entry else func.unnest(self._lead.c.tags)
        return each.table_valued(column("tag", Text), name="tagged").render_derived().lateral()

    def _kept(self, name: str) -> ColumnElement[Any]:
        return self._journey.c.entered_as.op("->", return_type=JSONB())(literal(name, Text))

    def column(self, dimension: Dimension) -> ColumnElement[Any]:
        """Return what holds a dimension's value."""
        if dimension in JOURNEY_DIMENSIONS:
            return self._journey.c[dimension]
        if dimension == "tag":
            return self._tags.c.tag
        if dimension == "score_band":
            *bounded, (_, last) = SCORE_BANDS
            score = self._score
            return case(*((score < bound, name) for bound, name in bounded), else_=last)
        if is_attribute(dimension):
            return attribute_text(self._attributes, dimension.removeprefix(ATTRIBUTES))
        if self._at_entry:
            return self._journey.c.entered_as.op("->>", return_type=Text())(literal(dimension, Text))
        return self._lead.c[dimension]

    @property
    def _score(self) -> ColumnElement[Any]:
        # What was nothing is not kept.
        return func.coalesce(cast(self._kept("score"), Integer), 0) if self._at_entry else self._lead.c.score

    @property
    def _attributes(self) -> ColumnElement[Any]:
        return self._kept("attributes") if self._at_entry else self._lead.c.attributes

    @cached_property
    def keys(self) -> list[ColumnElement[Any]]:
        """Return the columns that the question groups by, labelled ``key_0``, ``key_1`` …"""
        return [self.column(dimension).label(f"key_{index}") for index, dimension in enumerate(self._shape.group_by)]

    def joined(self, rows: FromClause) -> FromClause:
        """Return rows of journeys with what the dimensions need beside them."""
        if self._shape.dimensions <= JOURNEY_DIMENSIONS:
            return rows
        if not self._at_entry:
            rows = rows.join(self._lead, self._lead.c.id == self._journey.c.lead_id)
        return rows.outerjoin(self._tags, true()) if "tag" in self._shape.group_by else rows

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the question's filters, and that its unit is kept: a lead is its first journey, the only one that was acquired."""
        conditions = [
            self._condition(chosen, self._values_of(number)) for number, chosen in enumerate(self._shape.filters)
        ]
        if self._shape.unit == "lead":
            conditions.append(self._journey.c.entry_stage == _ENTRY_OF_LEAD)
        return conditions

    def _values_of(self, number: int) -> ColumnElement[Any]:
        if self._wanted is None:
            return bindparam(f"filter_{number}", type_=ARRAY(Text))
        return literal(list(self._wanted[number]), ARRAY(Text))

    def _condition(self, chosen: FilterShape, wanted: ColumnElement[Any]) -> ColumnElement[bool]:
        if chosen.operator is not None:
            return self._comparison(chosen, chosen.operator, wanted)
        if chosen.dimension == "tag" and (chosen.is_segment or "tag" not in self._shape.group_by):
            return self._tagged(chosen, wanted)
        held = self.column(chosen.dimension)
        given = [held == any_(wanted)] if chosen.has_values else []
        return or_(*given, *([held.is_(None)] if chosen.missing else []))

    def _tagged(self, chosen: FilterShape, wanted: ColumnElement[Any]) -> ColumnElement[bool]:
        if self._at_entry:
            tags = self._kept("tags")
            either = [tags.op("?|", return_type=Boolean())(wanted)] if chosen.has_values else []
            return or_(*either, *([tags.is_(None)] if chosen.missing else []))
        tags = self._lead.c.tags
        either = [tags.overlap(wanted)] if chosen.has_values else []
        return or_(*either, *([func.cardinality(tags) == 0] if chosen.missing else []))

    def _comparison(self, chosen: FilterShape, side: Operator, wanted: ColumnElement[Any]) -> ColumnElement[bool]:
        key = chosen.dimension.removeprefix(ATTRIBUTES)
        # There is one value; any of one is that one.
        bound = any_(wanted if chosen.dates else cast(wanted, ARRAY(Numeric)))
        return is_on_side(self._attributes, key, side, bound, dates=chosen.dates)
