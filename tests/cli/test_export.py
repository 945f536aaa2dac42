"""`leads export`, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import AsyncClient
from pyarrow import parquet


@pytest.fixture
def export(database_url: str, tmp_path: Path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"LEADS_DATABASE_URL": database_url, "LEADS_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "service.cli", "export", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture
async def people(client: AsyncClient) -> None:
    for number, channel in enumerate(["web", "web", "fair"]):
        body = {"email": f"p{number}@example.com", "channel": channel, "attributes": {"seats": number}}
        assert (await client.post("/v1/leads", json=body)).status_code == 201


async def test_it_works(export, people, tmp_path: Path):
    shown = export("leads")
    assert shown.returncode == 0, shown.stderr
    assert [json.loads(line)["email"] for line in shown.stdout.splitlines()] == [f"p{n}@example.com" for n in range(3)]
    assert shown.stderr == "3 leads\n"
    assert export("journeys", "-o", "journeys.parquet").stderr == "3 journeys\n"
    assert parquet.read_table(tmp_path / "journeys.parquet").num_rows == 3
    assert export("transitions", "-o", "t.out", "--format", "csv").returncode == 0
    with (tmp_path / "t.out").open(newline="") as file:
        assert [row["event"] for row in csv.DictReader(file)] == ["acquire"] * 3
    assert not (tmp_path / "t.out.part").exists()


async def test_filters(export, people):
    filters = ("--where", "channel=web", "--where", "attributes.seats_gte=1")
    shown = export("leads", *filters)
    assert [json.loads(line)["email"] for line in shown.stdout.splitlines()] == ["p1@example.com"], shown.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("leads", "--where", "channel"), "NAME=VALUE"),
        (("leads", "--where", "colour=red"), "colour"),
        (("leads", "--where", "attributes.x_gte=y", "-o", "out.csv"), "?attributes.x_gte"),
    ],
)
async def test_what_was_typed_wrong_is_told_in_a_line(export, tmp_path: Path, arguments: tuple[str, ...], told: str):
    shown = export(*arguments)
    assert shown.returncode in {1, 2}
    assert told in shown.stderr
    assert "Traceback" not in shown.stderr
    assert not (tmp_path / "out.csv").exists()
    assert not (tmp_path / "out.csv.part").exists()
