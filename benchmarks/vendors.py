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
    sys.path.insert(0, str(HERE.parent))
    from tests.channels import deliveries

    deliveries.NOW = datetime.now(UTC)
    deliveries.STAMP = str(int(deliveries.NOW.timestamp()))
    deliveries.STAMP_MS = f"{deliveries.STAMP}000"
    from tests.channels.samples import SAMPLES

    return dict(SAMPLES)


def rates(server: str, folder: Path, seconds: float, rounds: int) -> dict[str, float]:
    """Return each vendor's median ratio to Standard Webhooks, measured in alternation in one API process."""
    vendors = sorted(samples())
    database = new_database(server, "bench_vendors")
    found: dict[str, float] = {}
    with api(database, public_url=ORIGIN) as url:
        for vendor in vendors:
            # Signatures that carry their time are refused after some minutes.
            builders = samples()
            ratios = [
                delivered(url, database, folder, builders[vendor](), seconds)
                / delivered(url, database, folder, builders[BASE](), seconds)
                for _ in range(rounds)
            ]
            found[vendor] = median(ratios)
            print(f"      {vendor}: {found[vendor]:.2f}", file=sys.stderr)
    return found


def delivered(url: str, database: str, folder: Path, sample: Any, seconds: float) -> float:
    """Return how many deliveries of a sample are accepted per second."""
    in_database(database, forget_channel)
    # All vendors' channels have one key, for some sign the address: the process may look it up again after a quarter of a second.
    time.sleep(0.3)
    channel = sample.channel
    settings = channel.settings.model_dump(mode="json", exclude_unset=True)
    wanted = {"key": KEY, "vendor": channel.vendor, "secret": channel.secrets[0], "settings": settings}
    call(f"{url}/v1/channels", wanted)
    request = sample.request
    path = f"/v1/intake/{KEY}" + (f"/{request.url_secret}" if request.url_secret else "")
    headers = {name: value for name, value in request.headers.items() if name not in {"content-type", "host"}}
    raw = traffic.post(path + (f"?{request.query}" if request.query else ""), request.body, headers)
    raw = raw.replace(b"Content-Type: application/json", f"Content-Type: {request.headers['content-type']}".encode(), 1)
    result = load(url, traffic.write(folder / "vendor", [raw]), seconds=seconds)
    if result.refused or result.broken:
        raise SystemExit(f"{channel.vendor}: {result.refused} refused, {result.broken} broken")
    return result.rate


async def forget_channel(connection: AsyncConnection) -> None:
    await connection.execute(text("DELETE FROM channels"))
    await connection.execute(text("TRUNCATE deliveries"))
