"""Kill whoever works on an import, ten times at any moment: it ends as if nobody had."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import faults_in
from service.core.database import create_engine, transaction
from service.core.ids import new_id
from service.intake.imports import lanes, splitting, store
from service.intake.imports.receiving import receive
from service.intake.imports.schemas import ImportOptions
from service.outbound.installation import ensure_installation
from tests.conftest import database, execute

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

KILLS = 10
ROWS = 6_000
PEOPLE = 3_500
PIECE = 150

# Everything but what is made anew each time: ids, and the times at which something was written down.
_STATE = {
    "leads": """SELECT email, phone, external_ids, full_name, job_title, company_name, channel, campaign, stage, sequence, journey, version,
        verdict, acquired_at, attributes FROM leads ORDER BY external_ids ->> 'crm'""",
    "identities": "SELECT i.kind, i.value, l.external_ids ->> 'crm' FROM identities i JOIN leads l ON l.id = i.lead_id ORDER BY 1, 2",
    "transitions": """SELECT l.external_ids ->> 'crm', t.sequence, t.event, t.occurred_at, t.channel FROM transitions t JOIN leads l ON l.id = t.lead_id
        ORDER BY 1, 2""",
    "journeys": "SELECT l.external_ids ->> 'crm', j.number, j.cell, j.started_at FROM journeys j JOIN leads l ON l.id = j.lead_id ORDER BY 1, 2",
    "touchpoints": "SELECT l.external_ids ->> 'crm', t.channel, t.via FROM touchpoints t JOIN leads l ON l.id = t.lead_id ORDER BY 1, 2",
    "outbox": "SELECT l.external_ids ->> 'crm', o.sequence, o.type FROM outbox o JOIN leads l ON l.id = o.lead_id ORDER BY 1, 2",
    "counted": """SELECT bucket, channel, campaign, cell, sum(count) FROM cohort_deltas GROUP BY 1, 2, 3, 4
        HAVING sum(count) <> 0 ORDER BY 1, 2, 3, 4""",
    "imports": "SELECT rows_done, created, updated, unchanged, failed, warnings, status FROM imports",
}


def people() -> bytes:
    """Return a file in which many people come several times, each time with another title: who comes last must have the last word."""
    chance = random.Random(3)
    lines = ["external id,email,phone,name,job title,company,channel,created\n"]
    for number in range(ROWS):
        one = chance.randrange(PEOPLE)
        email = f"p{one}@example.com" if chance.randrange(40) else "broken"
        lines.append(
            f"c{one},{email},+4930{10_000_000 + one},Person {one},Title {number},Firm {one % 50},fair,2025-0{1 + one % 9}-11 10:00\n"
        )
    return "".join(lines).encode()


async def upload(engine: AsyncEngine) -> None:
    async def blocks() -> AsyncIterator[bytes]:
        yield people()

    await receive(engine, blocks(), ImportOptions(system="crm"), format="csv", actor="test")


async def state(engine: AsyncEngine) -> dict[str, list[Any]]:
    async with transaction(engine) as connection:
        return {name: (await connection.execute(text(query))).all() for name, query in _STATE.items()}


@pytest.fixture
async def undisturbed(server_url: str, template: str) -> AsyncIterator[AsyncEngine]:
    """A database of its own for the run that nobody disturbs."""
    name = f"calm_{new_id().hex}"
    await execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    engine = create_engine(database(server_url, name), pool_size=2)
    async with transaction(engine) as connection:
        await ensure_installation(connection)
    yield engine
    await engine.dispose()
    await execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


class Importing:
    """A process that works on imports with two lanes, and a way to kill it all at once."""

    def __init__(self, url: str) -> None:
        self._environment = os.environ | {"LEADS_DATABASE_URL": url, "LEADS_LOG_LEVEL": "error"}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._reading, self._writing = os.pipe()
        command = [sys.executable, "-m", "service.intake.imports", str(self._reading), "2"]
        self.process = subprocess.Popen(
            command, env=self._environment, pass_fds=(self._reading,), start_new_session=True
        )

    def kill(self) -> None:
        if self.process is None:
            return
        # It ends by itself some seconds after the last piece.
        family = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        # Now and then only one of the two lanes dies: the other one must not go on where it should not.
        if family and random.random() < 0.3:
            family[0].kill()
            time.sleep(0.2)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        os.close(self._reading)
        os.close(self._writing)

    def again(self) -> None:
        self.kill()
        self.start()


@pytest.fixture
def importing(database_url: str, engine: AsyncEngine) -> Iterator[Importing]:
    running = Importing(database_url)
    yield running
    running.kill()


async def progress(engine: AsyncEngine) -> tuple[str, int]:
    async with transaction(engine) as connection:
        row = (await store.list_imports(connection, kind=None, status=None, before=None, limit=1))[0]
    return row["status"], row["rows_done"]


async def come_to(engine: AsyncEngine, enough: int) -> None:
    """Wait until so many rows are done, or all."""
    for _ in range(5000):
        status, done = await progress(engine)
        if done >= enough or status == "done":
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"the import does not come to {enough} rows")


async def test_killed_ten_times_it_ends_as_if_undisturbed(
    engine: AsyncEngine, undisturbed: AsyncEngine, importing: Importing, database_url: str, monkeypatch
) -> None:
    monkeypatch.setattr(splitting, "MOST_RECORDS", PIECE)
    await upload(undisturbed)
    while await lanes.work(undisturbed):
        pass
    await upload(engine)
    importing.start()
    seen = [await progress(engine)]
    for _ in range(KILLS):
        # Each time it gets a little further before it dies, at whatever it is doing then.
        await come_to(engine, seen[-1][1] + 1)
        await asyncio.sleep(random.random() * 0.1)
        seen.append(await progress(engine))
        importing.again()
    assert len({done for _, done in seen}) > KILLS // 2, seen
    await come_to(engine, ROWS + 1)
    expected, found = await state(undisturbed), await state(engine)
    for name, rows in expected.items():
        assert found[name] == rows, name
    assert await faults_in(database_url) == []
