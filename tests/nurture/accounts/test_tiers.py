"""Tiers of accounts by rules: the first that fits, why, and again whenever something changes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from jsonschema import Draft202012Validator
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock
from service.core.database import transaction
from service.nurture.accounts.roles import Role
from service.nurture.accounts.tiers import AccountTiers, Facts, tier_of
from service.outbound.catalogue import EVENT_TYPES
from tests.nurture.accounts.conftest import Call

KEY = {"key": "key-account", "label": "Key account", "when": {"people_gte": 3}}
BIG = {"key": "A", "when": {"open_amount_gte": {"amount": "1000", "currency": "EUR"}}}
REST = {"key": "C"}


def facts(**more: Any) -> Facts:
    given: dict[str, Any] = {
        "domain": "acme.com",
        "people": 3,
        "score": 50,
        "stages": {"won": 1, "cleaned": 2},
        "industry": "steel",
        "size": "51-200",
        "country": "DE",
        "open_amounts": {"EUR": Decimal(100)},
        "won_amounts": {},
        "engaged": {30: 2},
        "roles": frozenset({Role.CHAMPION}),
        "suggested_roles": frozenset({Role.DECISION_MAKER}),
    }
    return Facts(**given | more)


@pytest.mark.parametrize(
    ("when", "met"),
    [
        ({}, True),
        ({"people_gte": 3}, True),
        ({"people_gte": 4}, False),
        ({"score_gte": 51}, False),
        ({"engaged_people_gte": {"people": 2, "days": 30}}, True),
        ({"engaged_people_gte": {"people": 3, "days": 30}}, False),
        ({"open_amount_gte": {"amount": "100", "currency": "EUR"}}, True),
        ({"open_amount_gte": {"amount": "100", "currency": "USD"}}, False),
        ({"won_amount_gte": {"amount": "0", "currency": "USD"}}, True),
        ({"stages": ["won", "opportunity"]}, True),
        ({"stages": ["opportunity"]}, False),
        ({"industry": ["steel", "glass"], "country": ["DE"]}, True),
        ({"industry": ["steel"], "country": ["AT"]}, False),
        ({"size": ["1-10"]}, False),
        ({"domains": ["acme.com"]}, True),
        ({"domains": ["globex.de"]}, False),
        ({"roles": {"all": ["champion"]}}, True),
        ({"roles": {"all": ["champion", "decision_maker"]}}, False),
        ({"roles": {"all": ["champion", "decision_maker"], "suggested": True}}, True),
    ],
)
def test_all_conditions_must_hold(when: dict[str, Any], met: bool) -> None:
    rules = AccountTiers.model_validate({"tiers": [{"key": "A", "when": when}]})
    verdict = tier_of(rules, facts())
    assert verdict.tier == ("A" if met else None)
    assert set(verdict.why) == (set(when) if met else set())


async def test_the_first_that_fits_wins_and_says_why(client: AsyncClient, lead: Call, get: Call, rule: Call) -> None:
    for name in ("ann", "bob", "cem"):
        await lead(f"{name}@acme.com")
    await lead("dora@globex.de")
    assert await rule(KEY, REST) == 1
    account = await get("/v1/accounts/acme.com")
    assert account["tier"] == "key-account"
    reason = account["tier_reason"]
    assert (reason["version"], reason["why"]) == (1, {"people_gte": {"asked": 3, "found": 3}})
    assert (await get("/v1/accounts/globex.de"))["tier"] == "C"
    assert [one["domain"] for one in (await get("/v1/accounts", tier="key-account"))["data"]] == ["acme.com"]
    counted = (await get("/v1/stats/accounts"))["data"]
    assert [(one["tier"], one["accounts"]) for one in counted] == [("C", 1), ("key-account", 1)]


async def test_a_tier_follows_what_changes(
    client: AsyncClient, lead: Call, move: Call, get: Call, rule: Call, tier: Call
) -> None:
    await rule(KEY, BIG)
    people = [await lead(f"p{number}@acme.com") for number in range(2)]
    assert await tier("acme.com") is None
    people.append(await lead("p2@acme.com"))
    assert await tier("acme.com") == "key-account"
    await move(people[0]["id"], "qualify", amount="1500", currency="EUR")
    # The third goes to another company: the one it left has one less.
    await client.patch(f"/v1/leads/{people[2]['id']}", json={"company": {"domain": "globex.de"}})
    assert await tier("acme.com") == "A"
    await client.patch(f"/v1/leads/{people[0]['id']}", json={"amount": "999.99", "currency": "EUR"})
    assert await tier("acme.com") is None
    events = (await get("/v1/events", type="account.tier_changed"))["data"]
    assert [(one["data"]["previous_tier"], one["data"]["tier"]) for one in events] == [
        (None, "key-account"),
        ("key-account", "A"),
        ("A", None),
    ]
    for event in events:
        assert event["lead_id"] is None
        Draft202012Validator(EVENT_TYPES["account.tier_changed"].schema).validate(event)


async def test_merges_and_erasures_are_people_less(client: AsyncClient, lead: Call, rule: Call, tier: Call) -> None:
    await rule(KEY)
    people = [await lead(f"p{number}@acme.com") for number in range(3)]
    assert await tier("acme.com") == "key-account"
    pair = {"duplicate_id": people[1]["id"]}
    merge = (await client.post(f"/v1/leads/{people[0]['id']}/merge", json=pair)).json()
    assert await tier("acme.com") is None
    await client.post(f"/v1/merges/{merge['id']}/undo")
    assert await tier("acme.com") == "key-account"
    await client.post(f"/v1/leads/{people[2]['id']}/erasure")
    assert await tier("acme.com") is None


async def test_a_merge_into_another_company_is_felt_by_both(
    client: AsyncClient, lead: Call, rule: Call, tier: Call
) -> None:
    await rule({"key": "pair", "when": {"people_gte": 2}})
    ann, bob, cem = await lead("ann@acme.com"), await lead("bob@acme.com"), await lead("cem@globex.de")
    assert await tier("acme.com") == "pair"
    merge = await client.post(f"/v1/leads/{cem['id']}/merge", json={"duplicate_id": bob["id"]})
    assert await tier("acme.com") is None
    await client.post(f"/v1/merges/{merge.json()['id']}/undo")
    assert await tier("acme.com") == "pair"
    await client.patch(f"/v1/leads/{ann['id']}", json={"company": None})
    assert await tier("acme.com") is None


async def test_nothing_is_left_of_an_account_whose_last_person_was_erased(
    client: AsyncClient, engine: AsyncEngine, lead: Call, move: Call, rule: Call, tier: Call, nurture: Call
) -> None:
    await rule(REST)
    ann = await lead("ann@ann-lee.com")
    await move(ann["id"], "win", amount="5", currency="EUR")
    assert await tier("ann-lee.com") == "C"
    await client.post(f"/v1/leads/{ann['id']}/erasure")
    await nurture()
    assert (await client.get("/v1/accounts/ann-lee.com")).status_code == 404
    assert "ann-lee" not in (await client.get("/v1/events")).text
    async with transaction(engine) as connection:
        for table in ("account_tiers", "accounts_due", "account_remains"):
            assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0


async def test_an_account_that_nobody_is_of_any_more_loses_its_tier(
    client: AsyncClient, lead: Call, get: Call, rule: Call, nurture: Call
) -> None:
    await rule(REST)
    ann = await lead("ann@acme.com")
    await nurture()
    await client.patch(f"/v1/leads/{ann['id']}", json={"company": {"domain": "globex.de"}})
    await nurture()
    events = (await get("/v1/events", type="account.tier_changed"))["data"]
    assert sorted((one["data"]["account"]["id"], one["data"]["tier"] or "") for one in events) == [
        ("acme.com", ""),
        ("acme.com", "C"),
        ("globex.de", "C"),
    ]


async def test_time_alone_takes_a_tier_away(
    client: AsyncClient, lead: Call, rule: Call, tier: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rule({"key": "warm", "when": {"engaged_people_gte": {"people": 2, "days": 30}}})
    now = clock.now()
    await lead("ann@acme.com", occurred_at=(now - timedelta(days=40)).isoformat())
    await lead("bob@acme.com", occurred_at=(now - timedelta(days=20)).isoformat())
    assert await tier("acme.com") is None
    told = {"email": "ann@acme.com", "occurred_at": (now - timedelta(days=1)).isoformat()}
    await client.post("/v1/activities", json=told | {"kind": "call.made"})
    assert await tier("acme.com") is None
    await client.post("/v1/activities", json=told | {"kind": "page.visited"})
    assert await tier("acme.com") == "warm"
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=9))
    assert await tier("acme.com") == "warm"
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=10, minutes=1))
    assert await tier("acme.com") is None


async def test_a_role_that_is_said_decides(client: AsyncClient, lead: Call, rule: Call, tier: Call) -> None:
    await rule({"key": "won-over", "when": {"roles": {"all": ["champion"]}}})
    ann = await lead("ann@acme.com")
    assert await tier("acme.com") is None
    address = f"/v1/accounts/acme.com/people/{ann['id']}/role"
    await client.put(address, json={"role": "champion"})
    assert await tier("acme.com") == "won-over"
    await client.delete(address)
    assert await tier("acme.com") is None


async def test_rules_that_change_or_go_are_tried_on_every_account(
    lead: Call, get: Call, rule: Call, tier: Call
) -> None:
    for number in range(4):
        await lead(f"a@co{number}.com")
        await lead(f"b@co{number}.com")
    await rule({"key": "B"})
    assert [one["tier"] for one in (await get("/v1/accounts"))["data"]] == ["B"] * 4
    await rule({"key": "A", "when": {"domains": ["co1.com"]}})
    assert [one["tier"] for one in (await get("/v1/accounts"))["data"]] == [None, "A", None, None]
    await rule()
    assert [one["tier"] for one in (await get("/v1/accounts"))["data"]] == [None] * 4
    await lead("c@co0.com")
    assert await tier("co0.com") is None


async def test_a_dry_run_says_what_would_change_and_changes_nothing(
    client: AsyncClient, lead: Call, get: Call, rule: Call
) -> None:
    for number in range(3):
        await lead(f"p{number}@acme.com")
    await lead("dora@globex.de")
    await rule(REST)
    answer = await client.post("/v1/account-tiers/dry-run", json={"tiers": [KEY, REST]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body == {
        "accounts": 2,
        "changed": 1,
        "before": {"C": 2},
        "after": {"key-account": 1, "C": 1},
        "data": [
            {
                "domain": "acme.com",
                "from_tier": "C",
                "to_tier": "key-account",
                "why": {"people_gte": {"asked": 3, "found": 3}},
            }
        ],
    }
    assert (await get("/v1/accounts/acme.com"))["tier"] == "C"


@pytest.mark.parametrize(
    "tiers",
    [
        [{"key": "A"}, {"key": "A"}],
        [{"key": "a b"}],
        [{"key": "A", "when": {"people_gte": 0}}],
        [{"key": "A", "when": {"open_amount_gte": {"amount": "5"}}}],
        [{"key": "A", "when": {"stages": ["sold"]}}],
        [{"key": "A", "when": {"planets": ["mars"]}}],
    ],
)
async def test_rules_that_make_no_sense_are_refused(client: AsyncClient, tiers: list[Any]) -> None:
    assert (await client.put("/v1/account-tiers", json={"tiers": tiers})).status_code == 422


async def test_versions_are_kept(client: AsyncClient, rule: Call, get: Call) -> None:
    await rule(KEY)
    await rule(REST, expected_roles=["champion"])
    assert [one["version"] for one in (await get("/v1/account-tiers/versions"))["data"]] == [2, 1]
    assert (await get("/v1/account-tiers"))["expected_roles"] == ["champion"]


async def test_leads_are_listed_by_the_tier_of_their_account(lead: Call, get: Call, rule: Call) -> None:
    for email in ("a@acme.com", "b@acme.com", "c@acme.com", "d@globex.de", "e@gmail.com"):
        await lead(email)
    await rule(KEY, REST)

    async def found(**query: Any) -> list[str]:
        return [one["email"][0] for one in (await get("/v1/leads", sort="created_at", **query))["data"]]

    assert await found(account_tier="key-account") == ["a", "b", "c"]
    assert await found(account_tier=["key-account", "C"]) == ["a", "b", "c", "d"]
    assert await found(account_tier="none") == []
    assert await found(company_domain="globex.de") == ["d"]
    assert await found(missing="company_domain") == ["e"]
