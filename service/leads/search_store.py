"""The SQL of the lead list: filters, search, keyset pages, and the leads behind a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, and_, cast, column, func, literal_column, or_, select, table, tuple_
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import Subquery

from service.core.database import fetch
from service.leads.attributes.filter_store import has_attribute
from service.leads.tables import identities, leads
from service.stats.segments.store import is_of

SORTS: Final[Mapping[str, ColumnElement[Any]]] = {
    # Ids are UUIDv7: their order is the order of creation.
    "created_at": leads.c.id,
    "acquired_at": leads.c.acquired_at,
    "stage_entered_at": leads.c.stage_entered_at,
    "score": leads.c.score,
    "due_at": leads.c.due_at,
}
"""What a list can be sorted by; each has an index, with the id to make the order total."""

EQUAL: Final = {
    "stage": leads.c.stage,
    "channel": leads.c.channel,
    "campaign": leads.c.campaign,
    "owner": leads.c.owner,
    "country": leads.c.country,
    "region": leads.c.region,
    "industry": leads.c.industry,
    "company_size": leads.c.company_size,
    "company_domain": leads.c.company_domain,
}
"""What can be filtered by its value, or by having none."""

# The words of a lead, as the index of the migration has them.
SEARCHED: Final[ColumnElement[Any]] = literal_column(
    "to_tsvector('simple'::regconfig, coalesce(leads.full_name, '') || ' ' || coalesce(leads.email, '') || ' ' "
    "|| coalesce(leads.company_name, ''))"
)


# What nurture says of companies; that room lies above this one, so it is named here and not imported.
_ACCOUNT_TIERS: Final = table("account_tiers", column("domain", Text), column("tier", Text))


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of leads: by one column, then by id, both up or both down."""

    by: str
    descending: bool

    @property
    def columns(self) -> list[ColumnElement[Any]]:
        """The columns of the order."""
        return [leads.c.id] if self.by == "created_at" else [SORTS[self.by], leads.c.id]


def conditions(filters: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """Return the conditions of a lead list; a list of values means any of them, and erased leads are left out."""
    found: list[ColumnElement[bool]] = [leads.c.erased_at.is_(None), leads.c.merged_into.is_(None)]
    missing = filters.get("missing", ())
    for name, held in EQUAL.items():
        values = filters.get(name)
        either = [held.in_(values)] if values else []
        either += [held.is_(None)] if name in missing else []
        if either:
            found.append(or_(*either))
    if tags := filters.get("tag"):
        found.append(leads.c.tags.overlap(tags))
    found += [has_attribute(leads.c.attributes, one) for one in filters.get("attributes", ())]
    if tiers := filters.get("account_tier"):
        of_tier = select(_ACCOUNT_TIERS.c.domain).where(_ACCOUNT_TIERS.c.tier.in_(tiers))
        found.append(leads.c.company_domain.in_(of_tier))
    if segment := filters.get("segment"):
        found.append(is_of(segment, leads))
    found += [condition(filters[name]) for name, condition in _SPECIAL.items() if filters.get(name) is not None]
    return found


def _identity(kind: str, value: str) -> ColumnElement[bool]:
    return leads.c.id.in_(select(identities.c.lead_id).where(identities.c.kind == kind, identities.c.value == value))


def _external(named: str) -> ColumnElement[bool]:
    system, _, value = named.partition(":")
    return _identity(f"external:{system}", value)


def _words(query: str) -> ColumnElement[bool]:
    words = query.replace("'", " ").replace("\\", " ").split()
    addresses = [word for word in words if "@" in word.strip("@")]
    # A sign alone is no word: in one query with others it does not keep them from being found.
    plain = " & ".join(_prefix(word) for word in words if word not in addresses)
    found = [SEARCHED.op("@@")(func.to_tsquery("simple", plain))] if plain or not addresses else []
    return and_(*found, *map(_address, addresses))


def _address(beginning: str) -> ColumnElement[bool]:
    """Match an e-mail address by its beginning, which is not yet an address and would be parsed as two words."""
    prefix = _prefix(beginning)
    return or_(SEARCHED.op("@@")(func.to_tsquery("simple", prefix)), SEARCHED.op("@@")(cast(prefix.lower(), TSQUERY)))


def _prefix(word: str) -> str:
    return f"'{word}':*"


_SPECIAL: Final = {
    "email": lambda value: _identity("email", value),
    "phone": lambda value: _identity("phone", value),
    "external_id": _external,
    "score_gte": lambda value: leads.c.score >= value,
    "acquired_from": lambda value: leads.c.acquired_at >= value,
    "acquired_to": lambda value: leads.c.acquired_at < value,
    "stage_since_before": lambda value: leads.c.stage_entered_at < value,
    "has_due": lambda _: leads.c.due_at.is_not(None),
    "due_before": lambda value: leads.c.due_at < value,
    "overdue_at": lambda value: leads.c.due_at <= value,
    "in_time_at": lambda value: or_(leads.c.due_at > value, leads.c.due_at.is_(None)),
    "q": _words,
}


async def read_page(
    connection: AsyncConnection, filters: Mapping[str, Any], *, order: Order, after: Sequence[Any] | None, limit: int
) -> list[dict[str, Any]]:
    """Return up to ``limit`` leads after a place in the order."""
    statement = select(leads).where(*conditions(filters)).limit(limit)
    statement = statement.order_by(*(column.desc() if order.descending else column.asc() for column in order.columns))
    if after is not None:
        here, there = tuple_(*order.columns), tuple_(*after)
        statement = statement.where(here < there if order.descending else here > there)
    return await fetch(connection, statement)


async def count(connection: AsyncConnection, filters: Mapping[str, Any]) -> int:
    """Return how many leads a list has in all."""
    statement = select(func.count()).select_from(leads).where(*conditions(filters))
    return int((await connection.execute(statement)).scalar_one())


async def read_behind(
    connection: AsyncConnection,
    figure: Subquery,
    parameters: Mapping[str, Any],
    *,
    after: Sequence[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return up to ``limit`` leads behind a figure, one row for each journey (or transition) that it counts.

    ``figure`` yields ``lead_id, at, n``: the lead, when it counted, and which of its journeys or transitions did.
    """
    place = (figure.c.at, figure.c.lead_id, figure.c.n)
    statement: Select[Any] = (
        select(leads, figure.c.at.label("figure_at"), figure.c.n.label("figure_n"))
        .join_from(figure, leads, leads.c.id == figure.c.lead_id)
        .order_by(*place)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(*after))
    return await fetch(connection, statement, **parameters)


async def count_behind(connection: AsyncConnection, figure: Subquery, parameters: Mapping[str, Any]) -> int:
    """Return how many rows a figure has: the figure itself."""
    return int((await connection.execute(select(func.count()).select_from(figure), parameters)).scalar_one())
