"""`leads demo`: two years of a business, to look at and to try things on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from operator import itemgetter

import click
from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning import normalise
from service.cli.connecting import database_address
from service.cli.demo_rules import SCORING_RULES
from service.cli.engagement import Deed
from service.cli.story import DAYS, Tale, tales
from service.core.clock import now
from service.core.database import create_engine, transaction
from service.core.errors import Conflict
from service.core.http.etags import Precondition
from service.leads import identity_store
from service.leads.book import Book, Entry
from service.leads.happenings import rating_columns
from service.leads.identities import Identity
from service.leads.take_in import take_into
from service.lifecycle.ledger import Step
from service.nurture.rules import read_rules, replace_rules
from service.nurture.scoring.rules import SCORING
from service.settings import load_settings

_BATCH = 250


@click.command()
@click.option(
    "--leads", "count", type=click.IntRange(1, 1_000_000), default=5000, show_default=True, help="How many leads."
)
@click.option("--seed", type=int, default=7, show_default=True, help="Another seed tells another story.")
def demo(count: int, seed: int) -> None:
    """Fill the database with a made-up business: two years, six channels, all seven stages."""
    settings = load_settings()

    async def run(url: str) -> None:
        engine = create_engine(url, pool_size=1)
        try:
            at = now()
            async with transaction(engine) as connection:
                await _refuse_second_telling(connection)
                await _write_rules(connection, at=at)
            story = tales(count, seed=seed, until=at)
            while chapter := list(islice(story, _BATCH)):
                async with transaction(engine) as connection:
                    await _write(connection, chapter, at)
        finally:
            await engine.dispose()

    with database_address(settings) as url:
        asyncio.run(run(url))
    click.echo(f"{count} leads of the last {DAYS} days are in. Try GET /v1/stats/funnel?group_by=channel")


async def _refuse_second_telling(connection: AsyncConnection) -> None:
    first = Identity("external:demo", "0")
    if await identity_store.owners(connection, [first]):
        raise Conflict("the demo data are in this database already", code="demo_exists")


async def _write(connection: AsyncConnection, chapter: Sequence[Tale], at: datetime) -> None:
    book = Book(connection, now=at, actor="demo")
    taken = await take_into(book, [normalise(tale.submission) for tale in chapter], via="import")
    for tale, one in zip(chapter, taken, strict=True):
        if one.lead_id is None:
            raise RuntimeError(f"the demo made up a lead that the service refuses: {one.error}")
        _live_through(book, book.entries[one.lead_id], tale)
    await book.flush()


def _live_through(book: Book, entry: Entry, tale: Tale) -> None:
    """Let a lead move and do what the tale says, in order; that it did anything is told once, at the end."""
    happened: list[tuple[datetime, int, Step | Deed]] = [(deed.at, 1, deed) for deed in tale.deeds]
    happened += [(step.occurred_at or book.now, 0, step) for step in tale.steps]
    for at, _, one in sorted(happened, key=itemgetter(0, 1)):
        if isinstance(one, Step):
            book.move(entry, one)
        else:
            book.add_activity(
                entry,
                {
                    "kind": one.kind,
                    "channel": one.channel,
                    "data": dict(one.data),
                    "delivery_id": None,
                    "occurred_at": at,
                    **rating_columns(one.rating),
                },
            )
    if tale.deeds:
        book.announce(entry, "lead.updated", {"changed": ["activities"]}, at=tale.deeds[-1].at)


async def _write_rules(connection: AsyncConnection, *, at: datetime) -> None:
    """Have leads scored, unless somebody has rules of their own."""
    if (await read_rules(connection)).version(SCORING) == 0:
        await replace_rules(connection, SCORING, SCORING_RULES, precondition=Precondition(), actor="demo", now=at)
