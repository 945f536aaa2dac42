"""Measures deliveries against their bars: ninety bad endpoints beside ten good ones, and workers that are killed.

``python benchmarks/delivering.py`` runs both; ``--only isolation --seconds 30`` a short one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psutil
from figures import Figure
from machinery import HERE, PYTHON, environment, free_port, in_database, new_database
from sqlalchemy import text

from service.core import clock
from service.core.database import create_engine, transaction
from service.core.embedded import embedded_postgres
from service.core.ids import new_id
from service.outbound.catalogue import EVENT_TYPES
from service.outbound.endpoints.operations import create_endpoint
from service.outbound.endpoints.schemas import EndpointCreate
from service.outbound.events import event_row
from service.outbound.sending.guard import Guard
from service.outbound.store import insert_events
from service.stats.segments.choosing import choose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection

DATA = EVENT_TYPES["lead.created"].example["data"]
# The first ports of a block that nobody uses: good, bad, and one where nobody listens.
BAD = {"hang": 1, "refuse": 3, "error": 1, "redirect": 1, "trickle": 1}


@dataclass
class Written:
    """What was written: when each event was committed, of which lead and with which number."""

    at: dict[str, float]
    of: dict[str, tuple[UUID, int]]


@contextmanager
def receivers(folder: Path) -> Iterator[tuple[int, Path]]:
    port, out = free_port(), folder / "heard.json"
    process = subprocess.Popen(
        [sys.executable, str(HERE / "receivers.py"), str(port), str(out)],
        env=os.environ | {"PYTHONPATH": str(HERE.parent)},
    )
    try:
        yield port, out
    finally:
        process.terminate()
        process.wait(20)


def start_worker(database: str) -> subprocess.Popen[bytes]:
    settings = environment(database) | {"LEADS_OUTBOUND_ALLOW": "127.0.0.1", "LEADS_LOG_LEVEL": "error"}
    return subprocess.Popen([*PYTHON, "worker"], env=os.environ | settings)


async def add_endpoints(connection: AsyncConnection, urls: list[str], **given: Any) -> None:
    guard = Guard(["127.0.0.1"])
    for url in urls:
        body = EndpointCreate(url=url, **given)
        await create_endpoint(connection, body, now=clock.now(), guard=guard, choose=choose)


async def write(
    database: str,
    *,
    seconds: float,
    rate: int,
    leads: int,
    size: int,
    written: Written,
    stop: asyncio.Event,
    go_on: asyncio.Event | None = None,
) -> None:
    """Write events at a rate, ``size`` in each transaction, of leads in turn; for longer while ``go_on`` says so."""
    engine = create_engine(database, pool_size=1)
    family = [new_id() for _ in range(leads)]
    sequences: dict[UUID, int] = defaultdict(int)
    began, count = time.monotonic(), 0
    while count < seconds * rate or (go_on is not None and go_on.is_set()):
        rows = []
        for place in range(size):
            lead_id = family[(count + place) % leads]
            sequences[lead_id] += 1
            now = clock.now()
            rows.append(
                event_row(
                    lead_id=lead_id,
                    type="lead.created",
                    sequence=sequences[lead_id],
                    data=DATA,
                    occurred_at=now,
                    recorded_at=now,
                )
            )
        async with transaction(engine) as connection:
            await insert_events(connection, rows)
        at = time.time()
        for row in rows:
            written.at[str(row["id"])] = at
            written.of[str(row["id"])] = (row["lead_id"], row["sequence"])
        count += size
        await asyncio.sleep(max(began + count / rate - time.monotonic(), 0))
    await engine.dispose()
    stop.set()


async def watch(process: psutil.Process, sizes: list[float], stop: asyncio.Event) -> None:
    while not stop.is_set():
        sizes.append(process.memory_info().rss / 2**20)
        await asyncio.sleep(1)


async def tried(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("SELECT count(*) FROM webhook_attempts"))).scalar_one())


def undecided(database: str) -> int:
    async def count(connection: AsyncConnection) -> int:
        found = await connection.execute(
            text(
                """SELECT count(*) FROM webhook_endpoints e WHERE url LIKE '%/good%' AND EXISTS
                (SELECT FROM outbox o WHERE (o.position, o.sequence, o.id) > (e.position, e.sequence, e.event_id))"""
            )
        )
        waiting = await connection.execute(
            text(
                "SELECT count(*) FROM webhook_queue q JOIN webhook_endpoints e ON e.id = q.endpoint_id "
                "WHERE url LIKE '%/good%'"
            )
        )
        return int(found.scalar_one()) + int(waiting.scalar_one())

    return in_database(database, count)


def await_leases(database: str, count: int) -> None:
    """Wait until the worker has taken every endpoint: its start is not part of the figure."""
    statement = text("SELECT count(*) FROM webhook_endpoints WHERE lease_owner IS NOT NULL")

    async def leased(connection: AsyncConnection) -> int:
        return int((await connection.execute(statement)).scalar_one())

    while in_database(database, leased) < count:
        time.sleep(0.2)
    time.sleep(1)


def wait_until_delivered(database: str, seconds: float) -> float:
    began = time.monotonic()
    while undecided(database) and time.monotonic() - began < seconds:
        time.sleep(0.5)
    return time.monotonic() - began


def isolation(server: str, folder: Path, seconds: float, rate: int) -> list[Figure]:
    """A hundred endpoints of which ninety are bad; the other ten get everything, soon."""
    database = new_database(server, "bench_delivering")
    kinds = list(BAD)
    with receivers(folder) as (port, out):
        good = [f"http://127.0.0.1:{port}/good{number}" for number in range(10)]
        bad = [f"http://127.0.0.1:{port + BAD[kind]}/{kind}" for kind in (kinds * 18)]
        in_database(database, lambda connection: add_endpoints(connection, bad[:45] + good + bad[45:]))
        process = start_worker(database)
        written, sizes = Written({}, {}), []

        await_leases(database, 100)

        async def run() -> None:
            stop = asyncio.Event()
            await asyncio.gather(
                write(database, seconds=seconds, rate=rate, leads=500, size=5, written=written, stop=stop),
                watch(psutil.Process(process.pid), sizes, stop),
            )

        before = psutil.Process(process.pid).cpu_times()
        asyncio.run(run())
        wait_until_delivered(database, 20)
        after = psutil.Process(process.pid).cpu_times()
        busy = after.user + after.system - before.user - before.system
        process.terminate()
        process.wait(40)
    heard = json.loads(out.read_text())
    latencies = sorted(at - written.at[event_id] for _, event_id, at in heard if event_id in written.at)
    pairs = {(path, event_id) for path, event_id, _ in heard}
    missing = 10 * len(written.at) - len(pairs)
    p50, p95, p99 = (latencies[int(len(latencies) * part)] for part in (0.5, 0.95, 0.99))
    third = max(len(sizes) // 3, 1)
    growth = max(sizes[-third:]) / max(sizes[third : 2 * third] or sizes)
    load = os.getloadavg()[0]
    note = f"p50 {p50:.2f}, p99 {p99:.2f}, worker {busy:.1f} s of CPU in {seconds:.0f} s, load {load:.1f}"
    return [
        Figure(f"good endpoints, p95 in seconds at {rate} events/s", p95, 2, False, note),
        Figure("events that a good endpoint did not get", missing, 0, False, f"of {10 * len(written.at):,}"),
        Figure("duplicates", len(heard) - len(pairs), 0, False, ""),
        Figure("memory, last third to the second", growth, 1.15, False, f"{max(sizes):.0f} MiB at most"),
    ]


def kills(server: str, folder: Path, count: int, times: int, rate: int) -> list[Figure]:
    """Kill the workers again and again: nothing is lost, each lead stays in order, nothing is stuck afterwards."""
    database = new_database(server, "bench_killing")
    chance = random.Random(6)
    with receivers(folder) as (port, out):
        urls = [f"http://127.0.0.1:{port}/good{number}" for number in range(4)]
        in_database(database, lambda connection: add_endpoints(connection, urls))
        workers = [start_worker(database) for _ in range(2)]
        written = Written({}, {})

        async def kill(go_on: asyncio.Event) -> None:
            for _ in range(times):
                # While something is delivered: a worker that has only just been started is no loss.
                before = await asyncio.to_thread(in_database, database, tried)
                while await asyncio.to_thread(in_database, database, tried) <= before:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                await asyncio.sleep(chance.uniform(0.0, 2.0))
                for number in chance.choice([(0,), (1,), (0, 1)]):
                    workers[number].kill()
                    workers[number].wait()
                    workers[number] = start_worker(database)
            go_on.clear()

        async def run() -> None:
            stop, go_on = asyncio.Event(), asyncio.Event()
            go_on.set()
            seconds = count / rate
            writing = write(
                database, seconds=seconds, rate=rate, leads=200, size=5, written=written, stop=stop, go_on=go_on
            )
            await asyncio.gather(writing, kill(go_on))

        asyncio.run(run())
        recovery = wait_until_delivered(database, 120)
        for process in workers:
            process.terminate()
        for process in workers:
            process.wait(40)
    heard = json.loads(out.read_text())
    missing, disorder = 4 * len(written.at) - len({(path, event_id) for path, event_id, _ in heard}), 0
    highest: dict[tuple[str, UUID], int] = defaultdict(int)
    for path, event_id, _ in heard:
        lead_id, sequence = written.of[event_id]
        # What comes again may be old; what comes for the first time must be the lead's next.
        disorder += sequence > highest[path, lead_id] + 1
        highest[path, lead_id] = max(highest[path, lead_id], sequence)
    again = len(heard) - 4 * len(written.at) + missing
    return [
        Figure(f"lost in {times} kills during {len(written.at):,} events", missing, 0, False, f"{again:,} came again"),
        Figure("out of a lead's order", disorder, 0, False, ""),
        Figure("seconds until all was delivered", recovery, 60, False, f"stuck: {undecided(database)}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("isolation", "kills"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=200, help="events per second")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("LEADS_")]:
        del os.environ[name]
    figures: list[Figure] = []
    with (
        tempfile.TemporaryDirectory(prefix="leads-bench-", ignore_cleanup_errors=True) as folder,
        embedded_postgres(Path(folder)) as server,
    ):
        if options.only != "kills":
            figures += isolation(server, Path(folder), options.seconds, options.rate)
        if options.only != "isolation":
            figures += kills(server, Path(folder), options.events, options.kills, options.rate)
    print("\n      what                                                  measured    bar")
    for figure in figures:
        print(figure)


if __name__ == "__main__":
    main()
