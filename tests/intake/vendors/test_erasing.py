"""Whatever vendor somebody came from, erasing them leaves no trace."""

from __future__ import annotations

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from service.channels.registry import ADAPTERS
from tests.channels.documented import mautic
from tests.channels.samples import SAMPLES
from tests.intake.vendors.door import Work, leads, make_channel, paths_of, send
from tests.intake.vendors.standin import Answer, stand_in
from tests.leads.privacy.scanning import traces

# A delivery's key says what a vendor's repetition is recognised by, and is kept: the vendor's own id of the submission, never an address.
KEPT = {"deliveries.dedupe_key", "delivery_keys.dedupe_key"}


@pytest.mark.parametrize("name", sorted(ADAPTERS))
async def test_no_trace_is_left(
    name: str, client: AsyncClient, vendor: AsyncClient, worker: Work, engine: AsyncEngine
) -> None:
    one = SAMPLES[name]()
    async with stand_in() as api:
        for path, answer in paths_of(one).items():
            api.tell(path, Answer(answer))
        await make_channel(client, one, **({"base_url": api.address} if one.fetched else {}))
        await send(vendor, one)
        await send(vendor, one)
        await worker()
    known = await leads(client)
    told = {str(lead[name]).lower() for lead in known for name in ("email", "full_name") if lead[name]}
    told |= {lead["phone"][-8:] for lead in known if lead["phone"]}
    ids = {str(value).lower() for lead in known for value in lead["external_ids"].values() if len(str(value)) > 4}
    assert set(await traces(engine, told)) == told
    for lead in known:
        assert (await client.post(f"/v1/leads/{lead['id']}/erasure")).status_code == 200
    assert await traces(engine, told) == {}
    assert {place for places in (await traces(engine, ids)).values() for place in places} <= KEPT


async def test_other_rooms_forget_whom_a_delivery_erases(
    client: AsyncClient, vendor: AsyncClient, worker: Work, engine: AsyncEngine
) -> None:
    one = mautic.sample()
    await make_channel(client, one, erase_deleted=True)
    await send(vendor, one)
    await worker()
    (lead,) = await leads(client)
    await client.patch(f"/v1/leads/{lead['id']}", json={"company": {"domain": "acme.com"}})
    said = {"role": "champion", "note": "Golfs with the board"}
    assert (await client.put(f"/v1/accounts/acme.com/people/{lead['id']}/role", json=said)).status_code == 200
    assert "buying_roles.note" in (await traces(engine, {"golfs"}))["golfs"]
    await send(vendor, mautic.sample(mautic.event("lead_post_delete", id=52)))
    await worker()
    assert await traces(engine, {"golfs"}) == {}
