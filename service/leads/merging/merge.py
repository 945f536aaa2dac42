"""Merging: two leads of one person become one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Unavailable
from service.leads.operations import Writer

Whose = Literal["survivor", "duplicate"]


async def merge_leads(
    connection: AsyncConnection,
    survivor_id: UUID,
    duplicate_id: UUID,
    writer: Writer,
    *,
    automatic: bool = False,
    why: Mapping[str, Any] | None = None,
    fields: Mapping[str, Whose] | None = None,
) -> dict[str, Any]:
    """Merge a lead into another one, in the caller's transaction, and return the merge as the API shows it."""
    raise Unavailable(f"{survivor_id} and {duplicate_id} wait", given=[connection, writer, automatic, why, fields])
