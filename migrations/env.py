"""How alembic finds the database and the tables; `service.core.migrations` hands in its own connection."""

from __future__ import annotations

import asyncio

from alembic import context
from sqlalchemy import Column, Connection, Index, pool
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import SchemaItem

import service.intake.imports.tables
import service.intake.tables
import service.leads.attributes.tables
import service.leads.duplicates.tables
import service.leads.merging.tables
import service.leads.privacy.tables
import service.leads.tables
import service.nurture.accounts.tables
import service.nurture.assignment.tables
import service.nurture.deadlines.tables
import service.nurture.policies.tables
import service.nurture.scoring.tables
import service.nurture.tables
import service.outbound.endpoints.tables
import service.outbound.tables
import service.stats.segments.tables
import service.stats.spending.tables
import service.stats.tables  # noqa: F401  (importing a room's tables registers them)
from service.core.tables import metadata
from service.settings import load_settings


def address() -> str:
    """Return the database's address: ``-x url=…``, or what `leads` itself would use."""
    url = context.get_x_argument(as_dictionary=True).get("url") or load_settings().database_url
    if url is None:
        raise SystemExit("Set LEADS_DATABASE_URL, or pass -x url=postgresql://…")
    return url


def comparable(
    item: SchemaItem, _name: str | None, kind: str, _reflected: bool, counterpart: SchemaItem | None
) -> bool:
    """Leave out indexes over expressions that exist: PostgreSQL writes those in its own words (tests compare them)."""
    expressions = item.expressions if isinstance(item, Index) else ()
    return kind != "index" or counterpart is None or all(isinstance(expression, Column) for expression in expressions)


def run(connection: Connection) -> None:
    """Run what was asked for in one transaction: all pending migrations, or none."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=comparable,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_run() -> None:
    """Open a connection of our own: somebody called `alembic` from a shell."""
    engine = create_async_engine(make_url(address()).set(drivername="postgresql+asyncpg"), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()


def run_offline() -> None:
    """Print the SQL instead of running it (`alembic upgrade head --sql`)."""
    context.configure(dialect_name="postgresql", target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(connect_and_run())
