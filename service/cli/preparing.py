"""What has to be so before the first request: a database that answers, its newest schema, and an admin key."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core import keys, migrations, outage
from service.core.database import create_engine, transaction
from service.outbound.installation import ensure_installation
from service.settings import Settings

log = structlog.get_logger(__name__)

# How long a start waits for a database that is starting too.
_PATIENCE_SECONDS: Final = 60


async def prepare(url: str, settings: Settings) -> str | None:
    """Bring the database up to date and return the admin key if it was made just now; replicas take turns."""
    await _upgrade_patiently(url)
    engine = create_engine(url, pool_size=1)
    try:
        async with transaction(engine) as connection:
            await migrations.take_turns(connection)
            await ensure_installation(connection)
            return await _first_key(connection, settings.bootstrap_key)
    finally:
        await engine.dispose()


async def _first_key(connection: AsyncConnection, bootstrap_key: str | None) -> str | None:
    if await keys.any_key_exists(connection):
        return None
    _, token = await keys.create_key(connection, "first", ["admin"], secret=bootstrap_key)
    return token


async def _upgrade_patiently(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return await migrations.upgrade(url)
        except Exception as error:
            pause = outage.retry_after(error)
            if pause is None or time.monotonic() > deadline:
                raise
            log.warning("database_away", error=type(error).__name__, retry_in_seconds=pause)
            await asyncio.sleep(pause)
