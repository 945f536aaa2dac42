"""The SQL of the check whether mailboxes can be reached."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import fetch

_MAILBOXES: Final = text(
    """SELECT id, email FROM leads
    WHERE id = ANY(CAST(:ids AS uuid[])) AND email IS NOT NULL AND erased_at IS NULL AND merged_into IS NULL"""
)


async def read_mailboxes(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the addresses of those leads that have one."""
    rows = await fetch(connection, _MAILBOXES, ids=list(ids)) if ids else []
    return {row["id"]: row["email"] for row in rows}
