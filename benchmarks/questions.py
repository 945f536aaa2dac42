"""The questions of the statistics: how long they take at several sizes, beside DuckDB over the same journeys, and beside the intake."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median, quantiles

import asyncpg
import duckdb
import traffic
from figures import Figure
from machinery import KEY, Load, api, call, in_database, load, new_database
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from worlds import load_world

from service.stats.fold import rebuild


def another(question: str, days: int) -> Callable[[int], str]:
    """Return what asks a question of so many days, another day later each time."""

    def asked(number: int) -> str:
        first = date(2026, 6, 1) + timedelta(days=number)
        return f"{question}?from={first}&to={first + timedelta(days=days)}&group_by=channel,campaign"

    return asked


STANDARD: dict[str, str | Callable[[int], str]] = {
    "funnel": "/v1/stats/funnel?group_by=channel,campaign",
    "trend": "/v1/stats/trend?interval=month&group_by=channel",
    "flow": "/v1/stats/flow?group_by=channel,campaign",
    "occupancy": "/v1/stats/occupancy?group_by=channel,campaign",
    "kpis": "/v1/stats/kpis?from=2026-09-01&to=2026-10-01&group_by=channel,campaign",
    # Answers from counters are remembered; these nobody has asked for before.
    "funnel of another month each time": another("/v1/stats/funnel", 30),
    "flow of another month each time": another("/v1/stats/flow", 30),
    "kpis of another week each time": another("/v1/stats/kpis", 7),
}
"""What must cost the same at any size."""

OF_ROWS = {
    "funnel by country": "/v1/stats/funnel?group_by=country",
    "funnel by attribute": "/v1/stats/funnel?group_by=attributes.plan",
    "funnel in a window": "/v1/stats/funnel?group_by=channel&window=P30D",
    "period by country": "/v1/stats/funnel?mode=period&group_by=country",
    "velocity": "/v1/stats/velocity",
    "maturity": "/v1/stats/funnel?horizon=P90D",
    "cohorts": "/v1/stats/cohorts",
    "attribution": "/v1/stats/attribution",
    "forecast": "/v1/stats/forecast",
    "channels by industry": "/v1/stats/channels?group_by=industry",
}
"""What reads every journey."""

_IN_DUCKDB = "SELECT channel, campaign, cell, count(*) FROM journeys GROUP BY ALL"


_TURNS = 10
_EACH = 10


@dataclass(frozen=True)
class Asked:
    """How long one question took at one size, in milliseconds: as the client saw it, and by the server's own account."""

    p50: float
    p95: float
    server_p50: float
    server_p95: float


def ask(url: str, question: str | Callable[[int], str], times: int) -> Asked:
    """Ask so many times, one after the other, and return how long that took; a question may be another one each time."""
    return _summed(_took(url, question, range(times)))


def ask_in_turns(urls: dict[int, str], question: str | Callable[[int], str]) -> dict[int, Asked]:
    """Ask the same of several services in turns, so that a faster minute of the machine is every one's, and return how long each took."""
    took: dict[int, list[tuple[float, float]]] = {size: [] for size in urls}
    for number in range(_TURNS):
        numbers = range(number * _EACH, (number + 1) * _EACH)
        for size, url in urls.items():
            # The first ones after the other service's turn find nothing of theirs in the processor's cache.
            _took(url, question, range(-2, 0))
            took[size] += _took(url, question, numbers)
    return {size: _summed(some) for size, some in took.items()}


def _took(url: str, question: str | Callable[[int], str], numbers: range) -> list[tuple[float, float]]:
    """Return how many milliseconds each took, as the client saw it and by the server's own account."""
    took = []
    for number in numbers:
        asked = question if isinstance(question, str) else question(number)
        request = urllib.request.Request(url + asked, headers={"Authorization": f"Bearer {KEY}"})
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()
            by_server = float(answer.headers.get("Server-Timing", "app;dur=nan").removeprefix("app;dur="))
        took.append(((time.perf_counter() - began) * 1e3, by_server))
    return took


def _summed(took: list[tuple[float, float]]) -> Asked:
    by_client, by_server = zip(*took, strict=True)
    return Asked(median(by_client), _p95(by_client), median(by_server), _p95(by_server))


def _p95(took: Sequence[float]) -> float:
    return quantiles(took, n=20)[-1] if len(took) > 1 else took[0]


def world(server: str, size: int) -> str:
    """Return a database with so many lives in it."""
    database = new_database(server, f"bench_world_{size}")
    in_database(database, lambda connection: load_world(connection, size))
    in_database(database, _analyse)
    return database


async def _analyse(connection: AsyncConnection) -> None:
    await connection.execute(text("ANALYZE"))


