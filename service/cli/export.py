"""`leads export`: everything in one file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from service.cli.connecting import database_address
from service.core.database import create_engine
from service.core.errors import Invalid
from service.settings import load_settings

if TYPE_CHECKING:
    from service.leads.exports.columns import Kind
    from service.leads.exports.exporting import Order
    from service.leads.exports.formats import Format
    from service.leads.listing import LeadFilters

_KINDS: tuple[Kind, ...] = ("leads", "transitions", "journeys")
_SUFFIXES: dict[str, Format] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet"}


@click.command("export")
@click.argument("kind", type=click.Choice(_KINDS))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: the standard output.")
@click.option(
    "--format",
    "form",
    type=click.Choice(sorted(set(_SUFFIXES.values()))),
    help="Default: by the name of the file, or else ndjson.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help="A filter of the lead list, such as channel=web. May be repeated.",
)
@click.option("--superseded", is_flag=True, help="With the transitions that corrections replaced.")
def export_(kind: Kind, output: Path | None, form: Format | None, where: tuple[str, ...], superseded: bool) -> None:  # noqa: FBT001  a flag
    """Write leads, their transitions or their journeys into one file, as they are at one instant."""
    from service.leads.exports.exporting import Order

    found = form or _SUFFIXES.get(output.suffix.lower() if output else "", "ndjson")
    order = Order(kind, found, _filters(where), superseded)
    with database_address(load_settings()) as url, _opened(output) as file:
        try:
            count = asyncio.run(_write(url, order, file))
        except Invalid as fault:
            faults = fault.extra["errors"]
            raise click.ClickException("\n".join(f"{one['pointer']}: {one['detail']}" for one in faults)) from None
    click.echo(f"{count:,} {kind}", err=True)


async def _write(url: str, order: Order, file: IO[bytes]) -> int:
    from service.leads.exports.exporting import export

    count, shows = 0, sys.stderr.isatty()

    def progress(so_far: int) -> None:
        nonlocal count
        count = so_far
        if shows:
            click.echo(f"\r{count:,}", nl=False, err=True)

    engine = create_engine(url, pool_size=1, statement_seconds=None)
    try:
        async for part in export(engine, order, progress=progress):
            file.write(part)
    finally:
        await engine.dispose()
        if shows:
            click.echo("\r", nl=False, err=True)
    return count


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    """Yield where the export goes; a file has its name only when it is whole."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _filters(where: Iterable[str]) -> LeadFilters:
    from service.core.http.queries import is_attribute
    from service.leads.listing import LeadFilters

    lists = {name for name, field in LeadFilters.model_fields.items() if field.default == []}
    given: dict[str, Any] = {}
    for text in where:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--where")
        if name in lists or is_attribute(name):
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return LeadFilters.model_validate(given)
    except ValidationError as fault:
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in fault.errors(include_url=False)]
        raise click.ClickException("\n".join(lines)) from None
