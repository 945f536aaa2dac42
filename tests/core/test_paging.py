"""Pages: every row once, in order, and cursors that cannot be bent."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from httpx import AsyncClient

from service.core.errors import Invalid
from service.core.http.paging import decode, encode
from service.core.ids import new_id


@pytest.fixture
async def seven(api: AsyncClient) -> list[str]:
    return [(await api.post("/v1/notes", json={"text": f"note {number}"})).json()["id"] for number in range(7)]


async def test_it_works(api: AsyncClient, seven):
    body = (await api.get("/v1/notes")).json()

    assert [note["id"] for note in body["data"]] == seven
    assert body["next_cursor"] is None


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_pages_join_without_a_gap(api: AsyncClient, seven, limit):
    seen, address = [], f"/v1/notes?limit={limit}"
    while address:
        response = await api.get(address)
        seen += [note["id"] for note in response.json()["data"]]
        address = response.links.get("next", {}).get("url")
        assert (address is None) == (response.json()["next_cursor"] is None)

    assert seen == seven


async def test_the_link_keeps_the_filters_and_the_public_address(api: AsyncClient, seven, notes, settings):
    response = await api.get("/v1/notes", params={"limit": 2, "q": "note"})
    assert response.links["next"]["url"].startswith("http://notes.test/v1/notes?limit=2&q=note&cursor=")

    notes.state.settings = type(settings)(public_url="https://leads.example/base/")
    response = await api.get("/v1/notes", params={"limit": 2})
    assert response.links["next"]["url"].startswith("https://leads.example/base/v1/notes?limit=2&cursor=")


async def test_a_cursor_belongs_to_its_filter(api: AsyncClient, seven):
    cursor = (await api.get("/v1/notes", params={"limit": 2, "q": "note"})).json()["next_cursor"]

    assert (await api.get("/v1/notes", params={"limit": 5, "q": "note", "cursor": cursor})).status_code == 200
    for q in ({}, {"q": "other"}):
        response = await api.get("/v1/notes", params={"cursor": cursor} | q)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_cursor")
        assert response.json()["errors"][0]["pointer"] == "?cursor"


@pytest.mark.parametrize("cursor", ["", "x", "=", "%", "////", "a" * 5000, "käse", "e30", "W10", "-" * 40])
async def test_nonsense_is_refused(api: AsyncClient, cursor):
    response = await api.get("/v1/notes", params={"cursor": cursor})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "?cursor"


def test_every_changed_byte_is_noticed():
    filters = {"stage": "won", "limit": None}
    cursor = encode([new_id(), 5], filters)
    raw = bytearray(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))

    for index in range(len(raw)):
        changed = bytearray(raw)
        changed[index] ^= 1
        with pytest.raises(Invalid):
            decode(urlsafe_b64encode(changed).rstrip(b"=").decode(), filters)


def test_values_come_back_as_they_were():
    values = [datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), new_id(), Decimal("1.50"), 2**40, "käse", None, 1.5]

    assert decode(encode(values, {"a": UUID(int=1)}), {"a": UUID(int=1), "b": None}) == values


def test_values_must_be_of_their_kind():
    cursor = encode(["2026", new_id()], {})

    assert decode(cursor, {}, str, UUID)[0] == "2026"
    for kinds in ((datetime, UUID), (str,), (str, UUID, str)):
        with pytest.raises(Invalid):
            decode(cursor, {}, *kinds)


@pytest.mark.parametrize(("value", "kind"), [(True, int), (datetime(2026, 1, 1), datetime), (1.5, int), ("7", int)])  # noqa: DTZ001
def test_a_forged_cursor_cannot_bring_a_value_the_database_would_choke_on(value: object, kind: type):
    with pytest.raises(Invalid):
        decode(encode([value], {}), {}, kind)
