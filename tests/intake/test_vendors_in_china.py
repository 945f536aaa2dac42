"""Vendors in China over HTTP: what they receive from us, to the byte, and what of theirs is written down."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx import AsyncClient

from service.core import clock
from tests.channels.documented.baidu import LEAD
from tests.channels.documented.wecom import AES_KEY, CORP, encrypt, sign

TOKEN = "0f8b3c1d9e7a4652b8d0c6f1a2e3947b"


async def channel(client: AsyncClient, vendor: str, **known: Any) -> dict[str, Any]:
    made = await client.post("/v1/channels", json={"key": vendor, "vendor": vendor, **known})
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


async def test_wecom_verifies_the_address_and_sees_its_text_bare(client: AsyncClient) -> None:
    settings = {"encoding_aes_key": AES_KEY, "corp_id": CORP}
    made = await channel(client, "wecom", secret=TOKEN, settings=settings)
    assert AES_KEY not in json.dumps(made)
    stamp, echo = str(int(clock.now().timestamp())), encrypt(b"1616140317555161061")
    asked = {"msg_signature": sign(TOKEN, stamp, "n", echo), "timestamp": stamp, "nonce": "n", "echostr": echo}
    answer = await client.get(f"/v1/intake/wecom?{urlencode(asked)}")
    assert (answer.status_code, answer.content) == (200, b"1616140317555161061")
    refused = await client.get(f"/v1/intake/wecom?{urlencode(asked | {'nonce': 'm'})}")
    assert 400 <= refused.status_code < 500
    assert "161614" not in refused.text


async def test_baidu_hears_success_and_its_token_is_not_written_down(client: AsyncClient) -> None:
    await channel(client, "baidu", secret=TOKEN)
    answer = await client.post("/v1/intake/baidu", json=LEAD | {"token": TOKEN})
    assert (answer.status_code, answer.content) == (200, b'{"code":0,"message":"success"}')
    (kept,) = (await client.get("/v1/deliveries?channel=baidu")).json()["data"]
    whole = await client.get(f"/v1/deliveries/{kept['id']}")
    assert "5f1e6b0a9d" in whole.text
    assert TOKEN not in whole.text
    refused = await client.post("/v1/intake/baidu", json=LEAD | {"token": "guess"})
    assert 400 <= refused.status_code < 500


@pytest.mark.parametrize(
    ("vendor", "body"),
    [("tencent-ads", {"leads_id": 1}), ("jinshuju", {"form": "f", "entry": {"token": "t"}}), ("tencent-wenjuan", {})],
)
async def test_a_secret_address_is_asked_for(client: AsyncClient, vendor: str, body: object) -> None:
    made = await channel(client, vendor)
    assert made["intake_url"].endswith(f"/v1/intake/{vendor}/{made['secret']}")
    assert (await client.post(f"/v1/intake/{vendor}/{made['secret']}", json=body)).status_code == 200
    for address in (f"/v1/intake/{vendor}", f"/v1/intake/{vendor}/{'x' * 43}"):
        assert 400 <= (await client.post(address, json=body)).status_code < 500


async def test_a_push_key_comes_from_the_vendor(client: AsyncClient) -> None:
    unkeyed = await client.post("/v1/channels", json={"key": "w", "vendor": "wenjuanxing"})
    assert unkeyed.status_code == 422
    await channel(client, "wenjuanxing", secret=TOKEN)
    sent = {"activity": "1", "index": "1", "joinid": "9"}
    signature = hashlib.sha1(f"11{TOKEN}".encode(), usedforsecurity=False).hexdigest()
    assert (await client.post("/v1/intake/wenjuanxing", json=sent | {"sign": signature})).text == "success"
