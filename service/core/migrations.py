"""The database's schema: bring it to the newest version, and tell whether it is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

# Any number works as long as nothing else in the database uses it.
_LOCK: Final = 7_318_205_440


def _scripts() -> Path:
    package = Path(__file__).parent.parent
    shipped = package / "migrations"  # in an installed wheel
    return shipped if shipped.is_dir() else package.parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    return config


def _engine(url: str) -> AsyncEngine:
    # Not `database.create_engine`: a migration may take longer than any request is allowed to.
    options: dict[str, Any] = {"timeout": 10, "server_settings": {"application_name": "lead-lifecycle migrations"}}
    address = make_url(url).set(drivername="postgresql+asyncpg")
    return create_async_engine(address, poolclass=pool.NullPool, connect_args=options)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def head_revision() -> str:
    """Return the newest revision this code knows; it is what ``alembic_version.version_num`` must say."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the migrations are missing from this installation"
    return head


async def upgrade(url: str, revision: str = "head") -> None:
    """Bring the schema to ``revision`` in one transaction; processes that start together wait for each other."""
    await _run(url, lambda connection: command.upgrade(_config(connection), revision))


async def downgrade(url: str, revision: str) -> None:
    """Take the schema back to ``revision`` (``base``: nothing is left) in one transaction."""
    await _run(url, lambda connection: command.downgrade(_config(connection), revision))


async def _run(url: str, migrate: Callable[[Connection], None]) -> None:
    engine = _engine(url)
    try:
        async with engine.begin() as connection:
            await take_turns(connection)
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


async def take_turns(connection: AsyncConnection) -> None:
    """Wait until no other process prepares this database; the turn ends with the transaction."""
    await connection.execute(text("SET LOCAL lock_timeout = 0"))
    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


async def current_revision(url: str) -> str | None:
    """Return the revision the database is at, or None when it holds no schema of ours."""
    engine = _engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_revision)
    finally:
        await engine.dispose()


async def check(url: str) -> bool:
    """Tell whether the database is at the newest revision."""
    return await current_revision(url) == head_revision()
