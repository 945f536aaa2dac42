from __future__ import annotations

import asyncio
from typing import Any

import pytest
from httpx import AsyncClient
from jsonschema import Draft202012Validator

from service.channels.registry import ADAPTERS
from service.channels.standard_webhooks import secret_fault


async def create(client: AsyncClient, **given: Any) -> Any:
    return await client.post(
        "/v1/channels", json={"key": "web", "vendor": "generic", "secret": "correct-horse"} | given
    )


async def test_it_works(client: AsyncClient) -> None:
    given = {
        "name": "The web form",
        "settings": {"dedupe": "entry.id"},
        "mapping": {"email": "contact.mail"},
        "defaults": {"campaign": "spring", "country": "DE"},
        "policy": {"auto_clean": False, "default_region": "DE"},
    }
    made = await create(client, **given)
    assert made.status_code == 201, made.text
    shown = made.json()
    assert shown["has_secret"] is True
    assert shown["secret"] is None
    assert shown["intake_url"] == "http://leads.test/v1/intake/web"
    assert shown["mapping"] == given["mapping"]
    assert shown["defaults"] == given["defaults"]
    assert shown["policy"] == given["policy"] | {"on_match": "attach"}
    assert "correct-horse" not in made.text
    read = (await client.get("/v1/channels/web")).json()
    assert {k: v for k, v in read.items() if k not in {"figures", "silent_since"}} == {
        k: v for k, v in shown.items() if k != "secret"
    }
    assert [one["key"] for one in (await client.get("/v1/channels")).json()["data"]] == ["web"]


async def test_a_secret_is_made_and_shown_once(client: AsyncClient) -> None:
    made = (await client.post("/v1/channels", json={"key": "signed", "vendor": "standard-webhooks"})).json()
    assert secret_fault(made["secret"]) is None
    assert made["secret"] in made["curl"]
    assert made["secret"] not in (await client.get("/v1/channels/signed")).text


async def test_a_secret_in_the_address_is_part_of_it_once(client: AsyncClient) -> None:
    made = (
        await client.post("/v1/channels", json={"key": "u", "vendor": "generic", "settings": {"place": "url"}})
    ).json()
    assert made["intake_url"] == f"http://leads.test/v1/intake/u/{made['secret']}"
    assert (await client.get("/v1/channels/u")).json()["intake_url"] == "http://leads.test/v1/intake/u/{secret}"


async def test_types_are_listed_with_their_settings(client: AsyncClient) -> None:
    types = {one["vendor"]: one for one in (await client.get("/v1/channel-types")).json()["data"]}
    assert set(types) == set(ADAPTERS)
    assert types["generic"]["settings"]["properties"]["place"]["enum"] == ["any", "header", "basic", "url"]
    assert types["standard-webhooks"]["makes_secret"] is True
    assert types["standard-webhooks"]["proofs"] == ["signature"]
    assert types["generic"]["proofs"] == ["header", "basic", "url"]
    assert [vendor for vendor in types if types[vendor]["handshake"]] == [
        "intercom", "linkedin", "mailchimp", "meta", "slack", "wechat", "wecom",
    ]  # fmt: skip
    assert [vendor for vendor in types if types[vendor]["fetches"]] == ["hubspot", "linkedin", "meta", "wecom"]
    for one in types.values():
        Draft202012Validator.check_schema(one["settings"])
        assert one["title"]
        assert one["setup"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"key": "Web"}, "/key"),
        ({"key": "-web"}, "/key"),
        ({"key": "w" * 64}, "/key"),
        ({"vendor": "nobody"}, "/vendor"),
        ({"secret": "short"}, "/secret"),
        ({"secret": "ümlaut-secret"}, "/secret"),
        ({"vendor": "standard-webhooks", "secret": "correct-horse"}, "/secret"),
        ({"colour": "red"}, "/colour"),
        ({"settings": {"colour": "red"}}, "/settings/colour"),
        ({"settings": {"place": "moon"}}, "/settings/place"),
        ({"settings": {"dedupe": "a["}}, "/settings/dedupe"),
        ({"mapping": {"email": "a["}}, "/mapping/email"),
        ({"mapping": {"stage": "a"}}, "/mapping/stage"),
        ({"mapping": {"attributes.a/b": "["}}, "/mapping/attributes.a~1b"),
        ({"defaults": {"email": "a@b.example"}}, "/defaults/email"),
        ({"defaults": {"country": "Atlantis"}}, "/defaults/country"),
        ({"policy": {"default_region": "Germany"}}, "/policy/default_region"),
        ({"policy": {"on_match": "overwrite"}}, "/policy/on_match"),
    ],
)
async def test_what_is_wrong_is_named(client: AsyncClient, given: dict[str, Any], pointer: str) -> None:
    answer = await create(client, **given)
    assert answer.status_code == 422, answer.text
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]
    assert (await client.get("/v1/channels")).json()["data"] == []


