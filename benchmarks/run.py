"""Measures what the service promises and prints each figure beside its bar, as a ratio to the yardstick of the same run.

Rounds of the yardstick and of each scenario alternate, and medians are compared, so that a machine that is slow for a
while is slow for both. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import importing
import questions
import traffic
import vendors
from exporting import exports
from figures import Figure
from machinery import KEY, Load, api, call, in_database, load, new_database, worker, yardstick
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from synthetic import load_journeys

from service.core.embedded import embedded_postgres

INTAKE = "/v1/intake/bench"


@dataclass(frozen=True)
class Bench:
    """What all scenarios share: the server, a folder for prepared requests, and how long to measure."""

    server: str
    folder: Path
    seconds: float
    rounds: int

    def rounds_of(
        self, name: str, url: str, requests: Callable[[str], Path], yard: str
    ) -> tuple[list[Load], list[Load]]:
        """Alternate yardstick and scenario; ``requests(label)`` prepares a round's requests."""
        mine, bare = [], []
        people = traffic.people(20_000, "yardstick")
        yard_requests = traffic.write(self.folder / "yardstick", traffic.plain("/yardstick", people))
        for number in range(self.rounds):
            bare.append(load(yard, yard_requests, seconds=self.seconds))
            mine.append(load(url, requests(f"{name}{number}"), seconds=self.seconds))
            check(name, mine[-1])
            print(f"      {name} {number}: {mine[-1].rate:,.0f}/s, yardstick {bare[-1].rate:,.0f}/s", file=sys.stderr)
        return mine, bare


def check(name: str, found: Load) -> None:
    # One in some hundred of the made-up domains is on the list of disposable ones, and such a lead cannot be cleaned.
    if found.broken or found.refused > 0.01 * found.requests:
        print(f"warning: {name}: {found.refused} refused, {found.broken} broken of {found.requests}", file=sys.stderr)


def ratio(mine: list[Load], bare: list[Load]) -> float:
    return median(m.rate for m in mine) / median(b.rate for b in bare)


def note(mine: list[Load], bare: list[Load]) -> str:
    p99 = median(m.p99 for m in mine)
    return f"{median(m.rate for m in mine):,.0f}/s to {median(b.rate for b in bare):,.0f}/s, p99 {p99:.1f} ms"


def intake(bench: Bench) -> list[Figure]:
    """Signed webhooks into one API process, then the worker that turns the backlog into leads."""
    database = new_database(bench.server, "bench_intake")
    with yardstick() as yard, api(database) as url:
        channel = {"key": "bench", "vendor": "standard-webhooks", "secret": f"whsec_{traffic.SECRET}"}
        call(f"{url}/v1/channels", channel)
        count = int(bench.seconds * 16_000)

        def deliveries(label: str) -> Path:
            people = traffic.people(count, label)
            return traffic.write(bench.folder / "deliveries", traffic.signed(INTAKE, people, label))

        mine, bare = bench.rounds_of("webhook", url, deliveries, yard)
    p99 = median(m.p99 for m in mine)
    return [
        Figure("webhook intake, times the yardstick", ratio(mine, bare), 1.0, True, note(mine, bare)),
        Figure("webhook intake, p99 in ms", p99, 50, False, ""),
    ]


def worker_throughput(bench: Bench, backlog: int) -> list[Figure]:
    """Raw deliveries to cleaned leads, from a backlog."""
    database = new_database(bench.server, "bench_worker")
    with api(database) as url:
        call(f"{url}/v1/channels", {"key": "bench", "vendor": "standard-webhooks", "secret": f"whsec_{traffic.SECRET}"})
        people = traffic.people(3 * backlog, "backlog")
        requests = traffic.write(bench.folder / "backlog", traffic.signed(INTAKE, people, "backlog"))
        while waiting(database) < backlog:
            load(url, requests, seconds=1, skip=waiting(database))
    total = left = first = waiting(database)
    began = time.perf_counter()
    with worker(database) as process:
        while left and process.poll() is None and time.perf_counter() - began < 120:
            time.sleep(0.05)
            left = waiting(database)
            if first == total:
                # The start of the process is not part of the figure.
                first, began = left, time.perf_counter()
        seconds = time.perf_counter() - began
    if left:
        print(f"warning: {left} of {total} deliveries are still waiting", file=sys.stderr)
    cleaned = in_database(database, cleaned_leads)
    rate = (first - left) / seconds
    return [
        Figure(
            "worker, deliveries to cleaned leads per second",
            rate,
            1500,
            True,
            f"{cleaned:,} cleaned leads of {total:,}",
        )
    ]


