"""`leads keys`: who may call the API, and for what."""

from __future__ import annotations

from datetime import timedelta

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from service.cli.connecting import in_transaction
from service.core import clock
from service.core import keys as operations
from service.settings import load_settings


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, type=click.Choice(operations.SCOPES), help="May be repeated."
)
@click.option("--days", type=click.IntRange(1, 36500), help="Expire after so many days. Default: never.")
def create(name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a key called NAME. The key itself is the last line printed; it cannot be shown again."""
    expires_at = None if days is None else clock.now() + timedelta(days=days)

    async def work(connection: AsyncConnection) -> str:
        _, token = await operations.create_key(connection, name, scopes, expires_at=expires_at)
        return token

    token = in_transaction(load_settings(), work)
    until = "never expires" if expires_at is None else f"expires {expires_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{name}: {', '.join(scopes)}; {until}. Keep it: it is not shown again.", err=True)
    click.echo(token)


@keys.command("list")
def list_() -> None:
    """List the keys: prefix, name, scopes and state, but never the keys themselves."""
    now = clock.now()
    for key in in_transaction(load_settings(), operations.list_keys):
        expires_at, revoked_at = key["expires_at"], key["revoked_at"]
        state = "revoked" if revoked_at else "expired" if expires_at and expires_at <= now else "active"
        click.echo(f"{key['prefix']}  {state:8}  {key['name']}  {','.join(key['scopes'])}")


@keys.command()
@click.argument("prefix")
def revoke(prefix: str) -> None:
    """Revoke the key that starts with PREFIX, as `leads keys list` shows it. It stops working within seconds."""

    async def work(connection: AsyncConnection) -> None:
        await operations.revoke_key(connection, prefix)

    in_transaction(load_settings(), work)
    click.echo(f"{prefix} is revoked.")
