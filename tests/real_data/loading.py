"""Bringing real data in through the public API, a thousand items a request."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from service.cli.verify import faults_in


def real_data() -> Path:
    """Where the data sets are; skips the test where nobody said."""
    folder = os.environ.get("LEADS_REAL_DATA")
    if not folder:
        pytest.skip("LEADS_REAL_DATA is unset: the data sets are not part of the project")
    return Path(folder)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return a file's rows, by the names of its header."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


async def create_all(client: AsyncClient, leads: Sequence[dict[str, object]]) -> list[dict[str, Any]]:
    """Create leads and return the outcome of each."""
    return await _in_batches(client, "/v1/leads/batch", leads)


async def move_all(client: AsyncClient, transitions: Sequence[dict[str, object]]) -> list[dict[str, Any]]:
    """Move leads and return the outcome of each."""
    return await _in_batches(client, "/v1/transitions/batch", transitions)


async def _in_batches(client: AsyncClient, address: str, items: Sequence[dict[str, object]]) -> list[dict[str, Any]]:
    outcomes: list[dict[str, Any]] = []
    for first in range(0, len(items), 1000):
        answer = await client.post(address, json=items[first : first + 1000])
        assert answer.status_code == 200, answer.text
        outcomes += answer.json()["data"]
    return outcomes


async def everything_holds(database_url: str) -> None:
    """Run `leads verify` on the database."""
    assert await faults_in(database_url) == []
