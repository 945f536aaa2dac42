"""`leads import`: a file of leads, of their history, of what they did or of what it cost, from a shell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.connecting import database_address
from service.core.database import create_engine, transaction
from service.settings import Settings, load_settings

_KINDS: Final = ("leads", "transitions", "activities", "spend")
_MODES: Final = ("upsert", "create", "update")
_BLOCK: Final = 256 << 10
_ENDED: Final = {"done", "failed", "canceled"}
_LOOK_SECONDS: Final = 0.3


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", type=click.Choice(_KINDS), default="leads", show_default=True, help="What the rows are.")
@click.option("--mode", type=click.Choice(_MODES), default="upsert", show_default=True, help="Whom rows may be about.")
@click.option("--dry-run", is_flag=True, help="Report what would happen, and change nothing.")
@click.option("--map", "mapping", multiple=True, metavar="COLUMN=FIELD", help="Or COLUMN=ignore. May be repeated.")
@click.option("--channel", help="Of rows that name none.")
@click.option("--campaign", help="Of rows that name none.")
@click.option("--system", default="external", show_default=True, help="Whose ids the external ids are.")
@click.option("--attach", is_flag=True, help="Each row is a new contact: a known lead gets a touchpoint.")
@click.option("--date-order", type=click.Choice(["dmy", "mdy"]), help="How 3/4/2026 is meant.")
@click.option("--errors", type=click.Path(dir_okay=False, path_type=Path), help="Where the error file (CSV) goes.")
def import_(file: Path, mapping: tuple[str, ...], errors: Path | None, attach: bool, **given: Any) -> None:  # noqa: FBT001  a flag
    """Import FILE, CSV or NDJSON; columns are taken by their names. Works beside a running service or without one.

    Ctrl-C cancels; what was done until then stays.
    """
    from service.intake.imports.schemas import ImportOptions

    pairs = [pair.partition("=") for pair in mapping]
    if wrong := next((column for column, equals, _ in pairs if not equals), None):
        raise click.BadParameter(f"{wrong!r} is not COLUMN=FIELD", param_hint="--map")
    fields = {column: field for column, _, field in pairs}
    how = {"name": file.name[:200], "mapping": fields, "on_match": "attach" if attach else "overwrite"}
    try:
        options = ImportOptions.model_validate(given | how)
    except ValidationError as fault:
        raise click.ClickException(str(fault.errors(include_url=False)[0]["msg"])) from None
    settings = load_settings()
    with database_address(settings) as url:
        done = asyncio.run(_run(settings, url, file, options, errors))
    if done["status"] != "done" or (done["failed"] and not done["updated"] + done["created"] + done["unchanged"]):
        raise SystemExit(1)


async def _run(settings: Settings, url: str, file: Path, options: Any, errors: Path | None) -> dict[str, Any]:
    from service.core import logs
    from service.intake.imports.asking import fault_file
    from service.intake.imports.processes import Importers
    from service.intake.imports.receiving import format_of, receive

    logs.set_up(settings.model_copy(update={"log_level": "error"}))
    engine = create_engine(url, pool_size=2, statement_seconds=None)
    importers = Importers(engine, count=max(1, settings.import_processes), database_url=url, quiet=True)
    try:
        row = await receive(engine, _blocks(file), options, format=format_of("", file.name), actor="cli")
        try:
            done = await _follow(engine, importers, row["id"], row["rows_total"])
        except asyncio.CancelledError:
            await asyncio.shield(_cancel(engine, row["id"]))
            raise
        if errors is not None:
            with errors.open("wb") as out:
                async for piece in fault_file(engine, row["id"], as_csv=True):
                    out.write(piece)
    finally:
        await importers.stop()
        await engine.dispose()
    _tell(done, errors)
    return done


async def _follow(engine: AsyncEngine, importers: Any, import_id: UUID, total: int) -> dict[str, Any]:
    from service.intake.imports.asking import read_import

    with click.progressbar(length=total, label="rows", show_pos=True) as bar:
        while True:
            await importers.run()
            async with transaction(engine) as connection:
                row = await read_import(connection, import_id)
            bar.update(row["rows_done"] - bar.pos)
            if row["status"] in _ENDED:
                return row
            await asyncio.sleep(_LOOK_SECONDS)


async def _cancel(engine: AsyncEngine, import_id: UUID) -> None:
    from service.core import clock
    from service.core.errors import Conflict
    from service.intake.imports.asking import cancel

    with suppress(Conflict):
        async with transaction(engine) as connection:
            await cancel(connection, import_id, now=clock.now())


async def _blocks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            yield block


def _tell(done: dict[str, Any], errors: Path | None) -> None:
    counts = ", ".join(f"{done[name]:,} {name}" for name in ("created", "updated", "unchanged", "failed", "warnings"))
    click.echo(f"{done['status']}{' (dry run)' if done['dry_run'] else ''}: {counts}")
    click.echo(f"import {done['id']}")
    if (done["failed"] or done["warnings"]) and errors is None:
        click.echo(f"why: --errors FILE, or GET /v1/imports/{done['id']}/errors")
