from __future__ import annotations

import orjson
import pytest
from httpx import AsyncClient
from jsonschema import Draft202012Validator

from service.outbound.catalogue import EVENT_TYPES


def valid(instance: object, schema: dict) -> None:
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(instance)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=list(EVENT_TYPES))
def test_an_example_is_what_its_schema_says(kind) -> None:
    valid(kind.example, kind.schema)
    assert kind.example["type"] == kind.type


async def test_the_catalogue_is_served(client: AsyncClient) -> None:
    answer = (await client.get("/v1/event-types")).json()
    assert [kind["type"] for kind in answer["data"]] == list(EVENT_TYPES)
    assert answer["data"][0]["schema"] == orjson.loads(orjson.dumps(EVENT_TYPES["lead.created"].schema))
    assert set(answer["data"][0]) == {"type", "description", "schema", "example"}


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
