"""Assignment beside policies, scores and deadlines, in a worker as it runs."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.verify import all_faults


async def test_a_lead_walks_from_its_form_to_a_desk_and_back_of_its_own_accord(desk, worker, later) -> None:
    client = desk.client
    await desk.team("sales", "ann", "bob")
    await desk.rules({"to": {"team": "sales"}, "accept_within": "PT4H"})
    policies = [
        {"key": "clean", "when": {"verdict": ["valid"]}, "then": {"move": {"event": "clean"}}},
        {
            "key": "demo",
            "when": {"on": {"activity": {"kind": "demo.requested"}}},
            "then": {"move": {"event": "qualify"}},
        },
        {
            "key": "vip",
            "when": {"stages": ["cleaned"], "on": {"activity": {"kind": "quote.requested"}}},
            "then": {"assign": {"team": "sales"}},
        },
    ]
    assert (await client.put("/v1/policies", json={"policies": policies})).status_code == 200
    lead = (await client.post("/v1/leads", json={"email": "ann.buyer@firma.de"})).json()
    early = (await client.post("/v1/leads", json={"email": "bob.buyer@firma.de"})).json()
    await worker()
    for who, kind in ((lead, "demo.requested"), (early, "quote.requested")):
        told = await client.post("/v1/activities", json={"lead_id": who["id"], "kind": kind})
        assert told.status_code == 201, told.text
    await worker()
    assert (await desk.read(lead))["stage"] == "opportunity"
    held = {name: (await desk.history(who))[0] for name, who in (("rule", lead), ("policy", early))}
    assert (held["rule"]["rule"], held["rule"]["actor"]) == ("rule-1", "nurture")
    assert (held["policy"]["why"]["policy"], held["policy"]["actor"]) == ("vip", "policy:vip")
    assert {held["rule"]["owner"], held["policy"]["owner"]} == {"ann", "bob"}
    later(hours=5)
    await worker()
    # What a policy offered has no time to be accepted in.
    assert [one["status"] for one in await desk.history(lead)] == ["reclaimed", "offered"]
    assert [one["status"] for one in await desk.history(early)] == ["offered"]
    kinds = [item["kind"] for item in (await client.get(f"/v1/leads/{lead['id']}/timeline")).json()["data"]]
    assert kinds.count("assignment") == 3


async def test_what_was_done_agrees_with_itself(desk, worker, engine: AsyncEngine) -> None:
    await desk.team("sales", "ann", "bob")
    await desk.rules({"to": {"team": "sales"}})
    lead = await desk.lead()
    await desk.done(lead, "reject", reason="bad_fit")
    await desk.move(lead, "recycle", reason="bad_timing")
    await worker()
    async with engine.connect() as connection:
        assert await all_faults(connection) == []
