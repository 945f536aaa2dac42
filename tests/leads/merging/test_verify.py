"""`leads verify` is loud about every way in which a merge could have gone wrong."""

from __future__ import annotations

from httpx import AsyncClient
from sqlalchemy import text

from service.cli.verify import all_faults

DAMAGE = {
    "UPDATE transitions SET superseded_at = NULL WHERE lead_id = :duplicate AND sequence = 1": "of its own",
    "UPDATE journeys SET counted = true WHERE lead_id = :duplicate": "of its own",
    "INSERT INTO touchpoints SELECT (jsonb_populate_record(t, jsonb_build_object('lead_id', :duplicate))).* FROM touchpoints t WHERE lead_id = :survivor": "of its own",
    "UPDATE leads SET merged_into = NULL WHERE id = :duplicate": "a merge that holds names a lead that was not merged",
    "UPDATE leads SET merged_into = id WHERE id = :duplicate": "merged into itself",
    "UPDATE merges SET undone_at = now()": "does not live on in the lead that the merge names",
    "UPDATE transitions SET origin = gen_random_uuid() WHERE lead_id = :survivor AND origin IS NOT NULL": "not merged into this one",
    "UPDATE set_aside SET origin = gen_random_uuid()": "not merged into this one",
    "DELETE FROM set_aside": "does not hold every step",
    "UPDATE set_aside SET source = (SELECT source FROM transitions WHERE lead_id = :survivor AND origin IS NOT NULL LIMIT 1)": "set aside and in the ledger",
    "INSERT INTO identities SELECT 'email', 'x@example.com', :duplicate, now()": "merged or erased",
}  # fmt: skip


async def test_every_kind_of_damage_is_found(client: AsyncClient, engine, create, walk, merge):
    anna = await create(email="anna@nordwind.example", occurred_at="2026-03-01T00:00:00Z")
    anni = await create(phone="+4930901820", occurred_at="2026-03-02T00:00:00Z")
    await walk(anni, ("clean", {"occurred_at": "2026-03-03T00:00:00Z"}), "nurture")
    await merge(anna, anni)
    missed = {}
    async with engine.connect() as connection:
        assert await all_faults(connection) == []
        for damage, complaint in DAMAGE.items():
            done = damage
            for name, lead in (("survivor", anna), ("duplicate", anni)):
                done = done.replace(f":{name}", f"CAST('{lead['id']}' AS uuid)")
            await connection.execute(text(done))
            found = await all_faults(connection)
            if not any(complaint in fault for fault in found):
                missed[damage] = found
            await connection.rollback()
    assert missed == {}
