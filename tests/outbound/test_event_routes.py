from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from httpx import AsyncClient

from service.core.ids import new_id

Publish = Callable[..., Awaitable[UUID]]


async def read(client: AsyncClient, **query: object) -> dict:
    answer = await client.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(page: dict) -> list[str]:
    return [event["id"] for event in page["data"]]


async def test_it_works(client: AsyncClient, publish: Publish) -> None:
    lead_id = new_id()
    event_id = await publish(lead_id=lead_id, type="lead.created", data={"lead": {"id": str(lead_id)}})
    page = await read(client)
    (event,) = page["data"]
    assert list(event) == ["id", "type", "timestamp", "recorded_at", "lead_id", "sequence", "data"]
    assert event["id"] == str(event_id)
    assert event["lead_id"] == str(lead_id)
    assert (event["type"], event["sequence"]) == ("lead.created", 1)
    assert event["data"] == {"lead": {"id": str(lead_id)}}
    assert event["timestamp"].endswith("Z")


async def test_an_event_of_no_lead_names_none(client: AsyncClient, publish: Publish) -> None:
    await publish(lead_id=None)
    assert (await read(client))["data"][0]["lead_id"] is None


async def test_pages_follow_each_other(client: AsyncClient, publish: Publish) -> None:
    written = [str(await publish()) for _ in range(5)]
    first = await client.get("/v1/events", params={"limit": 2})
    assert ids(first.json()) == written[:2]
    second = await client.get(first.links["next"]["url"])
    assert ids(second.json()) == written[2:4]
    third = await client.get("/v1/events", params={"limit": 2, "after": second.json()["next_cursor"]})
    assert ids(third.json()) == written[4:]
    assert "next" not in third.links


async def test_an_empty_page_gives_the_cursor_to_go_on_from(client: AsyncClient, publish: Publish) -> None:
    start = await read(client)
    assert start["data"] == []
    assert (await read(client, after=start["next_cursor"]))["next_cursor"] == start["next_cursor"]
    event_id = await publish()
    page = await read(client, after=start["next_cursor"])
    assert ids(page) == [str(event_id)]
    end = await read(client, after=page["next_cursor"])
    assert end == {"data": [], "next_cursor": page["next_cursor"]}


async def test_an_event_is_a_place_to_go_on_from(client: AsyncClient, publish: Publish) -> None:
    first, second = await publish(), await publish()
    assert ids(await read(client, after=first)) == [str(second)]
    assert ids(await read(client, after=first.hex)) == [str(second)]


async def test_types_are_filtered(client: AsyncClient, publish: Publish) -> None:
    created = str(await publish(type="lead.created"))
    updated = str(await publish(type="lead.updated"))
    moved = str(await publish(type="lead.stage_changed"))
    assert ids(await read(client, type="lead.updated")) == [updated]
    page = await read(client, type=["lead.created", "lead.stage_changed"])
    assert ids(page) == [created, moved]
    again = str(await publish(type="lead.created"))
    assert ids(await read(client, type=["lead.stage_changed", "lead.created"], after=page["next_cursor"])) == [again]


async def test_a_lead_is_filtered(client: AsyncClient, publish: Publish) -> None:
    lead_id = new_id()
    wanted = [str(await publish(lead_id=lead_id, sequence=number)) for number in (1, 2)]
    await publish()
    assert ids(await read(client, lead_id=lead_id)) == wanted


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"after": "nonsense"}, "?after", "invalid_cursor"),
        ({"after": str(new_id())}, "?after", "invalid_cursor"),
        ({"after": "x" * 5000}, "?after", "validation_failed"),
        ({"type": "lead.exploded"}, "?type", "validation_failed"),
        ({"lead_id": "me"}, "?lead_id", "validation_failed"),
        ({"limit": "501"}, "?limit", "validation_failed"),
        ({"limit": "0"}, "?limit", "validation_failed"),
        ({"sort": "id"}, "?sort", "validation_failed"),
    ],
)
async def test_a_wrong_question_is_refused(client: AsyncClient, query: dict, pointer: str, code: str) -> None:
    answer = await client.get("/v1/events", params=query)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == code
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_cursor_belongs_to_its_filter(client: AsyncClient, publish: Publish) -> None:
    await publish()
    cursor = (await read(client))["next_cursor"]
    answer = await client.get("/v1/events", params={"after": cursor, "type": "lead.created"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_cursor"


async def test_one_event_is_read(client: AsyncClient, publish: Publish) -> None:
    event_id = await publish()
    answer = await client.get(f"/v1/events/{event_id}")
    assert answer.json() == (await read(client))["data"][0]


async def test_an_unknown_event_is_not_found(client: AsyncClient) -> None:
    assert (await client.get(f"/v1/events/{new_id()}")).status_code == 404
    assert (await client.get("/v1/events/one")).status_code == 404


async def test_the_scope_is_needed(client: AsyncClient, key: Callable[..., Awaitable[str]]) -> None:
    headers = {"Authorization": f"Bearer {await key('stats:read')}"}
    for path in ("/v1/events", f"/v1/events/{new_id()}", "/v1/event-types"):
        assert (await client.get(path, headers=headers)).status_code == 403


async def test_the_feed_is_a_table_too(client: AsyncClient, publish: Publish) -> None:
    event_id = await publish(data={"lead": {"email": "anna@firma.de"}})
    answer = await client.get("/v1/events", headers={"Accept": "text/csv"})
    header, row = answer.text.splitlines()
    assert "data.lead.email" in header.split(",")
    assert row.startswith(str(event_id))
