from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from prometheus_client import REGISTRY

from tests.intake.conftest import SECRET, Deliver, signed

BODY = b'{"type":"lead.submitted","data":{"email":"ada@example.com"}}'
ADDRESS = "/v1/intake/web"


async def count(client: AsyncClient) -> int:
    return len((await client.get("/v1/deliveries")).json()["data"])


def refused(channel: str, code: str) -> float:
    return REGISTRY.get_sample_value("intake_refused_total", {"channel": channel, "code": code}) or 0


async def test_it_works(client: AsyncClient, deliver: Deliver) -> None:
    answer = await deliver({"email": "ada@example.com"})
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    stored = (await client.get(f"/v1/deliveries/{answer.json()['id']}")).json()
    assert stored["status"] == "received"
    assert stored["body"] == '{"type": "lead.submitted", "data": {"email": "ada@example.com"}}'


async def test_it_needs_no_key(app: FastAPI, web: str) -> None:
    async with AsyncClient(transport=ASGITransport(app=app), base_url="http://leads.test") as stranger:
        assert (await stranger.post(ADDRESS, content=BODY, headers=signed(BODY))).status_code == 202


@pytest.mark.parametrize(
    ("sign", "status", "code"),
    # Signed when it is sent: what was signed when the tests were collected is stale before a long run is over.
    [
        (lambda: {"content-type": "application/json"}, 401, "unsigned"),
        (lambda: signed(BODY.replace(b"ada", b"eve")), 401, "bad_signature"),
        (lambda: signed(BODY, secret="whsec_" + "A" * 32), 401, "bad_signature"),
        (lambda: signed(BODY, at=time.time() - 600), 401, "stale"),
        (lambda: signed(BODY, at=time.time() + 900), 401, "stale"),
    ],
    ids=["unsigned", "tampered", "mis-signed", "stale", "early"],
)
async def test_what_is_not_authentic_leaves_a_counter_and_nothing_else(
    client: AsyncClient, web: str, sign: Callable[[], dict[str, str]], status: int, code: str
) -> None:
    before = refused("web", code)
    answer = await client.post(ADDRESS, content=BODY, headers=sign())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert refused("web", code) == before + 1
    assert await count(client) == 0


@pytest.mark.parametrize("body", [b"{", b"", b"\xc3\x28", b'{"a":"\\u0000"}', b"[" * 300, b"12"])
async def test_a_malformed_body_is_refused(client: AsyncClient, form: str, body: bytes) -> None:
    headers = {"x-channel-secret": "correct-horse", "content-type": "application/json"}
    answer = await client.post("/v1/intake/form", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_body")
    assert await count(client) == 0


async def test_another_media_type_is_refused(client: AsyncClient, form: str) -> None:
    headers = {"x-channel-secret": "correct-horse", "content-type": "text/xml"}
    answer = await client.post("/v1/intake/form", content=b"<a/>", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_an_oversized_body_is_refused(client: AsyncClient, web: str) -> None:
    before = refused("(unknown)", "payload_too_large") + refused("web", "payload_too_large")
    body = b'{"a":"' + b"x" * (1 << 20) + b'"}'
    answer = await client.post(ADDRESS, content=body, headers=signed(body))
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert refused("(unknown)", "payload_too_large") + refused("web", "payload_too_large") == before + 1

    async def chunks() -> Any:
        for _ in range(40):
            yield b"x" * (1 << 15)

    answer = await client.post(ADDRESS, content=chunks(), headers=signed(b"x"))
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    assert await count(client) == 0


@pytest.mark.parametrize("channel", ["nobody", "Web", "-", "x" * 80, "%00", "..%2F"])
async def test_an_unknown_channel_is_not_found(client: AsyncClient, web: str, channel: str) -> None:
    answer = await client.post(f"/v1/intake/{channel}", content=BODY, headers=signed(BODY))
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_unknown_channels_share_one_counter(client: AsyncClient, web: str) -> None:
    before = refused("(unknown)", "unknown_channel")
    for number in range(3):
        await client.post(f"/v1/intake/nobody-{number}", content=b"{}")
    assert refused("(unknown)", "unknown_channel") == before + 3


async def test_a_disabled_channel_is_not_found(client: AsyncClient, web: str) -> None:
    assert (await client.post(ADDRESS, content=BODY, headers=signed(BODY))).status_code == 202
    await client.patch("/v1/channels/web", json={"enabled": False})
    assert (await client.post(ADDRESS, content=BODY, headers=signed(BODY))).json()["code"] == "unknown_channel"
    await client.patch("/v1/channels/web", json={"enabled": True})
    assert (await client.post(ADDRESS, content=BODY, headers=signed(BODY))).status_code == 202


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_a_wrong_method_is_refused(client: AsyncClient, web: str, method: str) -> None:
    answer = await client.request(method, ADDRESS)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


async def test_the_secret_may_be_in_the_address_and_is_never_repeated(client: AsyncClient, form: str) -> None:
    body = {"email": "ada@example.com"}
    answer = await client.post("/v1/intake/form/correct-horse", json=body)
    assert answer.status_code == 202
    assert "correct-horse" not in (await client.get(f"/v1/deliveries/{answer.json()['id']}")).text
    answer = await client.post("/v1/intake/form/wrong-horse", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_secret")
    assert "wrong-horse" not in answer.text


async def test_credentials_are_not_stored(client: AsyncClient, form: str) -> None:
    headers = {"x-channel-secret": "correct-horse", "cookie": "session=topsecret", "authorization": "Bearer topsecret"}
    answer = await client.post("/v1/intake/form", json={"email": "a@b.example"}, headers=headers)
    stored = (await client.get(f"/v1/deliveries/{answer.json()['id']}")).text
    assert "correct-horse" not in stored
    assert "topsecret" not in stored


async def test_both_secrets_count_during_a_rotation(client: AsyncClient, web: str) -> None:
    new = "whsec_" + "B" * 32
    changed = await client.patch("/v1/channels/web", json={"secret": new})
    assert changed.json()["previous_secret_until"]
    for secret in (SECRET, new):
        assert (await client.post(ADDRESS, content=BODY, headers=signed(BODY, secret=secret))).status_code == 202
    newest = "whsec_" + "C" * 32
    await client.patch("/v1/channels/web", json={"secret": newest, "secret_overlap_hours": 0})
    assert (await client.post(ADDRESS, content=BODY, headers=signed(BODY, secret=new))).status_code == 401
    assert (await client.post(ADDRESS, content=BODY, headers=signed(BODY, secret=newest))).status_code == 202


async def test_a_secret_changed_elsewhere_counts_at_once(
    app: FastAPI, client: AsyncClient, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await client.post(ADDRESS, content=BODY, headers=signed(BODY))).status_code == 202
    # As if another process had changed it: this one is not told.
    monkeypatch.setattr(app.state.reception.directory, "forget", lambda _key: None)
    new = "whsec_" + "B" * 32
    await client.patch("/v1/channels/web", json={"secret": new})
    monkeypatch.undo()
    monkeypatch.setattr("service.intake.directory._LOOK_AGAIN_SECONDS", 0.0)
    assert (await client.post(ADDRESS, content=BODY, headers=signed(BODY, secret=new))).status_code == 202