async def test_a_key_is_taken_once(client: AsyncClient) -> None:
    answers = await asyncio.gather(*(create(client) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"channel_exists"}


async def test_a_patch_is_a_merge_patch(client: AsyncClient) -> None:
    await create(
        client, name="Form", mapping={"email": "a", "phone": "b"}, defaults={"campaign": "x", "utm": {"source": "s"}}
    )
    patch = {
        "name": None,
        "mapping": {"email": None, "country": "c"},
        "defaults": {"utm": {"medium": "m"}},
        "policy": {"auto_clean": False},
    }
    changed = (await client.patch("/v1/channels/web", json=patch)).json()
    assert changed["name"] is None
    assert changed["mapping"] == {"phone": "b", "country": "c"}
    assert changed["defaults"] == {"campaign": "x", "utm": {"source": "s", "medium": "m"}}
    assert changed["policy"]["auto_clean"] is False
    assert changed["has_secret"] is True
    assert (await client.patch("/v1/channels/web", json={"mapping": None})).json()["mapping"] == {}


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({"key": "other"}, "/key"),
        ({"vendor": "standard-webhooks"}, "/vendor"),
        ({"secret": None}, "/secret"),
        ({"secret": "short"}, "/secret"),
        ({"enabled": None}, "/enabled"),
        ({"mapping": {"email": "a["}}, "/mapping/email"),
        ({"settings": {"place": "moon"}}, "/settings/place"),
        ({"secret_overlap_hours": -1}, "/secret_overlap_hours"),
    ],
)
async def test_a_patch_that_is_wrong_changes_nothing(client: AsyncClient, patch: dict[str, Any], pointer: str) -> None:
    before = (await create(client)).json()
    answer = await client.patch("/v1/channels/web", json=patch)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.get("/v1/channels/web")).json()["updated_at"] == before["updated_at"]


async def test_a_deleted_channel_is_gone_and_its_key_is_free(client: AsyncClient) -> None:
    await create(client, mapping={"email": "a"})
    assert (await client.delete("/v1/channels/web")).status_code == 204
    assert (await client.get("/v1/channels/web")).status_code == 404
    assert (await client.delete("/v1/channels/web")).status_code == 404
    assert (await client.patch("/v1/channels/web", json={})).status_code == 404
    assert (
        await client.post("/v1/intake/web", json={}, headers={"x-channel-secret": "correct-horse"})
    ).status_code == 404
    assert (await create(client)).json()["mapping"] == {}


async def test_channels_are_for_admins(client: AsyncClient, key: Any) -> None:
    weak = {"Authorization": f"Bearer {await key('leads:read', 'leads:write')}"}
    for path in ("/v1/channels", "/v1/channels/web", "/v1/channel-types", "/v1/deliveries"):
        assert (await client.get(path, headers=weak)).status_code == 403
    assert (await client.post("/v1/channels", json={}, headers=weak)).status_code == 403


async def test_lists_come_in_pages(client: AsyncClient) -> None:
    for number in range(5):
        await create(client, key=f"web-{number}")
    seen, cursor = [], None
    while True:
        page = (await client.get("/v1/channels", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [one["key"] for one in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"web-{number}" for number in range(5)]
