"""Custom attributes: definitions, and what they ask of leads on every way in."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient

from service.leads.attributes.definitions import Definition, Unfit, exact, understood

TYPES = [
    {"key": "seats", "type": "number"},
    {"key": "plan", "type": "choice", "choices": ["free", "pro", "Enterprise Plus"]},
    {"key": "renewal", "type": "date", "label": "Renewal"},
    {"key": "trial", "type": "boolean"},
    {"key": "行业/细分", "type": "text"},
]


@pytest.fixture
def define(client: AsyncClient):
    async def send(**body: Any) -> dict[str, Any]:
        answer = await client.post("/v1/attributes", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return send


@pytest.fixture
async def defined(define):
    return [await define(**body) for body in TYPES]


async def test_it_works(client: AsyncClient, define, create):
    made = await define(key="seats", type="number", label="Seats")
    assert {name: made[name] for name in ("key", "type", "label", "choices", "defined", "count", "unfit")} == {
        "key": "seats", "type": "number", "label": "Seats", "choices": None, "defined": True, "count": 0, "unfit": 0,
    }  # fmt: skip
    lead = await create(email="ada@example.com", attributes={"seats": 12, "other": "x"})
    assert lead["attributes"] == {"seats": 12, "other": "x"}
    listed = (await client.get("/v1/attributes")).json()
    assert [(one["key"], one["type"], one["defined"], one["count"]) for one in listed["data"]] == [
        ("other", "text", False, 1),
        ("seats", "number", True, 1),
    ]
    assert (await client.get("/v1/attributes/seats")).json() == listed["data"][1]
    assert (await client.patch("/v1/attributes/seats", json={"label": None})).json()["label"] is None
    assert (await client.delete("/v1/attributes/seats")).status_code == 204
    assert [one["defined"] for one in (await client.get("/v1/attributes")).json()["data"]] == [False, False]
    assert (await create(email="ada@example.com", attributes={"seats": "many"}))["attributes"]["seats"] == 12


async def test_the_api_refuses_values_of_another_type(client: AsyncClient, defined, create):
    wrong: dict[str, list[Any]] = {
        "seats": ["10", True, [1], {"a": 1}],
        "plan": ["Pro", "gold", 1, ""],
        "renewal": ["2026-02-30", "2026-1-1", "tomorrow", 20260101, "2026-01-01T00:00:00Z"],
        "trial": ["true", 1, 0],
        "行业/细分": [1, ["a"], False],
    }
    lead = await create(email="ada@example.com")
    for key, values in wrong.items():
        pointer = "/attributes/" + key.replace("/", "~1")
        for value in values:
            body = {"attributes": {key: value, "free": value}}
            for answer in (
                await client.post("/v1/leads", json={"email": "bob@example.com"} | body),
                await client.patch(f"/v1/leads/{lead['id']}", json=body),
                await client.put("/v1/leads/by-external-id/crm/1", json=body),
            ):
                assert answer.status_code == 422, (key, value, answer.text)
                assert answer.json()["code"] == "validation_failed"
                assert answer.json()["errors"][0]["pointer"] == pointer, (key, value)
    assert len((await client.get("/v1/leads")).json()["data"]) == 1


async def test_all_wrong_attributes_are_named_and_a_batch_goes_on(client: AsyncClient, defined):
    items = [{"email": "a@example.com", "attributes": {"seats": "x", "trial": "y"}}, {"email": "b@example.com"}]
    data = (await client.post("/v1/leads/batch", json=items)).json()["data"]
    assert [one["status"] for one in data] == [422, 201]
    assert [one["pointer"] for one in data[0]["problem"]["errors"]] == ["/attributes/seats", "/attributes/trial"]


async def test_a_null_clears_whatever_the_type(client: AsyncClient, defined, create):
    lead = await create(email="ada@example.com", attributes={"seats": 10.0, "plan": "pro", "renewal": "2026-01-31"})
    assert lead["attributes"] == {"seats": 10, "plan": "pro", "renewal": "2026-01-31"}
    answer = await client.patch(f"/v1/leads/{lead['id']}", json={"attributes": {"plan": None, "seats": 0.5}})
    assert answer.json()["attributes"] == {"seats": 0.5, "renewal": "2026-01-31"}
    assert "trial" not in (await create(email="x@example.com", attributes={"trial": None}))["attributes"]


async def test_webhooks_are_read_generously_and_what_cannot_be_read_is_put_aside(client: AsyncClient, defined, worker):
    channel = (await client.post("/v1/channels", json={"key": "form", "vendor": "generic"})).json()
    form = {
        "email": "ada@example.com",
        "seats": " 12 ",
        "plan": "enterprise  plus",
        "renewal": "31.01.2026",
        "trial": "Ja",
    }
    more = {"email": "bob@example.com", "seats": "a dozen", "plan": "", "color": "red"}
    for body in (form, more):
        headers = {"X-Secret": channel["secret"], "Authorization": f"Bearer {channel['secret']}"}
        answer = await client.post(channel["intake_url"], json=body, headers=headers)
        assert answer.status_code < 300, answer.text
    await worker()
    bob, ada = (await client.get("/v1/leads")).json()["data"]
    assert ada["attributes"] == {"seats": 12, "plan": "Enterprise Plus", "renewal": "2026-01-31", "trial": True}
    assert (ada["stage"], ada["verdict_reasons"]) == ("cleaned", [])
    assert "seats" not in bob["attributes"]
    assert bob["attributes"]["color"] == "red"
    assert bob["verdict_reasons"] == ["attribute_invalid"]
    assert bob["stage"] == "cleaned"
    assert bob["raw"]["attributes.seats"] == "a dozen"
    answer = await client.patch(f"/v1/leads/{bob['id']}", json={"attributes": {"seats": 12}})
    assert "attributes.seats" not in answer.json()["raw"]


async def test_what_was_there_before_stays_and_is_counted(client: AsyncClient, define, create):
    for number, value in enumerate(["free", "pro", "gold", 7]):
        await create(
            email=f"p{number}@example.com", attributes={"plan": value, "born": "2000-01-01", "n": 1, "b": True}
        )
    guessed = {one["key"]: one["type"] for one in (await client.get("/v1/attributes")).json()["data"]}
    assert guessed == {"plan": "text", "born": "date", "n": "number", "b": "boolean"}
    made = await define(key="plan", type="choice", choices=["free", "pro", "gold"])
    assert (made["count"], made["unfit"]) == (4, 1)
    answer = await client.patch("/v1/attributes/plan", json={"choices": ["free", "pro"]})
    assert (answer.json()["choices"], answer.json()["unfit"]) == (["free", "pro"], 2)
    for kind, unfit in (("number", 4), ("boolean", 4), ("text", 0), ("date", 0)):
        await define(key="born", type=kind)
        assert (await client.get("/v1/attributes/born")).json()["unfit"] == unfit, kind
        await client.delete("/v1/attributes/born")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"type": "text"}, "/key"),
        ({"key": "", "type": "text"}, "/key"),
        ({"key": "a,b", "type": "text"}, "/key"),
        ({"key": "seats_gte", "type": "number"}, "/key"),
        ({"key": "a\nb", "type": "text"}, "/key"),
        ({"key": "x" * 101, "type": "text"}, "/key"),
        ({"key": "a", "type": "money"}, "/type"),
        ({"key": "a", "type": "choice"}, ""),
        ({"key": "a", "type": "text", "choices": ["x"]}, ""),
        ({"key": "a", "type": "choice", "choices": []}, "/choices"),
        ({"key": "a", "type": "choice", "choices": ["x", "X"]}, "/choices"),
        ({"key": "a", "type": "text", "mood": "good"}, "/mood"),
    ],
)
async def test_a_wrong_definition_is_refused(client: AsyncClient, body: dict[str, Any], pointer: str):
    answer = await client.post("/v1/attributes", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_refusals(client: AsyncClient, define):
    await define(key="a/b?c", type="text")
    assert (await client.get("/v1/attributes/a%2Fb%3Fc")).json()["key"] == "a/b?c"
    again = await client.post("/v1/attributes", json={"key": "a/b?c", "type": "date"})
    assert (again.status_code, again.json()["code"]) == (409, "attribute_exists")
    assert (await client.patch("/v1/attributes/a%2Fb%3Fc", json={"choices": ["x"]})).status_code == 422
    assert (await client.patch("/v1/attributes/a%2Fb%3Fc", json={"type": "date"})).status_code == 422
    for method in ("GET", "DELETE", "PATCH"):
        answer = await client.request(method, "/v1/attributes/none", **({"json": {}} if method == "PATCH" else {}))
        assert (answer.status_code, answer.json()["code"]) == (404, "attribute_not_found"), method


async def test_who_may(app, key):
    from httpx import ASGITransport

    async def status(method: str, *scopes: str, **more: Any) -> int:
        headers = {"Authorization": f"Bearer {await key(*scopes)}"}
        async with AsyncClient(transport=ASGITransport(app=app), base_url="http://leads.test", headers=headers) as one:
            return (await one.request(method, "/v1/attributes", **more)).status_code

    assert await status("GET", "leads:read") == 200
    assert await status("GET", "stats:read") == 403
    assert await status("POST", "leads:write", json={"key": "a", "type": "text"}) == 403


async def test_pages(client: AsyncClient, define, create):
    for name in ("b", "d", "f"):
        await define(key=name, type="text")
    await create(email="a@example.com", attributes=dict.fromkeys(("a", "c", "e", "f", "Z"), "x"))
    seen, address = [], "/v1/attributes?limit=2"
    while address:
        answer = await client.get(address)
        seen += [one["key"] for one in answer.json()["data"]]
        address = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == ["Z", "a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    ("kind", "given", "meant"),
    [
        ("number", "1e3", 1000),
        ("number", "-0.5", -0.5),
        ("number", "１２", 12),
        ("number", ["7"], 7),
        ("date", "2026-3-1", "2026-03-01"),
        ("date", "2026-03-01T23:30:00+08:00", "2026-03-01"),
        ("date", "20260301", "2026-03-01"),
        ("date", "2026年3月1日", "2026-03-01"),
        ("boolean", "是", True),
        ("boolean", "OFF", False),
        ("boolean", 1, True),
        ("text", 12.0, "12"),
        ("text", ["a", 2], "a, 2"),
        ("text", True, "true"),
        ("text", "  ", None),
        ("choice", " PRO ", "pro"),
        ("choice", "", None),
        ("choice", None, None),
    ],
)
def test_what_is_understood(kind: Any, given: Any, meant: Any):
    definition = Definition("a", kind, ("free", "pro"))
    found = understood(definition, given)
    assert (found, type(found)) == (meant, type(meant))
    if found is not None:
        assert exact(definition, found) == found


@pytest.mark.parametrize(
    ("kind", "given"),
    [("number", "1,5"), ("number", "1e999"), ("number", "NaN"), ("number", [1, 2]), ("date", "03/04/2026"), ("date", "2026-02-30"),
     ("date", 5), ("boolean", "maybe"), ("boolean", 2), ("text", {"a": 1}), ("choice", "gold"), ("choice", ["free", "pro"])],
)  # fmt: skip
def test_what_is_not_understood(kind: Any, given: Any):
    with pytest.raises(Unfit):
        understood(Definition("a", kind, ("free", "pro")), given)
