"""Reverting: an import is taken back whole, while nothing has built on it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict
from service.intake.imports import asking, revert_store, store
from service.leads.book import Book
from service.leads.withdrawing import Change, take_back

_ENDED: Final = ("done", "canceled", "failed")
_NAMED: Final = 20


class BuiltOn(Conflict):
    """Something was done to leads since the import; the first of them are named."""

    code = "built_on"


async def begin_revert(connection: AsyncConnection, import_id: UUID) -> dict[str, Any]:
    """Let a worker take an import back; raises `BuiltOn` if that would take back more than the import did, or another `Conflict`."""
    row = await asking.read_import(connection, import_id)
    if row["status"] not in _ENDED or row["dry_run"] or not row["rows_done"]:
        raise Conflict(
            "only an import that has ended and has changed something can be reverted", import_status=row["status"]
        )
    if row["kind"] == "spend" and row["updated"]:
        raise Conflict("the import replaced amounts, and what they were is not known any more")
    found = await revert_store.built_on(connection, import_id, limit=_NAMED + 1)
    if found:
        many = f"more than {_NAMED}" if len(found) > _NAMED else str(len(found))
        raise BuiltOn(f"{many} leads have changed since", leads=found[:_NAMED])
    changed = await store.change_import(
        connection, import_id, {"status": "reverting", "detail": None, "finished_at": None}, only=_ENDED
    )
    if changed is None:
        raise Conflict("somebody else is reverting the import")
    return changed


async def revert_some(connection: AsyncConnection, *, now: datetime) -> int:
    """Take back what a piece of a reverting import did, and return how many rows it had; 0 if there is none."""
    row = await revert_store.take_reverting(connection)
    if row is None:
        return 0
    import_id = row["id"]
    book = Book(connection, now=now, actor=f"import:{import_id}")
    number = await revert_store.next_piece(connection, import_id)
    if number is None:
        values = {"status": "reverted", "finished_at": now}
        await store.change_import(connection, import_id, values, only=("reverting",))
        return 1
    if row["kind"] == "spend":
        await revert_store.delete_spend(connection, actor=book.actor)
    changes = [Change(**one) for one in await revert_store.changes_of(connection, import_id, number)]
    if row["kind"] == "activities":
        await revert_store.delete_activities(connection, [one.lead_id for one in changes], actor=book.actor)
    kept = await take_back(book, changes, why={"reverted_import": str(import_id)})
    await book.flush()
    await revert_store.mark_reverted(connection, import_id, number, now=now)
    if kept:
        detail = f"{(row['detail'] or '').rstrip('.')} {len(kept)} leads of piece {number} had changed and were kept."
        await store.change_import(connection, import_id, {"detail": detail.strip()}, only=("reverting",))
    return len(changes) or 1
