"""Rules that are data: how leads are merged and matched, by the name of the set. A set that nobody wrote is absent: defaults hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch

_READ = text("SELECT rules FROM rule_sets WHERE name = :name")
_WRITE = text(
    """INSERT INTO rule_sets (name, rules, version, updated_at) VALUES (:name, CAST(:rules AS jsonb), 1, :now)
    ON CONFLICT (name) DO UPDATE
    SET rules = excluded.rules, version = rule_sets.version + 1, updated_at = excluded.updated_at"""
)


async def read_rules(connection: AsyncConnection, name: str) -> dict[str, Any] | None:
    """Return the rules of a set as they were written, or None if nobody wrote any."""
    rows = await fetch(connection, _READ, name=name)
    return rows[0]["rules"] if rows else None


async def write_rules(connection: AsyncConnection, name: str, rules: Mapping[str, Any], *, now: datetime) -> None:
    """Replace the rules of a set."""
    await connection.execute(_WRITE, {"name": name, "rules": dumps(rules), "now": now})
