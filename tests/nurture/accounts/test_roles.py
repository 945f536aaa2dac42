"""Buying roles: said, suggested, taken back, and kept through merges and erasures."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from service.nurture.accounts.roles import MEANINGS, Role, suggested
from tests.nurture.accounts.conftest import Call

TITLES = {
    "CEO": "decision_maker",
    "Chief Information Security Officer": "decision_maker",
    "Geschäftsführer (m/w/d)": "decision_maker",
    "Vertriebsleiterin": "decision_maker",
    "PDG": "decision_maker",
    "销售总监": "decision_maker",
    "副总经理": "decision_maker",
    "代表取締役": "decision_maker",
    "CFO": "economic_buyer",
    "Inhaber": "economic_buyer",
    "Directrice financière": "economic_buyer",
    "财务总监": "economic_buyer",
    "采购经理": "procurement",
    "Leiterin Einkauf": "procurement",
    "Jefe de compras": "procurement",
    "Senior Buyer": "procurement",
    "法务经理": "legal",
    "General Counsel": "legal",
    "Datenschutzbeauftragter": "legal",
    "总经理助理": "gatekeeper",
    "Assistant to the CEO": "gatekeeper",
    "Sekretärin": "gatekeeper",
    "Product Owner": "influencer",
    "Teamleiter IT": "influencer",
    "Marketing Manager": "influencer",
    "部门经理": "influencer",
    "助理工程师": "user",
    "Software Engineer": "user",
    "Sachbearbeiterin": "user",
    "Werkstudent": "user",
    "": None,
    "Rentner": None,
    "?!": None,
}


@pytest.mark.parametrize(("title", "role"), TITLES.items())
def test_a_title_speaks_for_a_role(title: str, role: str | None) -> None:
    found = suggested(title)
    assert (found.role if found else None) == role


@given(st.text(max_size=80))
def test_no_title_breaks_it_or_makes_a_champion(title: str) -> None:
    found = suggested(title)
    assert found is None or (found.because and found.role not in {Role.CHAMPION, Role.BLOCKER})


def test_every_role_has_a_meaning() -> None:
    assert list(MEANINGS) == list(Role)


def address(domain: str, person: dict[str, Any]) -> str:
    return f"/v1/accounts/{domain}/people/{person['id']}/role"


async def say(client: AsyncClient, person: dict[str, Any], role: str, **more: Any) -> dict[str, Any]:
    answer = await client.put(address("acme.com", person), json={"role": role, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_was_said_wins_over_what_a_title_suggests(client: AsyncClient, lead: Call, get: Call) -> None:
    ann = await lead("ann@acme.com", job_title="CEO")
    (shown,) = (await get("/v1/accounts/acme.com/people"))["data"]
    assert (shown["role"], shown["suggested_role"], shown["suggested_because"]) == (None, "decision_maker", "ceo")
    shown = await say(client, ann, "champion", note="Loves it")
    assert (shown["role"], shown["role_note"], shown["suggested_role"]) == ("champion", "Loves it", "decision_maker")
    roles = (await get("/v1/accounts/acme.com"))["buying_roles"]
    by_role = {one["role"]: one for one in roles["roles"]}
    assert by_role["champion"]["lead_ids"] == [ann["id"]]
    assert by_role["champion"]["coverage"] == "said"
    assert by_role["decision_maker"]["coverage"] == "missing"
    assert "decision_maker" in roles["missing"]
    assert "champion" not in roles["missing"]
    assert "blocker" not in roles["missing"]


async def test_saying_it_again_changes_nothing_and_each_word_is_kept(
    client: AsyncClient, lead: Call, get: Call
) -> None:
    ann = await lead("ann@acme.com", job_title="Engineer")
    for role in ("user", "user", "influencer"):
        await say(client, ann, role)
    assert (await client.delete(address("acme.com", ann))).status_code == 204
    assert (await client.delete(address("acme.com", ann))).status_code == 204
    history = (await get(address("acme.com", ann) + "/history"))["data"]
    assert [(one["role"], one["ended_at"] is None) for one in history] == [
        ("user", False),
        ("influencer", False),
        (None, True),
    ]
    (shown,) = (await get("/v1/accounts/acme.com/people"))["data"]
    assert (shown["role"], shown["suggested_role"]) == (None, "user")
    events = (await get("/v1/events", type="lead.updated"))["data"]
    assert [event["data"]["buying_role"] for event in events] == ["user", "influencer", None]
    timeline = (await get(f"/v1/leads/{ann['id']}/timeline"))["data"]
    assert [item["data"]["role"] for item in timeline if item["kind"] == "buying_role"] == ["user", "influencer", None]


async def test_nobody_has_a_role_in_a_company_that_is_not_theirs(client: AsyncClient, lead: Call) -> None:
    ann = await lead("ann@acme.com")
    tina = await lead("tina@acme.com", test=True)
    await lead("bob@globex.de")
    for domain, person in (("globex.de", ann), ("acme.com", tina)):
        answer = await client.put(address(domain, person), json={"role": "user"})
        assert (answer.status_code, answer.json()["code"]) == (404, "person_not_found")
    assert (await client.put(address("acme.com", {"id": uuid4()}), json={"role": "user"})).status_code == 404
    for body in ({"role": "boss"}, {}, {"role": "user", "by": "me"}):
        assert (await client.put(address("acme.com", ann), json=body)).status_code == 422
    stale = await client.put(address("acme.com", ann), json={"role": "user"}, headers={"If-Match": '"7"'})
    assert stale.status_code == 412


async def test_of_two_who_say_at_once_both_are_kept_and_one_holds(client: AsyncClient, lead: Call, get: Call) -> None:
    ann = await lead("ann@acme.com")
    await asyncio.gather(*(say(client, ann, role) for role in ("user", "champion", "blocker", "legal")))
    history = (await get(address("acme.com", ann) + "/history"))["data"]
    assert sorted(one["role"] for one in history) == ["blocker", "champion", "legal", "user"]
    assert [one["ended_at"] is None for one in history] == [False, False, False, True]


async def test_a_role_goes_with_a_merge_and_comes_back_with_its_undoing(
    client: AsyncClient, lead: Call, get: Call
) -> None:
    ann, twin = await lead("ann@acme.com"), await lead("a.lee@acme.com")
    await say(client, twin, "champion")
    merge = await client.post(f"/v1/leads/{ann['id']}/merge", json={"duplicate_id": twin["id"]})
    assert merge.status_code in {200, 201}, merge.text
    (shown,) = (await get("/v1/accounts/acme.com/people"))["data"]
    assert (shown["lead_id"], shown["role"]) == (ann["id"], "champion")
    gone = await client.put(address("acme.com", twin), json={"role": "user"})
    assert gone.status_code == 308
    assert (await client.delete(address("acme.com", ann))).status_code == 204
    (shown,) = (await get("/v1/accounts/acme.com/people"))["data"]
    assert shown["role"] is None
    undone = await client.post(f"/v1/merges/{merge.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    people = (await get("/v1/accounts/acme.com/people"))["data"]
    assert {one["lead_id"]: one["role"] for one in people} == {ann["id"]: None, twin["id"]: "champion"}


async def test_an_erased_person_leaves_no_word(client: AsyncClient, lead: Call, get: Call, move: Call) -> None:
    ann = await lead("ann@acme.com", job_title="CEO")
    await lead("bob@acme.com")
    await say(client, ann, "champion", note="Plays golf with Bob")
    await move(ann["id"], "win", amount="10", currency="EUR")
    exported = await get(f"/v1/leads/{ann['id']}/export")
    assert exported["buying_roles"][0]["note"] == "Plays golf with Bob"
    assert (await client.post(f"/v1/leads/{ann['id']}/erasure")).status_code == 200
    account = await get("/v1/accounts/acme.com")
    assert (account["people"], account["won"]["amounts"]) == (1, {"EUR": "10.00"})
    assert "champion" in account["buying_roles"]["missing"]
    feed = await client.get("/v1/events")
    assert "golf" not in feed.text
