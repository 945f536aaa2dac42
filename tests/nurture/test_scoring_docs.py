"""What docs/scoring.md shows is taken by the service as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest
from httpx import AsyncClient

PAGE = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text(encoding="utf-8")
SENT = re.findall(r'"\$LEADS(/v1/[^"]+)" -d \'(.*?)\'', PAGE, re.DOTALL)


@pytest.mark.parametrize(("path", "body"), SENT, ids=[path for path, _ in SENT])
async def test_what_is_sent_is_taken(client: AsyncClient, path: str, body: str) -> None:
    await client.post("/v1/leads", json={"email": "ada@example.com"})
    method = "PUT" if path == "/v1/scoring-rules" else "POST"
    answer = await client.request(method, path, json=orjson.loads(body))
    assert answer.status_code in {200, 201}, answer.text


def test_the_page_shows_all_ways_in() -> None:
    assert [path for path, _ in SENT] == ["/v1/activities", "/v1/scoring-rules", "/v1/scoring-rules/dry-run"]
