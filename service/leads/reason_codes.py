"""Reason codes: the built-in ones and the users' own, and the category of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict
from service.leads import store
from service.lifecycle.reasons import CATALOGUE


async def categories_of(connection: AsyncConnection, codes: set[str]) -> dict[str, str]:
    """Return the categories of those reason codes that exist. Asks the database only for codes that are not built in."""
    known = {code: CATALOGUE[code] for code in codes if code in CATALOGUE}
    if len(known) < len(codes):
        known |= {row["code"]: row["category"] for row in await store.read_reasons(connection) if row["code"] in codes}
    return known


async def all_reasons(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return every reason code: ``code, category, label, built_in``."""
    built_in = [
        {"code": code, "category": category, "label": None, "built_in": True} for code, category in CATALOGUE.items()
    ]
    own = [
        {"code": row["code"], "category": row["category"], "label": row["label"], "built_in": False}
        for row in await store.read_reasons(connection)
    ]
    return built_in + own


async def add_reason(
    connection: AsyncConnection, *, code: str, category: str, label: str | None, now: datetime
) -> dict[str, Any]:
    """Add a reason code; raises `Conflict` if it exists."""
    row = {"code": code, "category": category, "label": label, "created_at": now}
    if code in CATALOGUE or not await store.add_reason(connection, row):
        raise Conflict(f"the reason code {code!r} exists already", code="reason_exists")
    return {"code": code, "category": category, "label": label, "built_in": False}
