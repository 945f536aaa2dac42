"""Identifiers: UUIDv7, and the queue bucket a thing belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import uuid_utils
from asyncpg.pgproto import pgproto

BUCKETS: Final = 64
NIL: Final = UUID(int=0)


def new_id() -> UUID:
    """Return a new UUIDv7: unique, and ordered by the time it was made.

    It is of the type that the driver reads ids as: made, hashed and written in a fraction of the time of its parent's. orjson by itself knows
    only the parent: `core.database.dumps` knows both.
    """
    made: UUID = pgproto.UUID(uuid_utils.uuid7().bytes)
    return made


def new_ids(count: int) -> list[uuid_utils.UUID]:
    """Return so many new UUIDv7 as their library has them: for whoever needs no more than their bytes and their text."""
    return [uuid_utils.uuid7() for _ in range(count)]


def new_id_text() -> str:
    """Return a new UUIDv7 as text, in a tenth of the time: for paths that are counted in microseconds."""
    return str(uuid_utils.uuid7())


def first_id(at: datetime) -> UUID:
    """Return the lowest UUIDv7 of an instant's millisecond: ids made from then on are not below it."""
    return UUID(int=(max(int(at.timestamp() * 1000), 0) << 80) | (7 << 76) | (1 << 63))


def bucket_of(identifier: UUID) -> int:
    """Return the queue bucket of a lead or a delivery: 0 to 63, taken from the random tail of its id."""
    return identifier.bytes[-1] % BUCKETS


def bucket_of_text(identifier: str) -> int:
    """Return the same for an id as text."""
    return int(identifier[-2:], 16) % BUCKETS
