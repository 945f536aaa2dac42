"""The shell line that a new channel answers with, run as it is by a shell, against the running service: for every vendor."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import uvicorn
from fastapi import FastAPI
from httpx import AsyncClient

from service.channels.registry import ADAPTERS
from tests.channels.deliveries import SECRET
from tests.channels.samples import SAMPLES
from tests.intake.vendors.standin import Answer, StandIn, stand_in

_AES_KEY: Final = base64.b64encode(bytes(range(32))).decode().removesuffix("=")
# What has to be set before such a channel can be made.
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "meta": {"verify_token": "a verify token"},
    "salesforce": {"organization_id": "00D000000000001AAA"},
    "wecom": {"corp_id": "wx5823bf96d3bd56c7", "encoding_aes_key": _AES_KEY},
}
# Another way to guard a channel of the vendor's: each has a line of its own.
VARIANTS: Final[list[tuple[str, dict[str, Any]]]] = [
    *((vendor, SETTINGS.get(vendor, {})) for vendor in ADAPTERS),
    ("generic", {"place": "url"}),
    ("generic", {"place": "basic"}),
    ("generic", {"place": "header", "header": "x-our-own"}),
    ("gravity-forms", {"place": "basic"}),
    ("gravity-forms", {"place": "url"}),
    ("feiyu", {"proof": "token"}),
    ("feiyu", {"proof": "signature", "token": "feiyu-token"}),
    ("tally", {"place": "url"}),
    ("tiktok", {"guard": "url"}),
    ("webflow", {"signed": False}),
    ("wechat", {"app_id": "wx5823bf96d3bd56c7", "encoding_aes_key": _AES_KEY}),
    ("baidu", {"reply": "text"}),
]
# What the lines take from the environment besides the secret: write-only settings, which no answer may repeat.
_ENVIRONMENT: Final = {"ENCODING_AES_KEY": _AES_KEY, "TOKEN": "feiyu-token"}
# These vendors send ids only: what they answer to all that is asked is what they document.
_IDS_ONLY: Final = {"meta", "linkedin", "hubspot"}


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """Serve the application on a real socket."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.fixture
async def vendors_api() -> AsyncIterator[StandIn]:
    async with stand_in() as vendor:
        yield vendor


async def shell(line: str, **variables: str) -> str:
    """Run a line as an operator would paste it, and return what it prints."""
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", line, env={"PATH": os.environ["PATH"], **variables},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err.decode()
    assert err == b""
    return out.decode()


@pytest.mark.parametrize(
    ("vendor", "chosen"), VARIANTS, ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value))
)
async def test_the_line_works(
    client: AsyncClient,
    address: str,
    worker,
    vendors_api: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    vendor: str,
    chosen: dict[str, Any],
) -> None:
    if vendor in _IDS_ONLY:
        documented = Answer(next(iter(SAMPLES[vendor]().fetched.values())))
        monkeypatch.setattr(vendors_api, "next_answer", lambda _: documented)
        chosen = chosen | {"base_url": vendors_api.address, "access_token": "an-access-token"}
    given = {"key": "a-channel", "vendor": vendor, "settings": chosen}
    made = await client.post(f"{address}/v1/channels", json=given)
    variables = dict(_ENVIRONMENT)
    if made.status_code == 422:
        assert ADAPTERS[vendor].new_secret() is None, made.text
        made = await client.post(f"{address}/v1/channels", json=given | {"secret": SECRET})
        variables["SECRET"] = SECRET
    assert made.status_code == 201, made.text
    line = made.json()["curl"].replace("http://leads.test", address)
    answer = await shell(line + " -w '\\n%{http_code}'", **variables)
    assert answer.rpartition("\n")[2] in {"200", "202"}, answer
    delivery = (await client.get("/v1/deliveries")).json()["data"]
    assert len(delivery) == 1
    await worker()
    delivery = (await client.get("/v1/deliveries")).json()["data"]
    assert delivery[0]["status"] == "processed", json.dumps(delivery[0], indent=1)
    lead = (await client.get(f"/v1/leads/{delivery[0]['lead_ids'][0]}")).json()
    assert lead["external_ids"] or lead["email"]


def test_every_vendor_has_a_line() -> None:
    assert {vendor for vendor, _ in VARIANTS} == set(ADAPTERS)


@pytest.mark.parametrize("vendor", ADAPTERS)
async def test_nothing_write_only_is_ever_shown(client: AsyncClient, vendor: str) -> None:
    schema = ADAPTERS[vendor].Settings.model_json_schema()["properties"]
    hidden = {name: _AES_KEY for name, known in schema.items() if known.get("writeOnly")}
    needed = {"app_id": "wx5823bf96d3bd56c7"} if vendor == "wechat" else SETTINGS.get(vendor, {})
    given = {"key": "a-channel", "vendor": vendor, "settings": needed | hidden}
    secret = ADAPTERS[vendor].new_secret() or SECRET
    made = await client.post("/v1/channels", json=given | {"secret": secret})
    assert made.status_code == 201, made.text
    changed = await client.patch("/v1/channels/a-channel", json={"name": "x"})
    for answer in (made, changed, await client.get("/v1/channels/a-channel"), await client.get("/v1/channels")):
        assert answer.status_code < 300
        assert secret not in answer.text
        assert _AES_KEY not in answer.text
