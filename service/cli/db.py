"""`leads db`: the schema, and where the database is."""

from __future__ import annotations

import asyncio

import click

from service.cli.connecting import database_address, in_transaction
from service.core import migrations
from service.core.embedded import running_address
from service.outbound.installation import ensure_installation
from service.settings import load_settings


@click.group()
def db() -> None:
    """Bring the schema up to date, check it, or print the database's address."""


@db.command()
def upgrade() -> None:
    """Bring the schema to the newest version. Safe to run from several places at once."""
    settings = load_settings()
    with database_address(settings) as url:
        asyncio.run(migrations.upgrade(url))
        in_transaction(settings, ensure_installation)
    click.echo(f"The schema is at {migrations.head_revision()}.")


@db.command()
def check() -> None:
    """Tell whether the schema is at the newest version; the exit code says it too."""
    with database_address(load_settings()) as url:
        current = asyncio.run(migrations.current_revision(url))
    head = migrations.head_revision()
    if current != head:
        raise click.ClickException(f"the schema is at {current or 'nothing'}, not at {head}: run `leads db upgrade`")
    click.echo(f"The schema is at {head}.")


@db.command()
def url() -> None:
    """Print the database's address, for psql and pg_dump."""
    settings = load_settings()
    address = settings.database_url or running_address(settings.data_dir)
    if address is None:
        raise click.ClickException("the embedded database is not running: `leads serve` starts it")
    click.echo(address)
