"""The commands an operator types, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import AsyncClient

from service.core import migrations


@pytest.fixture
def leads(database_url: str, tmp_path: Path):
    def run(*arguments: str, url: str = database_url) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"LEADS_DATABASE_URL": url, "LEADS_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "service.cli", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_help_names_every_command(leads) -> None:
    shown = leads("--help").stdout
    for command in ("serve", "worker", "db", "keys", "channels", "verify", "stats", "demo", "export", "openapi"):
        assert f"\n  {command} " in shown


async def test_a_key_is_made_used_and_revoked(leads, client: AsyncClient) -> None:
    made = leads("keys", "create", "crm", "--scope", "leads:read", "--days", "2")
    assert made.returncode == 0, made.stderr
    token = made.stdout.splitlines()[-1]
    assert token not in made.stderr
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/v1/leads", headers=headers)).status_code == 200
    assert (await client.post("/v1/leads", headers=headers, json={"email": "a@example.com"})).status_code == 403

    listed = leads("keys", "list").stdout
    prefix, secret = token.split("_", 2)[1:]
    assert f"{prefix}  active    crm  leads:read" in listed
    assert secret not in listed
    assert leads("keys", "revoke", prefix).returncode == 0
    assert f"{prefix}  revoked   crm" in leads("keys", "list").stdout
    again = leads("keys", "revoke", prefix)
    assert again.returncode == 1
    assert len(again.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "crm"),
        ("keys", "create", "crm", "--scope", "leads:everything"),
        ("keys", "create"),
        ("nonsense",),
    ],
)
def test_a_wrong_command_line_is_explained(leads, arguments: tuple[str, ...]) -> None:
    result = leads(*arguments)
    assert result.returncode == 2
    assert "Usage: leads" in result.stderr


def test_the_schema_is_upgraded_and_checked(leads, empty_database_url: str) -> None:
    before = leads("db", "check", url=empty_database_url)
    assert before.returncode == 1
    assert "leads db upgrade" in before.stderr
    for _ in range(2):
        assert leads("db", "upgrade", url=empty_database_url).returncode == 0
    after = leads("db", "check", url=empty_database_url)
    assert (after.returncode, after.stdout.strip()) == (0, f"The schema is at {migrations.head_revision()}.")


def test_the_address_is_printed(leads, database_url: str) -> None:
    assert leads("db", "url").stdout.strip() == database_url


def test_a_database_that_is_away_is_one_line(leads) -> None:
    result = leads("db", "check", url="postgresql://nobody@127.0.0.1:1/none")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


def test_an_empty_database_holds(leads) -> None:
    assert leads("verify").stdout.strip().endswith("Everything holds.")
