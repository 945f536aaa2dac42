"""What a large batch is written with must not be seen in what it wrote: COPY and a statement leave the same rows."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cleaning import normalise
from service.cleaning.submission import Submission
from service.core.database import transaction
from service.core.ids import bucket_of
from service.leads import store
from service.leads.book import Book
from service.leads.take_in import take_into

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
TABLES = (
    "leads",
    "identities",
    "transitions",
    "journeys",
    "touchpoints",
    "consents",
    "duplicates",
    "outbox",
    "win_deltas",
)
# In how many rows something is counted is nobody's business.
COUNTED = (
    """SELECT bucket AS quarter, channel, campaign, entry_stage, cell, sum(count) FROM cohort_deltas
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(count) <> 0""",
    """SELECT bucket AS quarter, channel, campaign, from_stage, to_stage, sum(moved_in) AS moved_in, sum(moved_out) AS moved_out
    FROM flow_deltas GROUP BY 1, 2, 3, 4, 5""",
)
# Made anew each time. Ids are, too: of these, only how they refer to each other can be compared.
_CHANCE = {"bucket", "position"}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


def people(count: int) -> list[Submission]:
    """Every kind of value a row can have: texts with everything that COPY escapes, empty and full documents, no and odd times."""
    return [
        Submission(
            email=f"p{number}@example.com" if number % 7 else "not an address",
            phone=f"+4930{9018200 + number}" if number % 3 else None,
            full_name='Zoë "\\N" \t O\'Neill, 王' if number % 5 else None,
            company_name="{null} 100 % %s" if number % 2 else None,
            channel="fair" if number % 4 else None,
            utm={"source": 'a"b\\c'} if number % 2 else {},
            external_ids={"crm": f"c-{number}"},
            tags=("b", "a,{}\\") if number % 3 else (),
            attributes={"seats": number, "nested": {"a": [1, None, True]}} if number % 2 else {},
            consent={"newsletter": True} if number % 6 == 0 else {},
            owner=f"owner {number}" if number % 9 == 0 else None,
            referred_by='Bob "%d"' if number % 8 == 0 else None,
            occurred_at=_odd_time(number),
            test=number % 11 == 0,
            auto_clean=True,
        )
        for number in range(count)
    ]


def _odd_time(number: int) -> datetime | None:
    if number % 13 == 0:
        return (NOW + timedelta(minutes=4)).astimezone(timezone(timedelta(hours=5, minutes=30)))
    if number % 19 == 0:
        return datetime(1999, 12, 31, 23, 59, 59, 999_999 - number, tzinfo=UTC)
    return NOW - timedelta(days=number, microseconds=number) if number % 2 else None


async def written(engine: AsyncEngine, *, in_bulk: bool = False) -> dict[str, list[str]]:
    """Write 400 people and 50 of them again, and return all rows, without what is made anew each time, and take them back."""
    found = {}
    async with engine.connect() as connection:
        book = Book(connection, now=NOW, actor="test")
        again = [Submission(email=f"p{number}@example.com", job_title="CEO") for number in range(1, 51)]
        await take_into(book, [normalise(one, "DE") for one in people(400) + again], via="import", in_bulk=in_bulk)
        assert bool(book.stamped) is in_bulk
        await book.flush()
        for table in (*TABLES, *(f"({counted})" for counted in COUNTED)):
            rows = (await connection.execute(text(f"SELECT to_jsonb(t) AS row FROM {table} t"))).scalars()
            found[table] = list(rows)
        await connection.rollback()
    assert all(row["bucket"] == bucket_of(UUID(row["lead_id"])) for row in found["outbox"])
    return _by_lead(found)


def _by_lead(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    """Return the rows by table, the ids in them numbered as they come up in the rows of their lead."""
    leads = defaultdict(list)
    for table, rows in found.items():
        for row in rows:
            known = {name: value for name, value in row.items() if name not in _CHANCE}
            leads[row["id"] if table == "leads" else row.get("lead_id")].append(
                (table, _ID.sub("", repr(known)), repr(known))
            )
    told = defaultdict(list)
    for of_lead in leads.values():
        for table, row in _numbered(of_lead):
            told[table].append(row)
    return {table: sorted(rows) for table, rows in told.items()}


def _numbered(rows: list[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    numbers: dict[str, str] = {}
    for table, _, row in sorted(rows):
        yield table, _ID.sub(lambda one: numbers.setdefault(one[0], f"#{len(numbers)}"), row)


async def test_copied_rows_are_those_of_the_statement(engine: AsyncEngine, monkeypatch) -> None:
    copied = await written(engine)
    monkeypatch.setattr(store, "COPIED_FROM", 10**9)
    stated = await written(engine)
    assert len(copied["leads"]) == 407
    assert len(copied["outbox"]) > 700
    assert copied == stated


async def test_stamped_rows_are_those_of_the_book(engine: AsyncEngine) -> None:
    assert await written(engine, in_bulk=True) == await written(engine)


async def test_a_large_batch_is_in_the_feed_in_order(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        book = Book(connection, now=NOW, actor="test")
        await take_into(book, [normalise(one, "DE") for one in people(120)], via="import")
        await book.flush()
    async with transaction(engine) as connection:
        positions = (await connection.execute(text("SELECT DISTINCT position FROM outbox"))).scalars().all()
        assert len(positions) == 1
        assert positions[0] > 0
