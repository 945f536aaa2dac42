"""Intake speed by vendor: each one's documented delivery, as its own tests sign it, against the Standard Webhooks one."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import traffic
from machinery import HERE, api, call, in_database, load, new_database
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ORIGIN = "https://leads.example.com"
KEY = "a-channel"
BASE = "standard-webhooks"


def samples() -> dict[str, Any]:
    """Return the builders of signed deliveries, with the clock of the tests set to now: signatures with a time go stale."""
    if str(HERE.parent) not in sys.path:
        sys.path.insert(0, str(HERE.parent))
    # They sign when they are imported.
    for name in [name for name in sys.modules if name.startswith("tests.channels")]:
        del sys.modules[name]
    from tests.channels import deliveries

    deliveries.NOW = datetime.now(UTC)
    deliveries.STAMP = str(int(deliveries.NOW.timestamp()))
    deliveries.STAMP_MS = f"{deliveries.STAMP}000"
    from tests.channels.samples import SAMPLES

    return dict(SAMPLES)


def rates(server: str, folder: Path, seconds: float, rounds: int) -> dict[str, float]:
    """Return each vendor's median ratio to Standard Webhooks, in one API process.

    Rounds are short, and each is compared with those of Standard Webhooks right before and after it: a machine that is shared is faster
    and slower from one second to the next.
    """
    database = new_database(server, "bench_vendors")
    found: dict[str, float] = {}
    with api(database, public_url=ORIGIN) as url:
        for vendor in sorted(samples()):
            found[vendor] = against_base(url, database, folder, vendor, seconds, rounds)
            print(f"      {vendor}: {found[vendor]:.2f}", file=sys.stderr)
    return found


def against_base(url: str, database: str, folder: Path, vendor: str, seconds: float, rounds: int) -> float:
    """Return a vendor's median ratio to Standard Webhooks."""
    # Signatures that carry their time are refused after some minutes.
    builders = samples()
    in_database(database, forget_channels)
    # The process may look a channel up again after a quarter of a second.
    time.sleep(0.3)
    base = prepared(url, folder / "base", builders[BASE](), "the-base")
    mine = prepared(url, folder / "vendor", builders[vendor](), KEY)
    before, ratios = delivered(url, base, seconds), []
    for _ in range(rounds):
        rate, after = delivered(url, mine, seconds), delivered(url, base, seconds)
        ratios.append(2 * rate / (before + after))
        before = after
    return median(ratios)


def prepared(url: str, file: Path, sample: Any, key: str) -> Path:
    """Make the channel of a sample and write its delivery down; some vendors sign the address, which has `KEY` in it."""
    channel, request = sample.channel, sample.request
    settings = channel.settings.model_dump(mode="json", exclude_unset=True)
    wanted = {"key": key, "vendor": channel.vendor, "secret": channel.secrets[0], "settings": settings}
    call(f"{url}/v1/channels", wanted)
    path = f"/v1/intake/{key}" + (f"/{request.url_secret}" if request.url_secret else "")
    headers = {name: value for name, value in request.headers.items() if name not in {"content-type", "host"}}
    raw = traffic.post(path + (f"?{request.query}" if request.query else ""), request.body, headers)
    raw = raw.replace(b"Content-Type: application/json", f"Content-Type: {request.headers['content-type']}".encode(), 1)
    return traffic.write(file, [raw])


def delivered(url: str, file: Path, seconds: float) -> float:
    """Return how many deliveries of a sample are accepted per second."""
    result = load(url, file, seconds=seconds)
    if result.refused or result.broken:
        raise SystemExit(f"{file.name}: {result.refused} refused, {result.broken} broken")
    return result.rate


async def forget_channels(connection: AsyncConnection) -> None:
    await connection.execute(text("DELETE FROM channels"))
    await connection.execute(text("TRUNCATE deliveries"))
