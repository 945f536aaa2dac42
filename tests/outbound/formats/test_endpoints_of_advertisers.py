"""Endpoints whose format is an advertiser's, over HTTP."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from tests.outbound.formats.test_conversions import SETTINGS

URL = "https://vendor.example/callback"


@pytest.mark.parametrize("name", SETTINGS)
async def test_tokens_go_in_and_never_come_out(name: str, client: AsyncClient) -> None:
    given = {"url": URL, "format": name, "settings": SETTINGS[name] | {"access_token": "kept-to-ourselves"}}
    made = await client.post("/v1/webhook-endpoints", json=given)
    assert made.status_code == 201, made.text
    at = f"/v1/webhook-endpoints/{made.json()['id']}"
    changed = await client.patch(at, json={"settings": {"consent_purpose": "ads"}})
    assert changed.status_code == 200, changed.text
    assert changed.json()["settings"]["consent_purpose"] == "ads"
    for answer in (made, changed, await client.get(at), await client.get("/v1/webhook-endpoints")):
        assert "kept-to-ourselves" not in answer.text


@pytest.mark.parametrize("name", SETTINGS)
async def test_settings_that_cannot_work_are_named(name: str, client: AsyncClient) -> None:
    answer = await client.post("/v1/webhook-endpoints", json={"url": URL, "format": name, "settings": {}})
    assert answer.status_code == 422, answer.text
    assert all(fault["pointer"].startswith("/settings") for fault in answer.json()["errors"])


@pytest.mark.parametrize(
    "url",
    [
        "http://vendor.example/",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::ffff:7f00:1]/",
        "https://2130706433/",
    ],
)
async def test_addresses_that_nothing_is_sent_to_are_refused_when_they_are_given(url: str, client: AsyncClient) -> None:
    answer = await client.post("/v1/webhook-endpoints", json={"url": url})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "/url"
