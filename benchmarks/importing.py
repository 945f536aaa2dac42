"""A file of leads: from the upload to cleaned leads with ledger and statistics, beside a bare COPY of the same rows.

Two yardsticks, both in the same run: the rows of `leads` that the import wrote, copied into an empty table with the same columns, checks
and indexes; and the file itself, copied into a table of plain texts without any index.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from machinery import KEY, api, call, new_database, worker
from traffic import CHANNELS, FIRST, LAST

from service.core.database import create_engine

_HEADER = "external_id,email,phone,first_name,last_name,job_title,company,country,channel,campaign,utm_source,utm_medium,created_at"
_PATIENCE = 3600


@dataclass(frozen=True)
class Found:
    """What one run found; rates in rows per second, memory in MiB."""

    rate: float
    like_leads: float
    plain: float
    first_half: float
    peak: float
    largest: float
    note: str


@dataclass
class Memory:
    """Samples of the resident memory of a process and its children: in all, with what they share counted once, and of the largest."""

    process: psutil.Process
    samples: list[float] = field(default_factory=list)
    largest: float = 0.0
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stopped.wait(0.5):
            try:
                family = [self.process, *self.process.children(recursive=True)]
                found = [one.memory_full_info() for one in family]
                self.samples.append(sum(one.pss for one in found) / (1 << 20))
                self.largest = max(self.largest, *(one.rss / (1 << 20) for one in found))
            except psutil.NoSuchProcess:
                continue


def people(count: int) -> Iterator[str]:
    """Yield the lines of a file: two years of people, nine of ten with a phone number, one in a hundred somebody who came before."""
    chance = random.Random(11)
    yield _HEADER + "\n"
    for number in range(count):
        one = chance.randrange(number) if number and not chance.randrange(100) else number
        first, last = chance.choice(FIRST), chance.choice(LAST)
        phone = f"+4930{10_000_000 + one}" if chance.randrange(10) else ""
        day = f"{2024 + chance.randrange(2)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
        yield (
            f"c{one},person.{one}@example{one % 5000}.com,{phone},{first},{last},Head of Purchasing,{last} {chance.randrange(900)} GmbH,DE,"
            f"{chance.choice(CHANNELS)},campaign {chance.randrange(12)},newsletter,email,{day} {chance.randrange(24):02}:{chance.randrange(60):02}\n"
        )


def measure(server: str, folder: Path, rows: int) -> Found:
    database = new_database(server, "bench_import")
    file = folder / "people.csv"
    with file.open("w") as out:
        out.writelines(people(rows))
    with api(database) as url:
        upload = send(f"{url}/v1/imports?system=crm", file)
        with worker(database) as process:
            memory = Memory(psutil.Process(process.pid))
            sampling = threading.Thread(target=memory.run, daemon=True)
            sampling.start()
            rate, done = watch(f"{url}/v1/imports/{upload['id']}", process)
            memory.stopped.set()
            sampling.join()
    like_leads, plain = asyncio.run(bare(database, file, rows))
    file.unlink()
    half = len(memory.samples) // 2
    return Found(
        rate=rate,
        like_leads=like_leads,
        plain=plain,
        first_half=max(memory.samples[:half], default=0.0),
        peak=max(memory.samples, default=0.0),
        largest=memory.largest,
        note=f"{done['created']:,} created, {done['updated']:,} updated, {done['failed']:,} failed",
    )


def send(url: str, file: Path) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "text/csv", "Content-Length": str(file.stat().st_size)}
    with (
        file.open("rb") as body,
        urllib.request.urlopen(urllib.request.Request(url, body, headers, method="POST"), timeout=_PATIENCE) as answer,
    ):
        found: dict[str, str] = json.load(answer)
        return found


def watch(url: str, process: subprocess.Popen[bytes]) -> tuple[float, dict[str, int]]:
    """Return the rate from the first piece on: the start of processes is not part of the figure."""
    first, began = 0, time.perf_counter()
    while True:
        found = call(url)
        if found["status"] in {"done", "failed"} or process.poll() is not None:
            break
        if not first and found["rows_done"]:
            first, began = found["rows_done"], time.perf_counter()
        time.sleep(0.2)
    seconds = time.perf_counter() - began
    if found["status"] != "done":
        print(f"warning: the import is {found['status']}", file=sys.stderr)
    return (found["rows_done"] - first) / seconds, found


async def bare(database: str, file: Path, rows: int) -> tuple[float, float]:
    """Return how many rows a second a bare COPY writes: of the leads into a table like theirs, and of the file into texts."""
    engine = create_engine(database, pool_size=1, statement_seconds=None)
    try:
        async with engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            await driver.execute("CHECKPOINT")
            written = io.BytesIO()
            most = min(rows, 200_000)
            await driver.copy_from_query(f"SELECT * FROM leads LIMIT {most}", output=written, format="binary")
            await driver.execute("CREATE TABLE bare_leads (LIKE leads INCLUDING ALL)")
            like_leads = await _timed(driver, "bare_leads", written, most, format="binary")
            columns = _HEADER.split(",")
            await driver.execute(f"CREATE TABLE bare_file ({', '.join(f'{name} text' for name in columns)})")
            with file.open("rb") as source:
                began = time.perf_counter()
                await driver.copy_to_table("bare_file", source=source, format="csv", header=True)
                plain = rows / (time.perf_counter() - began)
    finally:
        await engine.dispose()
    return like_leads, plain


async def _timed(driver: object, table: str, source: io.BytesIO, rows: int, **how: str) -> float:
    source.seek(0)
    began = time.perf_counter()
    await driver.copy_to_table(table, source=source, **how)  # type: ignore[attr-defined]
    return rows / (time.perf_counter() - began)
