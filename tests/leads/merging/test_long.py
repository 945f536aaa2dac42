"""Long histories: many rows are copied into their tables instead of being put there by one statement."""

from __future__ import annotations


async def test_a_long_history_is_woven_and_divided(client, create, merge, undo, told, faults):
    day, events = "2026-03-01T00:00:00Z", ["qualify", "recycle"] * 65
    leads = []
    for name in ("anna", "anni"):
        lead = await create(email=f"{name}@nordwind.example", occurred_at=day)
        batch = [
            {"lead_id": lead["id"], "event": event, "occurred_at": f"2026-04-{1 + number // 24:02}T{number % 24:02}:00:00Z", "allow_skip": True}
            | ({"reason": "no_budget"} if event == "recycle" else {})
            for number, event in enumerate(events)
        ]  # fmt: skip
        answer = await client.post("/v1/transitions/batch", json=batch)
        assert answer.status_code == 200, answer.text
        leads.append(lead)
    before = [await told(lead) for lead in leads]
    merged = await merge(*leads)
    assert merged["set_aside"]
    assert await faults() == []
    await undo(merged)
    assert [await told(lead) for lead in leads] == before
    assert await faults() == []
