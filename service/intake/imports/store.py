"""All SQL of imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.database import dumps, fetch
from service.intake.imports.tables import import_chunks, imports

_OPEN: Final = ("waiting", "running")
# Besides rows; a gate is for the pieces of one import, the numbers of which follow the key.
_GATE: Final = "hashtext(CAST(import_id AS text))"


async def insert_import(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Remember a file that begins to come in."""
    await connection.execute(insert(imports).values(dict(row)))


async def add_chunk(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Keep a piece of a file."""
    await connection.execute(insert(import_chunks).values(dict(row)))


async def change_import(
    connection: AsyncConnection, import_id: UUID, values: Mapping[str, Any], *, only: Sequence[str]
) -> dict[str, Any] | None:
    """Change an import that is in one of the states ``only`` and return it, or None if it is not."""
    statement = (
        update(imports)
        .where(imports.c.id == import_id, imports.c.status.in_(only))
        .values(**values)
        .returning(*imports.c)
    )
    rows = await fetch(connection, statement)
    return rows[0] if rows else None


_EMPTY: Final = text("UPDATE import_chunks SET data = '' WHERE import_id = :import_id AND data <> ''")


async def empty_chunks(connection: AsyncConnection, import_id: UUID) -> None:
    """Forget what a file said that will not be worked through any more."""
    await connection.execute(_EMPTY, {"import_id": import_id})


async def read_import(connection: AsyncConnection, import_id: UUID) -> dict[str, Any] | None:
    """Return an import, or None."""
    rows = await fetch(connection, select(imports).where(imports.c.id == import_id))
    return rows[0] if rows else None


async def list_imports(
    connection: AsyncConnection, *, kind: str | None, status: str | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """Return imports, the latest first."""
    statement: Select[Any] = select(imports).order_by(imports.c.id.desc()).limit(limit)
    if kind is not None:
        statement = statement.where(imports.c.kind == kind)
    if status is not None:
        statement = statement.where(imports.c.status == status)
    return await fetch(connection, statement if before is None else statement.where(imports.c.id < before))


# The worker. `FOR UPDATE SKIP LOCKED` is the lease: whoever dies lets go of it, and of the gate. The gate is closed by the same statement
# that takes the piece, so nobody can take the next one and find it open before.
_TAKE: Final = text(
    f"""WITH next AS (
        SELECT c.import_id, c.number FROM import_chunks c JOIN imports i ON i.id = c.import_id
        WHERE c.done_at IS NULL AND i.status IN ('waiting', 'running')
        ORDER BY c.import_id, c.number LIMIT 1 FOR UPDATE OF c SKIP LOCKED
    )
    SELECT c.import_id, c.number, c.first_row, c.records, c.data, i.kind, i.mode, i.dry_run, i.format, i.delimiter, i.header, i.options,
        i.chunks, pg_advisory_lock({_GATE.replace("import_id", "c.import_id")}, c.number), set_config('lock_timeout', '120s', true)
    FROM next JOIN import_chunks c USING (import_id, number) JOIN imports i ON i.id = c.import_id"""
)
_PASS: Final = text(
    """SELECT pg_advisory_lock_shared(hashtext(CAST(CAST(:import_id AS uuid) AS text)), :number),
        pg_advisory_unlock_shared(hashtext(CAST(CAST(:import_id AS uuid) AS text)), :number)"""
)
_OPEN_GATE: Final = text(
    "SELECT pg_advisory_unlock(hashtext(CAST(CAST(:import_id AS uuid) AS text)), CAST(:number AS integer))"
)
_OPEN_ALL: Final = text("SELECT pg_advisory_unlock_all()")
_IS_DONE: Final = text(
    "SELECT done_at IS NOT NULL FROM import_chunks WHERE import_id = :import_id AND number = :number FOR SHARE"
)
_SETTLE: Final = text(
    """UPDATE import_chunks SET data = '', done_at = :now, row_numbers = CAST(:row_numbers AS bigint[]),
        results = CAST(:results AS smallint[]), lead_ids = CAST(:lead_ids AS uuid[]),
        versions_before = CAST(:versions_before AS integer[]), versions_after = CAST(:versions_after AS integer[]),
        faults = CAST(:faults AS jsonb)
    WHERE import_id = :import_id AND number = :number"""
)
_ADVANCE: Final = text(
    """UPDATE imports SET chunks_done = chunks_done + 1, rows_done = rows_done + :rows, created = created + :created,
        updated = updated + :updated, unchanged = unchanged + :unchanged, failed = failed + :failed, warnings = warnings + :warnings,
        status = CASE WHEN chunks_done + 1 = chunks THEN 'done' ELSE 'running' END,
        started_at = coalesce(started_at, :now), finished_at = CASE WHEN chunks_done + 1 = chunks THEN CAST(:now AS timestamptz) END
    WHERE id = :import_id AND status IN ('waiting', 'running') RETURNING status"""
)


async def take_chunk(connection: AsyncConnection) -> dict[str, Any] | None:
    """Lock the next piece that nobody works on and close its gate, or return None."""
    rows = await fetch(connection, _TAKE)
    return rows[0] if rows else None


async def pass_gate(connection: AsyncConnection, import_id: UUID, number: int) -> None:
    """Wait until whoever works on the piece has everything it needs locked."""
    await connection.execute(_PASS, {"import_id": import_id, "number": number})


async def open_gate(connection: AsyncConnection, import_id: UUID, number: int) -> None:
    """Let the next piece come after this one."""
    await connection.execute(_OPEN_GATE, {"import_id": import_id, "number": number})


async def open_gates(connection: AsyncConnection) -> None:
    """Open every gate this connection has closed: they outlive its transaction."""
    await connection.execute(_OPEN_ALL)


async def is_done(connection: AsyncConnection, import_id: UUID, number: int) -> bool:
    """Wait for the end of whoever works on a piece, and say whether it was done."""
    return bool((await connection.execute(_IS_DONE, {"import_id": import_id, "number": number})).scalar_one())


async def settle_chunk(
    connection: AsyncConnection,
    import_id: UUID,
    number: int,
    *,
    outcome: Mapping[str, Any],
    counts: Mapping[str, int],
    now: datetime,
) -> bool:
    """Write down what became of a piece's rows; returns False if the import was canceled meanwhile."""
    place = {"import_id": import_id, "number": number, "now": now}
    await connection.execute(_SETTLE, place | dict(outcome) | {"faults": dumps(outcome["faults"])})
    found = await connection.execute(_ADVANCE, {"import_id": import_id, "now": now, **counts})
    return found.first() is not None


_WAITING: Final = text(
    """SELECT EXISTS (SELECT FROM imports WHERE status = 'reverting') OR EXISTS (
        SELECT FROM imports i JOIN import_chunks c ON c.import_id = i.id
        WHERE i.status IN ('waiting', 'running') AND c.done_at IS NULL)"""
)
_GIVE_UP: Final = text(
    """UPDATE imports SET status = 'failed', detail = :detail, finished_at = :now
    WHERE status = 'uploading' AND created_at < :before AND NOT EXISTS (
        SELECT FROM import_chunks c WHERE c.import_id = imports.id AND c.done_at IS NOT NULL) RETURNING id"""
)


async def is_waiting(connection: AsyncConnection) -> bool:
    """Say whether there is anything to do."""
    return bool((await connection.execute(_WAITING)).scalar_one())


async def give_up_uploads(connection: AsyncConnection, *, before: datetime, detail: str, now: datetime) -> list[UUID]:
    """Fail the uploads that never ended, and return them."""
    rows = await fetch(connection, _GIVE_UP, before=before, detail=detail, now=now)
    return [row["id"] for row in rows]


# Reports

_REPORT: Final = text(
    """SELECT number, row_numbers, results, lead_ids, faults FROM import_chunks
    WHERE import_id = :import_id AND number > :after AND done_at IS NOT NULL ORDER BY number LIMIT :limit"""
)


async def read_outcomes(
    connection: AsyncConnection, import_id: UUID, *, after: int, limit: int
) -> list[dict[str, Any]]:
    """Return what became of the rows of the next pieces that are done."""
    return await fetch(connection, _REPORT, import_id=import_id, after=after, limit=limit)


_FAULTS: Final = text(
    """SELECT number, place, fault FROM import_chunks CROSS JOIN LATERAL jsonb_array_elements(faults) WITH ORDINALITY AS f (fault, place)
    WHERE import_id = :import_id AND (number, place) > (:number, CAST(:place AS bigint)) AND done_at IS NOT NULL
    ORDER BY number, place LIMIT :limit"""
)


async def read_faults(
    connection: AsyncConnection, import_id: UUID, *, after: tuple[int, int], limit: int
) -> list[dict[str, Any]]:
    """Return what was refused or set aside, in the order of the file: ``number, place`` and the ``fault``."""
    return await fetch(connection, _FAULTS, import_id=import_id, number=after[0], place=after[1], limit=limit)
