"""The installation: which database cluster the change feed's positions belong to."""

from __future__ import annotations

import secrets

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
    remembered = await store.remember_installation(connection, identifier=identifier, pepper=_new_pepper(), now=now())
    if remembered == identifier:
        return
    epoch = await store.raise_epoch(connection, identifier=identifier)
    if epoch is not None:
        _log.warning("feed_epoch_raised", epoch=epoch)


def _new_pepper() -> bytes:
    """Return a new random key for HMAC-SHA-256, as its inner and its outer pad (RFC 2104)."""
    key = secrets.token_bytes(32).ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in key) + bytes(byte ^ 0x5C for byte in key)
