"""Exports at two sizes: how many rows a second, and whether the larger one needs more memory.

The rate is that of the rows the larger database has more: what a process costs before its first row is in neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from machinery import environment, in_database, new_database
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

KINDS = ("leads", "transitions", "journeys")
FORMATS = ("ndjson", "csv", "parquet")

_DEFINE = text("""
    INSERT INTO attribute_definitions (key, type, choices, created_at, updated_at) VALUES
    ('plan', 'choice', '{free,pro,enterprise}', now(), now()), ('seats', 'number', '{}', now(), now()),
    ('renewal', 'date', '{}', now(), now())
""")
_LEADS = text("""
    INSERT INTO leads (id, stage, furthest_stage, stage_entered_at, journey, sequence, version, email, phone, full_name, first_name,
                       last_name, job_title, company_name, company_domain, industry, country, channel, campaign, utm, external_ids,
                       consent, score, tags, attributes, verdict, verdict_reasons, test, created_at, updated_at, acquired_at)
    SELECT id, 'cleaned', 'cleaned', at, 1, 2, 2, 'person' || n || '@company' || n % 5000 || '.example', '+4930' || 1000000 + n,
           'Person Number ' || n, 'Person', 'Number ' || n, 'Buyer', 'Company ' || n % 5000, 'company' || n % 5000 || '.example',
           'steel', 'DE', 'web', 'campaign ' || n % 12, '{"source": "newsletter", "medium": "email"}',
           jsonb_build_object('crm', 'C-' || n), '{"marketing": {"granted": true, "at": "2026-01-01T00:00:00Z"}}', n % 100,
           CASE WHEN n % 3 = 0 THEN '{vip,fair}'::text[] ELSE '{}' END,
           CASE WHEN n % 2 = 0 THEN jsonb_build_object('plan', 'pro', 'seats', n % 50, 'renewal', '2026-06-30') ELSE '{}' END,
           'valid', '{}', false, at, at, at
    FROM generate_series(1, :count) AS n,
         LATERAL (SELECT timestamptz '2025-01-01' + n * interval '1 second' AS at,
                         (lpad(to_hex(1735689600000 + n * 1000), 12, '0') || '7000800000000000' || lpad(to_hex(n), 4, '0'))
                         AS digits) AS one,
         LATERAL (SELECT (left(digits, 28) || lpad(to_hex(n % 65536), 4, '0'))::uuid AS id) AS two
""")
_TRANSITIONS = text("""
    INSERT INTO transitions (lead_id, id, sequence, journey, event, from_stage, to_stage, skipped, channel, campaign, actor,
                             occurred_at, recorded_at)
    SELECT id, gen_random_uuid(), step, 1, CASE step WHEN 1 THEN 'acquire' ELSE 'clean' END,
           CASE step WHEN 2 THEN 'acquired' END, CASE step WHEN 1 THEN 'acquired' ELSE 'cleaned' END, '{}',
           CASE step WHEN 1 THEN channel END, CASE step WHEN 1 THEN campaign END, 'intake', acquired_at, acquired_at
    FROM leads, generate_series(1, 2) AS step
""")
_JOURNEYS = text("""
    INSERT INTO journeys (lead_id, number, entry_stage, channel, campaign, started_at, stage, stage_entered_at, cell, furthest_stage,
                          outcome, cleaned_at, counted)
    SELECT id, 1, 'acquired', channel, campaign, acquired_at, 'cleaned', acquired_at, 1, 'cleaned', 'open', acquired_at, true
    FROM leads
""")


@dataclass(frozen=True)
class Run:
    """One export: how long it took, for how much of it the process was at work, how much memory it had at most, how large the file is."""

    seconds: float
    busy: float
    megabytes: float
    size: int


async def _fill(connection: AsyncConnection, count: int) -> None:
    await connection.execute(text("SET LOCAL session_replication_role = replica"))
    await connection.execute(text("SET LOCAL statement_timeout = 0"))
    await connection.execute(_DEFINE)
    await connection.execute(_LEADS, {"count": count})
    await connection.execute(_TRANSITIONS)
    await connection.execute(_JOURNEYS)


async def _settle(connection: AsyncConnection) -> None:
    await connection.execute(text("ANALYZE"))


def _export(database: str, kind: str, form: str, file: Path) -> Run:
    command = [sys.executable, "-W", "ignore", "-m", "service.cli", "export", kind, "--format", form, "-o", str(file)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment(database), stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"export of {kind} as {form}: {process.stderr.read().decode() if process.stderr else ''}")
    size = file.stat().st_size
    file.unlink()
    return Run(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, size)


@dataclass(frozen=True)
class Export:
    """The same export of the small database and of the large one, which has so many rows ``more``."""

    few: Run
    many: Run
    more: int

    @property
    def rate(self) -> float:
        return self.more / (self.many.seconds - self.few.seconds)

    def __str__(self) -> str:
        cost = (self.many.busy - self.few.busy) / self.more * 1e6
        memory = f"{self.few.megabytes:.0f} and {self.many.megabytes:.0f} MB of memory"
        return f"{cost:.0f} µs of processor a row, {memory}, a file of {self.many.size / 1e6:,.0f} MB"


def exports(server: str, folder: Path, small: int, large: int) -> dict[tuple[str, str], Export]:
    """Return what was measured, by kind and format."""
    databases = {}
    for count in (small, large):
        databases[count] = new_database(server, f"bench_export_{count}")
        in_database(databases[count], lambda connection, count=count: _fill(connection, count))
        in_database(databases[count], _settle)
    found = {}
    for kind in KINDS:
        more = (large - small) * (2 if kind == "transitions" else 1)
        for form in FORMATS:
            few, many = (_export(databases[count], kind, form, folder / "export") for count in (small, large))
            found[kind, form] = Export(few, many, more)
            print(f"      {kind} as {form}: {found[kind, form].rate:,.0f} rows/s, {found[kind, form]}", file=sys.stderr)
    return found
