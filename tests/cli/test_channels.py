"""`leads channels`, as an operator types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import AsyncClient

from tests.channels.deliveries import SECRET


@pytest.fixture
def leads(database_url: str, tmp_path: Path):
    def run(*arguments: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"LEADS_DATABASE_URL": database_url, "LEADS_DATA_DIR": str(tmp_path)} | variables
        command = [sys.executable, "-m", "service.cli", "channels", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, input=given, capture_output=True, text=True, timeout=60, check=False
        )

    return run


async def test_a_channel_is_made_listed_and_tried(leads, client: AsyncClient, tmp_path: Path) -> None:
    made = leads("add", "web", "generic", "--name", "The form", "--set", "place=url", "--map", "email=contact.mail",
                 LEADS_PUBLIC_URL="https://leads.example.com")  # fmt: skip
    assert made.returncode == 0, made.stderr
    lines = dict(line.split(maxsplit=1) for line in made.stdout.splitlines() if not line.startswith(" "))
    secret = lines["secret"]
    assert lines["address"] == f"https://leads.example.com/v1/intake/web/{secret}"
    assert lines["sample"].startswith(f"SECRET='{secret}'; curl ")
    assert "Point the form's webhook" in lines["steps"]

    shown = (await client.get("/v1/channels/web")).json()
    assert shown["settings"]["place"] == "url"
    assert shown["mapping"] == {"email": "contact.mail"}
    body = {"contact": {"mail": "ada@example.com"}}
    assert (await client.post(f"/v1/intake/web/{secret}", json=body)).status_code == 202

    listed = leads("list").stdout
    assert listed.split() == ["web", "generic", "on", "http://127.0.0.1:8000/v1/intake/web/{secret}"]
    assert secret not in listed

    (tmp_path / "payload.json").write_text(json.dumps({"contact": {"mail": "bob@example.com"}}))
    tried = leads("test", "web", "payload.json")
    assert tried.returncode == 0, tried.stderr
    assert json.loads(tried.stdout)["leads"][0]["email"] == "bob@example.com"
    assert json.loads(leads("test", "web", given=json.dumps(body)).stdout)["status"] == "processed"
    assert leads("test", "web", given="{not json").returncode == 1
    assert [one["channel"] for one in (await client.get("/v1/deliveries")).json()["data"]] == ["web"]
    assert (await client.get("/v1/leads")).json()["data"] == []


async def test_the_vendors_secret_comes_from_a_file(leads, client: AsyncClient) -> None:
    made = leads("add", "fb", "meta", "--secret-file", "-", "--set", "verify_token=a verify token", given=f"{SECRET}\n")
    assert made.returncode == 0, made.stderr
    assert SECRET not in made.stdout
    assert (await client.get("/v1/channels/fb")).json()["has_secret"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "web", "nobody"), 2, "nobody"),
        (("add", "Web", "generic"), 1, "key"),
        (("add", "fb", "meta"), 1, "/secret"),
        (("add", "web", "generic", "--set", "place"), 2, "NAME=VALUE"),
        (("add", "web", "generic", "--set", "place=moon", "--map", "email=["), 1, "/settings/place"),
        (("test", "nobody"), 1, "no channel"),
    ],
)
def test_what_is_wrong_is_explained(leads, arguments: tuple[str, ...], code: int, said: str) -> None:
    result = leads(*arguments, given="{}")
    assert result.returncode == code, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
