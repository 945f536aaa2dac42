"""A lead alone is of a segment exactly when the lead list, which asks the database, says so."""

from __future__ import annotations

from typing import Any

import pytest
from httpx import AsyncClient

from service.stats.segments.checking import segment_of
from service.stats.segments.matching import belongs

PEOPLE: list[dict[str, Any]] = [
    {"company": {"industry": "steel", "country": "DE", "size": "51-200"}, "tags": ["fair", "vip"], "channel": "web"},
    {"company": {"industry": "steel", "country": "AT"}, "attributes": {"seats": 10, "since": "2026-01-31"}},
    {"owner": "eve", "attributes": {"seats": 9.5, "plan": "pro", "trial": True}},
    {"tags": ["fair"], "attributes": {"seats": "many", "since": "soon"}},
    {},
]
FILTERS: list[dict[str, Any]] = [
    {"industry": ["steel"]},
    {"industry": ["steel", None], "country": ["DE", None]},
    {"company_size": "51-200"},
    {"tag": ["vip"]},
    {"tag": [None]},
    {"owner": ["eve"]},
    {"score_band": ["below-25"]},
    {"score_band": ["from-75"]},
    {"entry_stage": ["acquired"]},
    {"attributes.seats": [10]},
    {"attributes.seats_gte": 9.5},
    {"attributes.seats_lt": 10},
    {"attributes.trial": True},
    {"attributes.since_gte": "2026-01-01"},
    {"attributes.plan": [None]},
    {"channel": [None]},
]


async def test_it_agrees_with_the_lead_list(client: AsyncClient) -> None:
    leads = {}
    for number, person in enumerate(PEOPLE):
        made = await client.post("/v1/leads", json={"email": f"p{number}@example.com", **person})
        assert made.status_code == 201, made.text
        leads[made.json()["id"]] = made.json()
    for number, filters in enumerate(FILTERS):
        kept = await client.post("/v1/segments", json={"key": f"s{number}", "filters": filters})
        assert kept.status_code == 201, kept.text
        listed = (await client.get("/v1/leads", params={"segment": f"s{number}"})).json()["data"]
        segment = segment_of("", kept.json()["filters"])
        told = {lead_id for lead_id, lead in leads.items() if belongs(segment, lead)}
        assert told == {lead["id"] for lead in listed}, filters


def test_a_later_journey_is_of_no_entry_stage() -> None:
    assert not belongs(segment_of("", {"entry_stage": ["acquired"]}), {"journey": 2})


@pytest.mark.parametrize("value", [None, True, "ten"])
def test_what_is_no_number_is_on_no_side(value: Any) -> None:
    segment = segment_of("", {"attributes.seats_gte": ["1"]})
    assert not belongs(segment, {"attributes": {"seats": value}})
