"""`leads policies`: try policies on what happened, from a shell."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.cli.connecting import in_transaction
from service.core.clock import now
from service.nurture.policies.replaying import dry_run
from service.nurture.policies.schemas import DryRun
from service.settings import load_settings


@click.group()
def policies() -> None:
    """Look into policies."""


@policies.command()
@click.option("--from", "start", type=click.DateTime(), help="When they come into force (UTC); 90 days ago, if absent.")
@click.option("--to", "end", type=click.DateTime(), help="Until when (UTC); now, if absent.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Policies as PUT /v1/policies takes them; those that hold, if absent.",
)
@click.option(
    "--scores",
    type=click.Choice(["told", "computed"]),
    default="told",
    show_default=True,
    help="As they were then, or by the scoring rules of today.",
)
@click.option(
    "--sample", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="The part of the leads to replay."
)
def replay(start: datetime | None, end: datetime | None, file: Path | None, scores: str, sample: float) -> None:
    """Print what policies would have done, and what really happened, as JSON. Changes nothing."""
    body = _question(start, end, file, {"scores": scores, "sample": sample})

    async def run(connection: AsyncConnection) -> dict[str, Any]:
        return await dry_run(connection, body, now=now())

    report = in_transaction(load_settings(), run)
    click.echo(orjson.dumps(report, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())


def _question(start: datetime | None, end: datetime | None, file: Path | None, given: dict[str, Any]) -> DryRun:
    given |= {name: at.replace(tzinfo=UTC) for name, at in (("from", start), ("to", end)) if at is not None}
    try:
        if file is not None:
            given["policies"] = orjson.loads(file.read_bytes())
        return DryRun.model_validate(given)
    except orjson.JSONDecodeError as fault:
        raise click.BadParameter(f"no JSON: {fault}", param_hint="--file") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        raise click.BadParameter(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", param_hint="--file") from fault
