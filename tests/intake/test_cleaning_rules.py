from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from httpx import AsyncClient

from tests.intake.test_deliveries import lead_of, settled, touchpoints

Work = Callable[[], Awaitable[None]]
Submit = Callable[[dict[str, str]], Awaitable[dict[str, Any]]]

RULES = {
    "reject": ["disposable", "test"],
    "suspect": ["free_mail"],
    "blocked_domains": ["rival.example", "Nöpe.example"],
    "honeypots": ["website"],
}


@pytest.fixture
async def submit(client: AsyncClient, form: str, worker: Work) -> Submit:
    """Give the form's channel rules, and return what submits a form and returns its lead."""
    answer = await client.patch("/v1/channels/form", json={"policy": {"cleaning": RULES}})
    assert answer.status_code == 200, answer.text

    async def send(fields: dict[str, str]) -> dict[str, Any]:
        sent = await client.post("/v1/intake/form", data=fields, headers={"x-channel-secret": "correct-horse"})
        [delivery] = await settled(client, worker, sent)
        assert delivery["status"] == "processed", delivery
        return await lead_of(client, delivery)

    return send


@pytest.mark.parametrize(
    ("fields", "stage", "verdict", "reasons"),
    [
        ({"email": "anna@firma.de"}, "cleaned", "valid", []),
        ({"email": "anna@gmail.com"}, "acquired", "suspect", ["free_mail"]),
        ({"email": "anna@mailinator.com"}, "churned", "invalid", ["disposable"]),
        ({"email": "anna@mail.rival.example"}, "churned", "invalid", ["blocked_domain"]),
        ({"email": "anna@nöpe.example"}, "churned", "invalid", ["blocked_domain"]),
        ({"email": "anna@firma.de", "website": "http://spam.example"}, "churned", "invalid", ["honeypot"]),
        ({"email": "anna@firma.de", "website": ""}, "cleaned", "valid", []),
        ({"email": "anna@firma.de", "test": "true"}, "churned", "invalid", ["test"]),
    ],
)
async def test_a_channel_s_rules_decide(
    submit: Submit, fields: dict[str, str], stage: str, verdict: str, reasons: list[str]
) -> None:
    lead = await submit(fields)
    assert (lead["stage"], lead["verdict"], lead["verdict_reasons"]) == (stage, verdict, reasons)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"email": "anna@firma.de", "website": "x"}, "spam"),
        ({"email": "anna@rival.example"}, "out_of_market"),
        ({"email": "anna@mailinator.com"}, "invalid_contact"),
        ({"email": "anna@firma.de", "test": "yes"}, "test"),
    ],
)
async def test_the_ledger_says_why(client: AsyncClient, submit: Submit, fields: dict[str, str], reason: str) -> None:
    lead = await submit(fields)
    last = (await client.get(f"/v1/leads/{lead['id']}/transitions")).json()["data"][-1]
    assert (last["event"], last["reason"], last["category"]) == ("churn", reason, "disqualified")


async def test_a_trap_is_no_company(submit: Submit) -> None:
    lead = await submit({"email": "anna@gmail.com", "website": "spam.example"})
    assert lead["company"]["domain"] is None
    assert lead["attributes"] == {"website": "spam.example"}


async def test_whoever_fills_the_trap_in_changes_nothing_about_the_person_whose_address_it_is(
    client: AsyncClient, submit: Submit
) -> None:
    anna = await submit({"email": "anna@firma.de"})
    again = await submit({"email": "anna@firma.de", "phone": "+4930901820", "name": "Viagra", "website": "x"})
    assert again["id"] == anna["id"]
    assert (again["phone"], again["full_name"], again["verdict"]) == (None, None, "valid")
    assert len(await touchpoints(client, anna["id"])) == 2
    # Nor is the number anybody's.
    other = await submit({"phone": "+4930901820"})
    assert other["id"] != anna["id"]


async def test_what_is_not_wanted_brings_nobody_back(client: AsyncClient, submit: Submit) -> None:
    anna = await submit({"email": "anna@firma.de"})
    path = f"/v1/leads/{anna['id']}"
    await client.post(f"{path}/transitions", json={"event": "churn", "reason": "unresponsive"})
    assert (await submit({"email": "anna@firma.de", "website": "x"}))["stage"] == "churned"
    # Reactivated, and then cleaned, for she is valid.
    assert (await submit({"email": "anna@firma.de", "job_title": "CTO"}))["stage"] == "cleaned"


async def test_a_rejected_test_gives_way_to_the_real_person(submit: Submit) -> None:
    tested = await submit({"email": "anna@firma.de", "test": "1"})
    anna = await submit({"email": "anna@firma.de", "name": "Anna Schmidt"})
    assert anna["id"] == tested["id"]
    assert (anna["test"], anna["stage"], anna["verdict"], anna["verdict_reasons"]) == (False, "cleaned", "valid", [])


async def test_an_invalid_lead_is_set_right_by_a_better_submission(submit: Submit) -> None:
    await submit({"email": "anna@mailinator.com", "phone": "+4930901820"})
    anna = await submit({"email": "anna@firma.de", "phone": "+4930901820"})
    assert (anna["verdict"], anna["stage"]) == ("valid", "cleaned")


async def test_a_patch_does_not_forget_the_trap(client: AsyncClient, submit: Submit) -> None:
    lead = await submit({"email": "anna@firma.de", "website": "x"})
    lead = (await client.patch(f"/v1/leads/{lead['id']}", json={"phone": "+4930901820"})).json()
    assert (lead["verdict"], lead["verdict_reasons"]) == ("invalid", ["honeypot"])
    blocked = await submit({"email": "bea@rival.example"})
    blocked = (await client.patch(f"/v1/leads/{blocked['id']}", json={"email": "bea@firma.de"})).json()
    assert (blocked["verdict"], blocked["verdict_reasons"]) == ("valid", [])


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        ({"reject": ["nonsense"]}, "/policy/cleaning/reject/0"),
        ({"reject": ["nothing_usable"]}, "/policy/cleaning/reject/0"),
        ({"reject": ["disposable"], "accept": ["disposable"]}, "/policy/cleaning"),
        ({"blocked_domains": ["not a domain"]}, "/policy/cleaning/blocked_domains/0"),
        ({"honeypots": [""]}, "/policy/cleaning/honeypots/0"),
        ({"blocked": ["rival.example"]}, "/policy/cleaning/blocked"),
    ],
)
async def test_rules_that_make_no_sense_are_refused(client: AsyncClient, form: str, rules: dict, pointer: str) -> None:
    answer = await client.patch("/v1/channels/form", json={"policy": {"cleaning": rules}})
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_rules_are_shown_and_taken_back(client: AsyncClient, form: str) -> None:
    answer = await client.patch("/v1/channels/form", json={"policy": {"cleaning": RULES}})
    assert answer.json()["policy"]["cleaning"] == RULES | {"blocked_domains": ["rival.example", "xn--npe-sna.example"]}
    answer = await client.patch("/v1/channels/form", json={"policy": {"cleaning": None}})
    assert "cleaning" not in answer.json()["policy"]
