"""`leads channels`: ways in for leads, made, listed and tried from a shell."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any

import click
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.registry import ADAPTERS
from service.cli.connecting import in_transaction
from service.core import clock
from service.core.errors import Invalid
from service.intake import administration, store
from service.intake.schemas import ChannelCreate
from service.intake.trial_schemas import TrialCreate
from service.intake.trying import try_channel
from service.settings import Settings, load_settings

_MOST = 10_000


@click.group()
def channels() -> None:
    """Make, list and try channels: the addresses that vendors send leads to."""


@channels.command()
@click.argument("key")
@click.argument("vendor", type=click.Choice(sorted(ADAPTERS)))
@click.option("--name", help="For people.")
@click.option(
    "--secret-file", type=click.File(), help="Where the vendor's secret is; - reads it from the standard input."
)
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the vendor's. May be repeated."
)
@click.option("--map", "mapping", multiple=True, metavar="FIELD=JMESPATH", help="Where a field is. May be repeated.")
def add(
    key: str,
    vendor: str,
    name: str | None,
    secret_file: IO[str] | None,
    settings: tuple[str, ...],
    mapping: tuple[str, ...],
) -> None:
    """Make the channel KEY for a VENDOR, and print its address, what to do at the vendor, and a line that sends a sample.

    A secret that is made here is printed this once, as part of that line.
    """
    given = {
        "key": key,
        "vendor": vendor,
        "name": name,
        "secret": secret_file.read().strip() or None if secret_file else None,
        "settings": {field: _value(text) for field, text in _pairs(settings, "--set")},
        "mapping": dict(_pairs(mapping, "--map")),
    }
    service = load_settings()

    async def work(connection: AsyncConnection) -> dict[str, Any]:
        body = ChannelCreate.model_validate(given)
        return await administration.create_channel(connection, body, now=clock.now(), base=_base(service))

    made = _explained(service, work)
    click.echo(f"address  {made['intake_url']}")
    if made["secret"]:
        click.echo(f"secret   {made['secret']}")
        click.echo("         It is shown this once.")
    click.echo(f"steps    {made['setup']}")
    click.echo(f"sample   {made['curl']}")


@channels.command("list")
def list_() -> None:
    """List the channels: key, vendor, whether they are on, and their addresses; never their secrets."""
    service = load_settings()

    async def work(connection: AsyncConnection) -> list[dict[str, Any]]:
        rows = await store.list_channels(connection, after=None, limit=_MOST)
        return [administration.channel_out(row, base=_base(service)) for row in rows]

    for one in in_transaction(service, work):
        click.echo(f"{one['key']:24}  {one['vendor']:18}  {'on ' if one['enabled'] else 'off'}  {one['intake_url']}")


@channels.command()
@click.argument("key")
@click.argument("payload", type=click.File("rb"), default="-")
@click.option("--content-type", help="Default: JSON, XML or a form, by how the payload looks.")
@click.option("--query", default="", help="What follows the question mark in the address.")
def test(key: str, payload: IO[bytes], content_type: str | None, query: str) -> None:
    """Show what would become of a delivery to the channel KEY, and store nothing. PAYLOAD is a file; default: the standard input."""
    try:
        body = payload.read().decode()
    except UnicodeDecodeError:
        raise click.ClickException("the payload is not UTF-8 text") from None
    service = load_settings()

    async def work(connection: AsyncConnection) -> dict[str, Any]:
        given = TrialCreate(payload=body, content_type=content_type, query=query)
        return await try_channel(connection, key, given, now=clock.now())

    told = _explained(service, work)
    click.echo(json.dumps(told, indent=2, ensure_ascii=False, default=str))
    if told["status"] in {"refused", "dead"}:
        raise SystemExit(1)


def _explained(service: Settings, work: Any) -> dict[str, Any]:
    """Run ``work``; what is wrong with what was typed ends in a line for each fault."""
    try:
        found: dict[str, Any] = in_transaction(service, work)
    except ValidationError as fault:
        lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in fault.errors(include_url=False)]
        raise click.ClickException("\n".join(lines)) from None
    except Invalid as fault:
        faults = fault.extra["errors"]
        raise click.ClickException("\n".join(f"{one['pointer']}: {one['detail']}" for one in faults)) from None
    return found


def _pairs(texts: Iterable[str], option: str) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in texts]
    if wrong := next((name for name, equals, _ in pairs if not name or not equals), None):
        raise click.BadParameter(f"{wrong!r} is not NAME=VALUE", param_hint=option)
    return [(name, value) for name, _, value in pairs]


def _value(text: str) -> Any:
    """Return a setting that reads as a list, a truth value or nothing as that, everything else as the text it is."""
    if text in {"true", "false", "null"} or text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _base(service: Settings) -> str:
    """Return how the world reaches the service, or at least this machine."""
    host = f"[{service.host}]" if ":" in service.host else service.host
    return str(service.public_url or f"http://{host}:{service.port}").rstrip("/")
