"""`leads verify` and `leads stats`: do the invariants hold on this database, and do the figures equal a recount?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from service.cli.connecting import database_address, in_transaction
from service.core.clock import now
from service.core.database import create_engine
from service.leads import verify as leads_verify
from service.nurture import verify as nurture_verify
from service.settings import Settings, load_settings
from service.stats import fold
from service.stats import verify as stats_verify


@click.command()
def verify() -> None:
    """Replay every ledger and recount every figure; exit with 1 if anything does not hold. Changes nothing, runs beside the service."""
    _report(load_settings(), all_faults)


@click.group()
def stats() -> None:
    """Look after the statistics."""


@stats.command("verify")
def verify_stats() -> None:
    """Recount the statistics from the ledger and compare; exit with 1 if a figure differs."""
    _report(load_settings(), _stats_faults)


@stats.command()
def rebuild() -> None:
    """Count everything anew from the ledger while the service goes on."""
    in_transaction(load_settings(), fold.rebuild)
    click.echo("The statistics were counted anew.")


def _report(settings: Settings, faults_of: Callable[[AsyncConnection], Awaitable[list[str]]]) -> None:
    with database_address(settings) as url:
        faults = asyncio.run(faults_in(url, faults_of))
    for fault in faults:
        click.echo(fault)
    click.echo(f"{len(faults)} violations found." if faults else "Everything holds.")
    sys.exit(1 if faults else 0)


async def all_faults(connection: AsyncConnection) -> list[str]:
    violations = [f"{found.rule} ({found.where})" async for found in leads_verify.verify(connection, now=now())]
    return violations + await nurture_verify.verify(connection) + await _stats_faults(connection)


async def _stats_faults(connection: AsyncConnection) -> list[str]:
    return [str(found) for found in await stats_verify.verify(connection)]


async def faults_in(url: str, faults_of: Callable[[AsyncConnection], Awaitable[list[str]]] = all_faults) -> list[str]:
    """Return what does not hold in a database, a sentence each."""
    engine = create_engine(url, pool_size=1, statement_seconds=None)
    try:
        async with stats_verify.snapshot(engine) as connection:
            return await faults_of(connection)
    finally:
        await engine.dispose()
