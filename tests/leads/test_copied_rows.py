"""What a large batch is written with must not be seen in what it wrote: COPY and a statement leave the same rows."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cleaning import normalise
from service.cleaning.submission import Submission
from service.core.database import transaction
from service.leads import store
from service.leads.book import Book
from service.leads.take_in import take_into

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
TABLES = ("leads", "identities", "transitions", "journeys", "touchpoints", "outbox", "win_deltas")
# In how many rows something is counted is nobody's business.
COUNTED = (
    """SELECT bucket AS quarter, channel, campaign, entry_stage, cell, sum(count) FROM cohort_deltas
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(count) <> 0""",
    """SELECT bucket AS quarter, channel, campaign, from_stage, to_stage, sum(moved_in) AS moved_in, sum(moved_out) AS moved_out
    FROM flow_deltas GROUP BY 1, 2, 3, 4, 5""",
)
# Made anew each time.
_CHANCE = {"id", "lead_id", "transition_id", "bucket", "position"}


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
            occurred_at=NOW - timedelta(days=number, microseconds=number) if number % 2 else None,
            test=number % 11 == 0,
            auto_clean=True,
        )
        for number in range(count)
    ]


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
            found[table] = sorted(repr(_stable(row)) for row in rows)
        await connection.rollback()
    return found


def _stable(value: object) -> object:
    if isinstance(value, dict):
        return {name: _stable(item) for name, item in value.items() if name not in _CHANCE}
    return value


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
