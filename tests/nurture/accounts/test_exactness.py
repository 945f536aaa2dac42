"""Every figure of an account against a recount from its leads and their journeys, over histories made by chance."""

from __future__ import annotations

import random
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from tests.nurture.accounts.conftest import Call

DOMAINS = ("acme.com", "globex.de", "initech.cn", "umbrella.co.uk", "hooli.fr")
STAGES = ("acquired", "cleaned", "nurtured", "opportunity", "won")


def person(chance: random.Random, number: int) -> dict[str, Any]:
    company = {
        "domain": chance.choice((*DOMAINS, None)),
        "name": chance.choice(("Acme GmbH", "ACME", "Globex", None)),
        "industry": chance.choice(("steel", "glass", None)),
        "country": chance.choice(("DE", "CN", None)),
        "size": chance.choice(("1-10", "51-200", None)),
    }
    return {
        "email": f"p{number}@gmail.com",
        "test": chance.random() < 0.1,
        "company": {name: value for name, value in company.items() if value},
    }


async def live(client: AsyncClient, chance: random.Random, lead_id: str) -> None:
    """Let a lead go through events by chance; what is not legal is refused and changes nothing."""
    for event in chance.choices(("clean", "nurture", "qualify", "win", "repurchase", "churn", "reactivate"), k=5):
        body: dict[str, Any] = {"event": event, "allow_skip": True}
        if event == "churn":
            body["reason"] = "price"
        if event in {"qualify", "win"} and chance.random() < 0.7:
            body |= {"amount": str(chance.randint(1, 99_999) / 100), "currency": chance.choice(("EUR", "CNY"))}
        await client.post(f"/v1/leads/{lead_id}/transitions", json=body)
    if chance.random() < 0.3:
        patch = {"owner": chance.choice(("Eve", "Finn")), "amount": "77.7", "currency": "EUR"}
        await client.patch(f"/v1/leads/{lead_id}", json=patch)


def chosen(people: list[dict[str, Any]], field: str) -> Any:
    told = [one for one in people if one["company"][field]]
    if not told:
        return None
    counts = Counter(one["company"][field] for one in told)
    newest = {one["company"][field]: one["created_at"] for one in sorted(told, key=lambda one: one["created_at"])}
    return max(counts, key=lambda value: (counts[value], newest[value]))


def money(deals: list[tuple[str | None, str | None]]) -> dict[str, Any]:
    amounts: dict[str, Decimal] = {}
    for amount, currency in deals:
        if amount is not None and currency is not None:
            amounts[currency] = amounts.get(currency, Decimal(0)) + Decimal(amount)
    untold = sum(amount is None for amount, _ in deals)
    return {
        "deals": len(deals),
        "without_amount": untold,
        "amounts": {name: f"{sum_:.2f}" for name, sum_ in amounts.items()},
    }


def open_amount(lead: dict[str, Any], journeys: list[dict[str, Any]]) -> tuple[str | None, str | None]:
    *earlier, current = journeys
    left_over = any((one["amount"], one["currency"]) == (lead["amount"], lead["currency"]) for one in earlier)
    return (None, None) if current["amount"] is None and left_over else (lead["amount"], lead["currency"])


def recount(people: list[dict[str, Any]], journeys: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    stages = Counter(one["stage"] for one in people)
    scores = sorted((one["score"] for one in people if one["score"] > 0), reverse=True)[:10]
    score = sum((Decimal(score) / 2**place for place, score in enumerate(scores)), Decimal(0))
    open_ = [open_amount(one, journeys[one["id"]]) for one in people if one["stage"] == "opportunity"]
    won = [
        (journey["amount"], journey["currency"])
        for one in people
        for journey in journeys[one["id"]]
        if journey["won_at"]
    ]
    return {
        "people": len(people),
        **{field: chosen(people, field) for field in ("name", "industry", "country", "size")},
        "stages": {stage: stages[stage] for stage in (*STAGES, "churned", "reactivated")},
        "furthest_stage": max((one["furthest_stage"] for one in people), key=STAGES.index),
        "score": int(score.quantize(Decimal(1), ROUND_HALF_UP)),
        "open": money(open_),
        "won": money(won),
        "owners": sorted({one["owner"] for one in people if one["owner"]}),
        "first_touch_at": min(one["acquired_at"] for one in people),
        "last_activity_at": max(one["last_activity_at"] or one["acquired_at"] for one in people),
    }


@pytest.mark.parametrize("seed", [1, 2])
async def test_accounts_are_what_their_leads_are(
    client: AsyncClient, engine: AsyncEngine, lead: Call, get: Call, seed: int
) -> None:
    chance = random.Random(seed)
    made = []
    for number in range(25):
        given = person(chance, number)
        made.append(await lead(given.pop("email"), **given))
        await live(client, chance, made[-1]["id"])
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE leads SET score = (('x' || right(id::text, 2))::bit(8)::int - 60)"))
    survivor, duplicate, erased = chance.sample([one["id"] for one in made if not one["test"]], 3)
    await client.post(f"/v1/leads/{survivor}/merge", json={"duplicate_id": duplicate})
    leads = (await get("/v1/leads", limit=500))["data"]
    journeys = {one["id"]: (await get(f"/v1/leads/{one['id']}/journeys"))["data"] for one in leads}
    for one in leads:
        one["furthest_stage"] = "acquired" if one["furthest_stage"] == "reactivated" else one["furthest_stage"]
    listed = {one["domain"]: one for one in (await get("/v1/accounts"))["data"]}
    standing = [one for one in leads if one["company"]["domain"] and not one["test"]]
    assert set(listed) == {one["company"]["domain"] for one in standing}
    for domain, account in listed.items():
        expected = recount([one for one in standing if one["company"]["domain"] == domain], journeys)
        assert {name: sorted(account[name]) if name == "owners" else account[name] for name in expected} == expected
        detail = await get(f"/v1/accounts/{domain}")
        assert {name: detail[name] for name in account} == account
        people = (await get(f"/v1/accounts/{domain}/people", limit=500))["data"]
        assert len(people) == account["people"]
    # What was won stays when the person goes, and nothing else of them does.
    before = {domain: account["won"] for domain, account in listed.items()}
    assert (await client.post(f"/v1/leads/{erased}/erasure")).status_code == 200
    after = {one["domain"]: one["won"] for one in (await get("/v1/accounts"))["data"]}
    assert after == {domain: before[domain] for domain in after}
