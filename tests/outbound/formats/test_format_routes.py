from __future__ import annotations

from httpx import AsyncClient

from service.outbound.formats.registry import FORMATS


async def test_it_works(client: AsyncClient) -> None:
    answer = await client.get("/v1/webhook-formats")
    assert answer.status_code == 200, answer.text
    listed = {one["format"]: one for one in answer.json()["data"]}
    assert list(listed) == list(FORMATS)
    assert (listed["standard"]["signed"], listed["meta-capi"]["signed"]) == (True, False)
    assert listed["standard"]["types"] is None
    assert listed["feiyu"]["types"] == ["lead.created", "lead.stage_changed"]
    assert listed["meta-capi"]["settings"]["properties"]["access_token"]["writeOnly"] is True
    assert "Converted" in listed["meta-capi"]["settings"]["properties"]["event_names"]["default"].values()