def waiting(database: str) -> int:
    async def count(connection: AsyncConnection) -> int:
        found = await connection.execute(text("SELECT count(*) FROM deliveries WHERE status = 'received'"))
        return int(found.scalar_one())

    return in_database(database, count)


async def cleaned_leads(connection: AsyncConnection) -> int:
    return int((await connection.execute(text("SELECT count(*) FROM leads WHERE stage = 'cleaned'"))).scalar_one())


def leads(bench: Bench) -> list[Figure]:
    """New leads through the API, then a transition of each."""
    database = new_database(bench.server, "bench_leads")
    with yardstick() as yard, api(database) as url:

        def creations(label: str) -> Path:
            people = traffic.people(int(bench.seconds * 5_000), label)
            return traffic.write(bench.folder / "leads", traffic.plain("/v1/leads", people, KEY))

        created, bare = bench.rounds_of("lead", url, creations, yard)
        made = in_database(database, lead_ids)

        def transitions(label: str) -> Path:
            third = len(made) // bench.rounds
            number = int(label[-1])
            mine = made[number * third : (number + 1) * third]
            path = bench.folder / "transitions"
            return traffic.write(
                path,
                (
                    traffic.post(
                        f"/v1/leads/{lead_id}/transitions",
                        b'{"event": "%s"}' % event,
                        {"Authorization": f"Bearer {KEY}"},
                    )
                    for event in (b"clean", b"nurture", b"qualify", b"win")
                    for lead_id in mine
                ),
            )

        moved, bare_again = bench.rounds_of("transition", url, transitions, yard)
    return [
        Figure("POST /v1/leads, times the yardstick", ratio(created, bare), 0.10, True, note(created, bare)),
        Figure(
            "POST …/transitions, times the yardstick", ratio(moved, bare_again), 0.10, True, note(moved, bare_again)
        ),
    ]


async def lead_ids(connection: AsyncConnection) -> list[str]:
    return [str(row[0]) for row in await connection.execute(text("SELECT id FROM leads ORDER BY id"))]


def funnel(bench: Bench, small: int, large: int) -> list[Figure]:
    """The funnel grouped by channel, at two sizes side by side."""
    databases = {size: new_database(bench.server, f"bench_funnel_{size}") for size in (small, large)}
    for size, database in databases.items():
        in_database(database, lambda connection, size=size: load_journeys(connection, size))
        in_database(database, analyse)
    question = "/v1/stats/funnel?group_by=channel"
    asks = traffic.write(bench.folder / "funnel", [traffic.get(question, KEY)])
    readyz = traffic.write(bench.folder / "readyz", [traffic.get("/readyz")])
    took: dict[int, list[float]] = {small: [], large: []}
    ready = []
    with api(databases[small]) as small_url, api(databases[large]) as large_url:
        urls = {small: small_url, large: large_url}
        for size, url in urls.items():
            entered = sum(group["entered"] for group in call(url + question)["groups"])
            if not 0.95 * size < entered <= size:
                print(f"warning: the funnel counts {entered} of {size} journeys", file=sys.stderr)
        for _ in range(2 * bench.rounds):
            ready.append(load(large_url, readyz, seconds=bench.seconds / 3, connections=1).p50)
            for size, url in urls.items():
                took[size].append(load(url, asks, seconds=bench.seconds / 3, connections=1).p50)
    few, many, base = median(took[small]), median(took[large]), median(ready)
    return [
        Figure(
            f"funnel, {large:,} against {small:,} journeys", many / few, 1.3, False, f"{many:.2f} ms to {few:.2f} ms"
        ),
        Figure("funnel, times the latency of /readyz", many / base, 4.0, False, f"{many:.2f} ms to {base:.2f} ms"),
    ]


