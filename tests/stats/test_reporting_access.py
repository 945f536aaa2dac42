"""Who may read the views for dashboards, what they must not say, and what is written about them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from httpx import AsyncClient
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from tests.stats.reading import rows

PAGE = (Path(__file__).parent.parent.parent / "docs/reporting.md").read_text(encoding="utf-8")
VIEWS = "SELECT table_name AS view FROM information_schema.views WHERE table_schema = 'reporting' ORDER BY 1"
COLUMNS = """
    SELECT c.relname AS view, a.attname AS column, col_description(c.oid, a.attnum) AS words, obj_description(c.oid) AS about
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'reporting'::regnamespace AND a.attnum > 0 ORDER BY c.relname, a.attnum
"""
PERSONAL = {"email", "phone", "name", "owner", "note", "actor", "domain", "tags", "attributes", "title"}


async def connect(url: str, user: str | None = None) -> asyncpg.Connection:
    address = make_url(url)
    host, port = address.query["host"], address.query.get("port")
    extra = {"port": int(port)} if isinstance(port, str) else {}
    return await asyncpg.connect(host=host, user=user or address.username, database=address.database, **extra)


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A session of the role that the documentation makes."""
    (creation,) = [block for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) if "CREATE ROLE" in block]
    owner = await connect(database_url)
    try:
        await owner.execute(creation.replace("DATABASE leads ", f'DATABASE "{make_url(database_url).database}" '))
        session = await connect(database_url, "leads_reporting")
        yield session
        await session.close()
    finally:
        (undoing,) = re.findall(r"`(DROP OWNED BY .*?)`", PAGE)
        await owner.execute(undoing)
        await owner.close()


async def test_its_role_reads_the_views_and_nothing_else(reader: asyncpg.Connection, database_url: str) -> None:
    views = [row["view"] for row in await reader.fetch(VIEWS)]
    assert len(views) == 14
    for view in views:
        await reader.fetch(f"SELECT * FROM {view} LIMIT 1")
        for statement in (
            f"DELETE FROM {view}",
            f"UPDATE {view} SET channel = 'x'",
            f"INSERT INTO {view} DEFAULT VALUES",
        ):
            with pytest.raises(asyncpg.PostgresError):
                await reader.execute(statement)
    # Even if somebody lets the session write.
    await reader.execute("SET default_transaction_read_only = off")
    for statement in (
        "CREATE TABLE public.mine (n int)",
        "CREATE VIEW reporting.mine AS SELECT 1",
        "DELETE FROM spend_daily",
    ):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ObjectNotInPrerequisiteStateError)):
            await reader.execute(statement)
    tables = await reader.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 20
    for table in tables:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetch(f'SELECT 1 FROM public."{table["tablename"]}"')
    visible = await reader.fetch("SELECT DISTINCT table_schema FROM information_schema.tables")
    assert {row[0] for row in visible} <= {"reporting", "information_schema", "pg_catalog"}
    for name, value in (("TimeZone", "UTC"), ("statement_timeout", "1min"), ("search_path", "reporting")):
        assert await reader.fetchval(f"SHOW {name}") == value
    owner = await connect(database_url)
    await owner.execute("CREATE VIEW reporting.later AS SELECT 1 AS one")
    await owner.close()
    assert await reader.fetchval("SELECT one FROM later") == 1


async def test_nobody_is_in_them_by_name(client: AsyncClient, worker: Any, engine: AsyncEngine) -> None:
    body = {
        "email": "wilhelmine@geheim.de", "phone": "+4930901820", "full_name": "Wilhelmine Geheimrat", "job_title": "Kanzlerin",
        "company": {"name": "Geheim KG", "domain": "geheim.de", "industry": "steel", "country": "DE"}, "owner": "verkauf@geheim.de",
        "tags": ["geheimtipp"], "attributes": {"secret": "geheim"}, "channel": "web", "occurred_at": "2026-01-01T08:00:00Z",
    }  # fmt: skip
    lead = (await client.post("/v1/leads", json=body)).json()
    test = {"email": "probe@firma.de", "channel": "probe", "test": True}
    assert (await client.post("/v1/leads", json=test)).status_code == 201
    steps = (
        {"event": "win", "allow_skip": True, "amount": "50", "currency": "EUR", "note": "geheim"},
        {"event": "churn", "reason": "price", "note": "geheim"},
    )
    for step in steps:
        answer = await client.post(f"/v1/leads/{lead['id']}/transitions", json=step)
        assert answer.status_code == 201, answer.text
    for _ in range(2):  # before and after the counters are rolled up
        async with transaction(engine) as connection:
            for row in await rows(connection, VIEWS):
                held = await rows(connection, f"SELECT v::text AS held FROM reporting.{row['view']} AS v")
                assert held or row["view"] == "spend_daily"
                text = "".join(one["held"] for one in held).lower()
                assert not re.search("wilhelmine|geheim|901820|kanzlerin|probe", text), row["view"]
            (total,) = await rows(connection, "SELECT leads, wins, revenue FROM reporting.channels")
            assert (total["leads"], total["wins"], total["revenue"]) == (1, 1, 50)
        await worker()


async def test_every_column_is_explained_where_people_look(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        columns = await rows(connection, COLUMNS)
    told = {
        (view, column): words
        for view, section in re.findall(r"### `reporting\.(\w+)`\n(.*?)(?=\n### |\Z)", PAGE, re.DOTALL)
        for column, words in [("", section.splitlines()[0].rstrip(".")), *re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)]
    }  # fmt: skip
    held = {(row["view"], row["column"]): row["words"] for row in columns}
    assert told == held | {(row["view"], ""): row["about"] for row in columns}
    assert not {part for row in columns for part in row["column"].split("_")} & PERSONAL
