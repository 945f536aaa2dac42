from __future__ import annotations

from typing import Any

import orjson
import pytest
from httpx import AsyncClient
from jsonschema import Draft202012Validator

from service.cli.openapi import document
from service.core import clock
from service.outbound.catalogue import EVENT_TYPES, EventType
from service.outbound.formats import standard
from service.outbound.signing import new_secret


def valid(instance: object, schema: dict) -> None:
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(instance)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=list(EVENT_TYPES))
def test_an_example_is_what_its_schema_says(kind: EventType) -> None:
    valid(kind.example, kind.schema)
    assert kind.example["type"] == kind.type


async def test_the_catalogue_is_served(client: AsyncClient) -> None:
    answer = (await client.get("/v1/event-types")).json()
    assert [kind["type"] for kind in answer["data"]] == list(EVENT_TYPES)
    assert answer["data"][0]["schema"] == orjson.loads(orjson.dumps(EVENT_TYPES["lead.created"].schema))
    assert set(answer["data"][0]) == {"type", "description", "schema", "example"}


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return document()


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=list(EVENT_TYPES))
def test_what_is_delivered_is_what_the_openapi_document_says(openapi: dict[str, Any], kind: EventType) -> None:
    operation = openapi["webhooks"][kind.type]["post"]
    told = operation["requestBody"]["content"]["application/json"]
    body = orjson.loads(standard.body_of(kind.example, standard.Settings()))
    assert body == told["example"]
    assert body["data"]["sequence"] == kind.example["sequence"]
    valid(body, {**told["schema"], "components": openapi["components"]})
    assert set(body["data"]) <= set(told["schema"]["properties"]["data"]["properties"])
    headers = [openapi["components"]["parameters"][one["$ref"].rpartition("/")[2]] for one in operation["parameters"]]
    signed = standard.signature_of(kind.example, b"{}", secrets=[new_secret()], attempted_at=clock.now())
    assert [header["name"] for header in headers] == list(signed)
    assert all(header["in"] == "header" and header["required"] for header in headers)
    for header in headers:
        Draft202012Validator(header["schema"]).validate(signed[header["name"]])


def test_every_type_is_a_webhook(openapi: dict[str, Any]) -> None:
    assert list(openapi["webhooks"]) == list(EVENT_TYPES)


async def test_what_the_service_writes_is_what_the_catalogue_says(client: AsyncClient) -> None:
    """Real changes of a real lead: each event fits its schema, and the lead in it has no field the schema does not know."""
    lead = (await client.post("/v1/leads", json={"email": "anna@firma.de", "channel": "web"})).json()
    await client.patch(f"/v1/leads/{lead['id']}", json={"job_title": "Head of Purchasing"})
    await client.post(f"/v1/leads/{lead['id']}/transitions", json={"event": "clean"})
    events = (await client.get("/v1/events")).json()["data"]
    assert [event["type"] for event in events] == ["lead.created", "lead.updated", "lead.stage_changed"]
    assert [event["sequence"] for event in events] == [1, 2, 3]
    for event in events:
        kind = EVENT_TYPES[event["type"]]
        valid(event, kind.schema)
        data = kind.schema["properties"]["data"]["properties"]
        assert set(event["data"]) <= set(data)
        assert set(event["data"]["lead"]) == set(data["lead"]["properties"])
        assert set(event["data"]["lead"]) == set(kind.example["data"]["lead"])
    current = (await client.get(f"/v1/leads/{lead['id']}")).json()
    assert set(events[-1]["data"]["lead"]) == set(current)
