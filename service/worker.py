"""The worker's composition root: what happens after the answer. It knows no route, so that a worker does not carry the API's memory."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock, logs
from service.core.database import address_of, create_engine, transaction
from service.core.http import idempotency
from service.core.worker import Task, Worker
from service.intake.fetching import fetch_leads
from service.intake.imports.processes import Importers
from service.intake.processing import process_waiting
from service.intake.retention import forget_content
from service.intake.silence import report_silent
from service.leads.duplicates.finding import Finder
from service.leads.duplicates.settling import settle_next
from service.leads.reaching.checking import MailboxCheck
from service.nurture.accounts.personal import erase_from_accounts
from service.nurture.assignment.personal import erase_assignments
from service.nurture.deadlines.personal import stop_clocks
from service.nurture.engine import Nurture
from service.nurture.reactions import REACTIONS
from service.outbound.delivering.dispatcher import Dispatcher
from service.outbound.delivering.retention import forget_attempts
from service.outbound.endpoints.erase import erase_answers
from service.outbound.sending.sender import Sender
from service.settings import Settings
from service.stats.fold import Folder
from service.stats.segments.choosing import choose

ERASERS: Final = (erase_answers, erase_from_accounts, erase_assignments, stop_clocks)
"""What rooms besides the leads' own and intake do about somebody who is erased, whichever way that was asked for."""


async def run_worker(settings: Settings) -> None:
    """Run a worker until SIGTERM: process deliveries, deliver events, fold statistics, forget what was kept long enough."""
    logs.set_up(settings)
    engine = create_engine(address_of(settings), pool_size=settings.database_pool)
    importers = Importers(engine, count=settings.import_processes, database_url=settings.database_url)
    sender = Sender(settings.outbound_allow)
    dispatcher = Dispatcher(engine, sender, choose)
    try:
        chores = tasks(engine, importers, retention_days=settings.retention_days, mx_check=settings.mx_check)
        deliver = Task("deliver_events", dispatcher.run, every=1.0, stop=dispatcher.stop)
        await Worker(engine, settings, [*chores, deliver]).run()
    finally:
        await importers.stop()
        await sender.close()
        await engine.dispose()


def tasks(
    engine: AsyncEngine, importers: Importers | None = None, *, retention_days: int = 90, mx_check: bool = False
) -> list[Task]:
    """Return what a worker does, and how often when there is nothing to do."""
    importing = importers or Importers(engine)

    finder = Finder(engine)

    async def find_duplicates() -> int:
        # It costs as much as an import and can wait for its end; the feed remembers who is still to be looked at.
        return 0 if importing.are_at_work else await finder.run()

    async def forget_answers() -> int:
        async with transaction(engine) as connection:
            return await idempotency.forget_expired(connection, clock.now())

    async def forget_deliveries() -> int:
        async with transaction(engine) as connection:
            return await forget_content(connection, now=clock.now(), days=retention_days)

    async def forget_tries() -> int:
        async with transaction(engine) as connection:
            return await forget_attempts(connection, now=clock.now())

    async def report_silence() -> int:
        async with transaction(engine) as connection:
            await report_silent(connection, now=clock.now())
        # All of them were looked at: there is nothing more to do until later.
        return 0

    return [
        Task("process_deliveries", lambda: process_waiting(engine, also=ERASERS), every=0.1, lanes=2),
        Task("fetch_leads", lambda: fetch_leads(engine, also=ERASERS), every=1.0, lanes=2),
        Task("find_duplicates", find_duplicates, every=0.5),
        Task("merge_duplicates", lambda: settle_next(engine), every=0.5),
        Task("nurture", Nurture(engine, REACTIONS).run, every=0.5),
        Task("import_files", importing.run, every=0.5),
        *([Task("check_mailboxes", MailboxCheck(engine).run, every=5.0)] if mx_check else []),
        Task("fold_statistics", Folder(engine).run, every=1.0),
        Task("forget_answers", forget_answers, every=60.0),
        Task("report_silence", report_silence, every=300.0),
        Task("forget_deliveries", forget_deliveries, every=3600.0),
        Task("forget_attempts", forget_tries, every=3600.0),
    ]
