"""The rules of matching, as the operator wrote them or as they are by default."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.leads import rules_store
from service.leads.duplicates.schemas import MatchingRules

_NAME: Final = "matching"


async def matching_rules(connection: AsyncConnection) -> MatchingRules:
    """Return the rules that hold."""
    return MatchingRules.model_validate(await rules_store.read_rules(connection, _NAME) or {})


async def replace_rules(connection: AsyncConnection, rules: MatchingRules, *, now: datetime) -> dict[str, Any]:
    """Replace the rules; pairs that were found stay as they are until one of their leads changes."""
    await rules_store.write_rules(connection, _NAME, rules.model_dump(), now=now)
    return rules.model_dump()
