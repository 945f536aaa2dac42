"""`leads policies replay`, in a process of its own: the API's answer, byte for byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import AsyncClient


@pytest.fixture
def replay(database_url: str, tmp_path: Path):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"LEADS_DATABASE_URL": database_url, "LEADS_DATA_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "service.cli", "policies", "replay", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


async def test_it_says_what_the_api_says(client: AsyncClient, replay, tmp_path: Path):
    body = {"email": "ann@example.com", "occurred_at": "2026-01-05T09:00:00Z"}
    assert (await client.post("/v1/leads", json=body)).status_code == 201
    policies = {"policies": [{"key": "clean", "when": {}, "then": {"move": {"event": "clean"}}}]}
    (tmp_path / "policies.json").write_text(json.dumps(policies))
    shown = replay("--from", "2026-01-01", "--to", "2026-02-01", "--file", "policies.json")
    assert shown.returncode == 0, shown.stderr
    question = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "policies": policies, "sample": 1}
    answer = await client.post("/v1/policies/dry-run", json=question)
    assert json.loads(shown.stdout) == answer.json()
    assert answer.json()["policies"][0]["moved"] == 1


@pytest.mark.parametrize("content", ["{", '{"policies": [{"key": "clean"}]}'])
def test_a_file_that_holds_no_policies(replay, tmp_path: Path, content: str):
    (tmp_path / "policies.json").write_text(content)
    shown = replay("--file", "policies.json")
    assert (shown.returncode, "--file" in shown.stderr, "Traceback" in shown.stderr) == (2, True, False)
