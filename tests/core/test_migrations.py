from __future__ import annotations

import asyncio

import asyncpg
import pytest
from alembic import command
from sqlalchemy import insert
from sqlalchemy.engine import make_url

from service.core import clock, ids, migrations
from service.core.database import create_engine, transaction
from service.core.tables import metadata
from service.leads import tables as leads
from service.outbound import tables as outbound
from service.stats import tables as stats

# Everything alembic does not compare by itself: check constraints, predicates, INCLUDE, NULLS NOT DISTINCT.
_CATALOGUE = """
SELECT conrelid::regclass::text || ': ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 'alembic_version'::regclass
UNION ALL
SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indrelid
WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
UNION ALL
SELECT format('%s.%s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull)
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped AND relname <> 'alembic_version'
"""


async def catalogue(url: str) -> set[str]:
    address = make_url(url)
    connection = await asyncpg.connect(host=address.query["host"], user=address.username, database=address.database)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)")
        return {row[0] for row in await connection.fetch(_CATALOGUE)}
    finally:
        await connection.close()


async def test_it_is_at_head(database_url: str) -> None:
    assert await migrations.check(database_url)
    assert await migrations.current_revision(database_url) == migrations.head_revision()


async def test_an_empty_database_is_not_at_head(empty_database_url: str) -> None:
    assert await migrations.current_revision(empty_database_url) is None
    assert not await migrations.check(empty_database_url)


async def test_the_migrations_build_what_the_code_describes(database_url: str, empty_database_url: str) -> None:
    engine = create_engine(empty_database_url)
    async with transaction(engine) as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    described = await catalogue(empty_database_url)
    assert len(described) > 100
    assert await catalogue(database_url) == described


async def test_alembic_finds_nothing_to_add(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        await connection.run_sync(lambda connection: command.check(migrations._config(connection)))
    await engine.dispose()


async def test_down_and_up_with_rows_in_the_tables(database_url: str) -> None:
    await insert_rows(database_url)
    await migrations.downgrade(database_url, "base")
    assert await migrations.current_revision(database_url) is None
    assert await catalogue(database_url) == set()
    await migrations.upgrade(database_url)
    assert await migrations.check(database_url)
    await insert_rows(database_url)


async def test_processes_that_start_together_upgrade_once(empty_database_url: str) -> None:
    await asyncio.gather(*(migrations.upgrade(empty_database_url) for _ in range(5)))
    assert await migrations.check(empty_database_url)


async def test_an_address_with_per_cent_signs_works(database_url: str) -> None:
    assert "%2F" in database_url
    await migrations.upgrade(database_url)


@pytest.mark.parametrize("revision", ["nonsense"])
async def test_an_unknown_revision_changes_nothing(database_url: str, revision: str) -> None:
    with pytest.raises(Exception, match="nonsense"):
        await migrations.downgrade(database_url, revision)
    assert await migrations.check(database_url)


async def insert_rows(url: str) -> None:
    now, lead_id = clock.now(), ids.new_id()
    lead = {
        "id": lead_id, "stage": "acquired", "furthest_stage": "acquired", "stage_entered_at": now, "journey": 1, "sequence": 1,
        "version": 1, "utm": {}, "external_ids": {}, "consent": {}, "score": 0, "tags": ["a"], "attributes": {"a": [1]},
        "verdict": "valid", "verdict_reasons": [], "test": False, "created_at": now, "updated_at": now, "acquired_at": now,
    }  # fmt: skip
    event = {"lead_id": lead_id, "id": ids.new_id(), "bucket": 0, "position": 1, "type": "lead.created", "sequence": 1}
    delta = {"bucket": now, "channel": None, "campaign": None, "entry_stage": "acquired", "cell": 1}
    engine = create_engine(url)
    async with transaction(engine) as connection:
        await connection.execute(insert(leads.leads), lead)
        await connection.execute(insert(outbound.outbox), event | {"data": {}, "occurred_at": now, "recorded_at": now})
        await connection.execute(insert(stats.cohort_deltas), delta | {"count": 1})
    await engine.dispose()
