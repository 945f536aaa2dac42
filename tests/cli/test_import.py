"""`leads import`: a file from a shell, as an operator types it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import AsyncClient

FILE = "Email,Kürzel,Created\nada@example.com,x,3/4/2026\nbroken,y,3/4/2026\n"


@pytest.fixture
def leads(database_url: str, tmp_path: Path):
    (tmp_path / "fair.csv").write_text(FILE, encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"LEADS_DATABASE_URL": database_url, "LEADS_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "service.cli", "import", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90, check=False
        )

    return run


async def test_a_file_comes_in_with_its_errors_beside_it(leads, client: AsyncClient, tmp_path: Path) -> None:
    done = leads("fair.csv", "--channel", "fair", "--map", "Kürzel=ignore", "--date-order", "mdy", "--errors", "e.csv")
    assert done.returncode == 0, done.stderr
    assert "done: 1 created, 0 updated, 0 unchanged, 1 failed" in done.stdout
    lead = (await client.get("/v1/leads")).json()["data"][0]
    assert (lead["email"], lead["channel"], lead["attributes"]) == ("ada@example.com", "fair", {})
    assert lead["acquired_at"] == "2026-03-04T00:00:00Z"
    errors = (tmp_path / "e.csv").read_text().splitlines()
    assert errors[0] == "row,field,code,detail,severity"
    assert errors[1].startswith("3,")


def test_what_cannot_be_read_ends_in_one_line(leads, tmp_path: Path) -> None:
    refused = leads("fair.csv", "--map", "Nothing=email")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert "Nothing" in refused.stderr
    assert leads("nowhere.csv").returncode == 2
