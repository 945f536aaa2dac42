"""Writing down what was spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import NotFound
from service.core.ids import new_id
from service.stats.spending import store
from service.stats.spending.schemas import SpendPut


async def put_spend(
    connection: AsyncConnection, items: Sequence[SpendPut], *, actor: str, now: datetime
) -> list[tuple[str, dict[str, Any]]]:
    """Write amounts down and return each with ``created``, ``updated`` or ``unchanged``; of two with the same key the last one counts."""
    rows = [_row(item, actor=actor, now=now) for item in items]
    before = {store.key_of(row): row for row in await store.read_same(connection, rows)}
    await store.put_spend(connection, list({store.key_of(row): row for row in rows}.values()))
    after = {store.key_of(row): row for row in await store.read_same(connection, rows)}
    results = []
    for row in rows:
        key = store.key_of(row)
        known, kept = before.get(key), after[key]
        same = known is not None and (known["amount"], known["budget"]) == (kept["amount"], kept["budget"])
        results.append(("created" if known is None else "unchanged" if same else "updated", kept))
    return results


def _row(item: SpendPut, *, actor: str, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        **item.model_dump(exclude={"period"}),
        "actor": actor,
        "created_at": now,
        "updated_at": now,
    }


async def delete_spend(connection: AsyncConnection, spend_id: UUID) -> None:
    """Forget an amount; raises `NotFound`."""
    if not await store.delete_spend(connection, spend_id):
        raise NotFound(f"there is no amount {spend_id}")


def spend_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an amount as the API shows it."""
    return {**row, "amount": _money(row["amount"]), "budget": _money(row["budget"])}


def _money(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    text = f"{amount.quantize(Decimal('0.0001')):f}"
    return text[:-2] if text.endswith("00") else text.removesuffix("0")