def every_vendor(bench: Bench) -> list[Figure]:
    """Every vendor's deliveries, against the one that the intake's own figure is measured with."""
    found = vendors.rates(bench.server, bench.folder, max(1, bench.seconds / 4), bench.rounds)
    slowest = min(found, key=lambda vendor: found[vendor])
    return [
        Figure("intake of the slowest vendor, times Standard Webhooks", found[slowest], 0.85, True, slowest),
        Figure("vendors below 0.85", sum(rate < 0.85 for rate in found.values()), 0, False, f"of {len(found)}"),
    ]


def whole_file(bench: Bench, rows: int) -> list[Figure]:
    """A file of leads through the worker, all the way to cleaned leads with ledger and statistics."""
    found = importing.measure(bench.server, bench.folder, rows)
    compared = f"{found.rate:,.0f}/s to {found.like_leads:,.0f}/s (the file into bare texts: {found.plain:,.0f}/s)"
    grown = (
        f"{found.first_half:.0f} MiB at most in the first half; {found.largest:.0f} MiB the largest process by itself"
    )
    return [
        Figure(f"import of {rows:,} leads, rows per second", found.rate, 5000, True, found.note),
        Figure("import, times a bare COPY of the leads", found.rate / found.like_leads, 1 / 15, True, compared),
        Figure("import, resident MiB of worker and children", found.peak, 300, False, grown),
    ]


def export(bench: Bench, small: int, large: int) -> list[Figure]:
    """Every kind in every format: rows a second, and the most memory that the larger database takes of what the smaller one takes."""
    found = exports(bench.server, bench.folder, small, large)
    figures = [
        # A million in ten minutes.
        Figure(f"export of {kind} as {form}, rows per second", one.rate, 1667, True, str(one))
        for (kind, form), one in found.items()
    ]
    most = max(found.values(), key=lambda one: one.many.megabytes / one.few.megabytes)
    grown = most.many.megabytes / most.few.megabytes
    note = f"{most.many.megabytes:.0f} MB to {most.few.megabytes:.0f} MB"
    return [*figures, Figure(f"memory, {large:,} against {small:,} leads", grown, 1.3, False, note)]


async def analyse(connection: AsyncConnection) -> None:
    await connection.execute(text("ANALYZE"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backlog", type=int, default=20_000, help="deliveries the worker finds")
    parser.add_argument("--journeys", type=int, nargs=2, default=(100_000, 1_000_000), metavar=("SMALL", "LARGE"))
    parser.add_argument(
        "--only", choices=("intake", "worker", "leads", "vendors", "funnel", "stats", "import", "export"), nargs="*"
    )
    parser.add_argument("--exported", type=int, nargs=2, default=(20_000, 220_000), metavar=("SMALL", "LARGE"))
    parser.add_argument(
        "--import-rows", type=int, default=1_000_000 if os.environ.get("BIG") else 100_000, help="BIG=1: a million"
    )
    sizes = [100_000, 1_000_000, 10_000_000] if os.environ.get("BIG") else [100_000, 1_000_000]
    parser.add_argument(
        "--worlds", type=int, nargs="+", default=sizes, help="sizes for stats; BIG=1: up to ten million"
    )
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("LEADS_")]:
        del os.environ[name]
    with (
        tempfile.TemporaryDirectory(prefix="leads-bench-", ignore_cleanup_errors=True) as folder,
        embedded_postgres(Path(folder)) as server,
    ):
        bench = Bench(server, Path(folder), options.seconds, options.rounds)
        scenarios: dict[str, Callable[[], list[Figure]]] = {
            "intake": lambda: intake(bench),
            "leads": lambda: leads(bench),
            "worker": lambda: worker_throughput(bench, options.backlog),
            "vendors": lambda: every_vendor(bench),
            "funnel": lambda: funnel(bench, *options.journeys),
            "stats": lambda: questions.figures(bench.server, bench.folder, options.worlds, seconds=bench.seconds),
            "export": lambda: export(bench, *options.exported),
            "import": lambda: whole_file(bench, options.import_rows),
        }
        figures = [figure for name, run in scenarios.items() if name in (options.only or scenarios) for figure in run()]
    print("\n      what                                                  measured    bar")
    for figure in figures:
        print(figure)


if __name__ == "__main__":
    main()
