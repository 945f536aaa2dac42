"""The installation: which database cluster the change feed's positions belong to."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.clock import now
from service.outbound import store

_log = structlog.get_logger()


async def ensure_installation(connection: AsyncConnection) -> None:
    """Remember the cluster on the first start, and raise the feed's epoch when the data has been moved to another one.

    Positions are made from transaction ids, and those start anew in another cluster. Runs after migrations and at each start.
    """
    identifier = await store.read_cluster(connection)
    remembered = await store.remember_installation(connection, identifier=identifier, now=now())
    if remembered == identifier:
        return
    epoch = await store.raise_epoch(connection, identifier=identifier)
    if epoch is not None:
        _log.warning("feed_epoch_raised", epoch=epoch)