def duck(database: str, folder: Path) -> float:
    """Return how long the same funnel takes DuckDB over the same journeys as Parquet, in milliseconds."""
    file = folder / "journeys.parquet"
    rows = folder / "journeys.csv"
    in_database(database, lambda connection: _copy(connection, rows))
    driver = duckdb.connect()
    driver.execute(f"COPY (SELECT * FROM read_csv('{rows}', header = true)) TO '{file}' (FORMAT parquet)")
    driver.execute(f"CREATE VIEW journeys AS SELECT * FROM read_parquet('{file}')")
    rows.unlink()
    took = []
    for _ in range(30):
        began = time.perf_counter()
        driver.execute(_IN_DUCKDB).fetchall()
        took.append((time.perf_counter() - began) * 1e3)
    file.unlink()
    return median(took)


async def _copy(connection: AsyncConnection, file: Path) -> None:
    raw = await connection.get_raw_connection()
    driver: asyncpg.Connection = raw.driver_connection  # type: ignore[assignment]
    query = "SELECT lead_id, channel, campaign, started_at, cell, won_at FROM journeys"
    await driver.copy_from_query(query, output=str(file), format="csv", header=True)


def rebuilt(database: str) -> float:
    """Return how many seconds the rollup takes to be counted anew."""
    began = time.perf_counter()
    in_database(database, rebuild)
    return time.perf_counter() - began


@contextmanager
def storm(url: str, clients: int) -> Iterator[list[int]]:
    """Ask questions that read rows, by several clients, while the block runs; yields how many were answered."""
    ends, answered = threading.Event(), [0]
    questions = list(OF_ROWS.values())

    def client(number: int) -> None:
        while not ends.is_set():
            number += 1
            try:
                ask(url, questions[number % len(questions)], 1)
                answered[0] += 1
            except OSError:
                time.sleep(0.2)

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        ends.set()
        for thread in threads:
            thread.join(60)


def beside_intake(database: str, folder: Path, seconds: float) -> tuple[Load, Load, int]:
    """Return the intake's load alone and under a storm of questions, and how many of these were answered."""
    with api(database) as url:
        call(f"{url}/v1/channels", {"key": "bench", "vendor": "standard-webhooks", "secret": f"whsec_{traffic.SECRET}"})

        def round_of(label: str) -> Load:
            people = traffic.people(int(seconds * 4_000), label)
            requests = traffic.write(folder / label, traffic.signed("/v1/intake/bench", people, label))
            return load(url, requests, seconds=seconds, connections=4)

        # What a process does once in its life, like putting a question into SQL, is not what is measured.
        for question in OF_ROWS.values():
            ask(url, question, 1)
        quiet = round_of("quiet")
        with storm(url, 4) as answered:
            stormy = round_of("stormy")
        return quiet, stormy, answered[0]


def figures(server: str, folder: Path, sizes: list[int], *, seconds: float) -> list[Figure]:
    """The standard questions at several sizes, and those that read rows at the middle one."""
    databases = {size: world(server, size) for size in sizes}
    asked: dict[tuple[int, str], Asked] = {}
    with ExitStack() as services:
        urls = {size: services.enter_context(api(database)) for size, database in databases.items()}
        for name, question in STANDARD.items():
            for url in urls.values():
                ask(url, question, 3)
            asked |= {(size, name): found for size, found in ask_in_turns(urls, question).items()}
    few, most = min(sizes), max(sizes)
    found = []
    for name in STANDARD:
        at = ", ".join(f"{size:,}: {asked[size, name].server_p50:.1f}" for size in sizes)
        told = f"server; medians {at}; client {asked[most, name].p50:.1f}, p95 {asked[most, name].p95:.1f}"
        found += [
            Figure(f"{name}, p95 of the server in ms at {most:,}", asked[most, name].server_p95, 15, False, told),
            Figure(
                f"{name}, {most:,} against {few:,}",
                asked[most, name].server_p50 / asked[few, name].server_p50,
                1.3,
                False,
                "",
            ),
        ]
    middle = sorted(sizes)[min(1, len(sizes) - 1)]
    bare = duck(databases[middle], folder)
    ours = asked[middle, "funnel"].p50
    found.append(
        Figure(
            f"funnel, DuckDB's time at {middle:,} times ours", bare / ours, 1, True, f"{bare:.1f} ms to {ours:.1f} ms"
        )
    )
    with api(databases[middle]) as url:
        for name, question in OF_ROWS.items():
            took = ask(url, question, 3)
            found.append(Figure(f"{name}, seconds at {middle:,}", took.p50 / 1e3, 1, False, ""))
    found.append(Figure(f"rollup of {middle:,} counted anew, seconds", rebuilt(databases[middle]), 60, False, ""))
    quiet, stormy, answered = beside_intake(databases[middle], folder, 2 * seconds)
    noted = f"{stormy.p99:.1f} ms to {quiet.p99:.1f} ms, {answered} questions answered meanwhile"
    found.append(Figure("intake p99 under large questions, times alone", stormy.p99 / quiet.p99, 2, False, noted))
    return found
