"""Of whom and of what advertisers are told, whoever they are."""

from __future__ import annotations

from typing import Any

import pytest

from service.outbound.formats.contract import Format
from service.outbound.formats.conversions import click_id
from service.outbound.formats.registry import FORMATS
from tests.outbound.formats.advertisers import event, why

SETTINGS: dict[str, dict[str, Any]] = {
    "google-offline-conversions": {
        "customer_id": "1", "developer_token": "d", "access_token": "a", "conversion_actions": {"won": "7", "opportunity": "8"},
    },
    "meta-capi": {"access_token": "a"},
    "feiyu": {"access_token": "a", "advertiser_ids": [1]},
}  # fmt: skip

every = pytest.mark.parametrize("name", SETTINGS)


def made(name: str, **settings: Any) -> tuple[Format, Any]:
    return FORMATS[name], FORMATS[name].Settings(**SETTINGS[name] | settings)


def purposes(**said: bool) -> dict[str, Any]:
    return {"can_contact": {"email": True, "phone": True, "purposes": said}}


@every
def test_who_has_said_yes_is_told_of(name: str) -> None:
    assert why(*made(name), event()) is None
    assert why(*made(name, require_consent=True), event()) is None


@every
def test_who_has_said_nothing_is_told_of_unless_a_yes_is_wanted(name: str) -> None:
    assert why(*made(name), event(**purposes())) is None
    assert why(*made(name), event(can_contact=None)) is None
    assert why(*made(name, require_consent=True), event(**purposes())) == "no_consent"
    assert why(*made(name, require_consent=True, consent_purpose="ads"), event()) == "no_consent"


@every
def test_who_has_said_no_is_not_told_of(name: str) -> None:
    assert why(*made(name), event(**purposes(marketing=False))) == "consent_withdrawn"
    assert why(*made(name, consent_purpose="ads"), event(**purposes(marketing=True, ads=False))) == "consent_withdrawn"


@every
@pytest.mark.parametrize(
    ("told", "code"),
    [
        (event(test=True), "test_lead"),
        (event(erased_at="2026-11-20T08:00:00Z"), "erased"),
        (event(data={"correction_id": "019a9c64-7e20-7c15-b1d0-0c9e4a6b8d34"}), "correction"),
        (event(kind="lead.updated"), "not_a_conversion"),
        (event("reactivated"), "stage_not_mapped"),
    ],
    ids=["test", "erased", "correction", "other event", "other stage"],
)
def test_what_is_no_conversion(name: str, told: dict[str, Any], code: str) -> None:
    assert why(*made(name), told) == code


@every
def test_a_lead_that_the_advertiser_did_not_bring(name: str) -> None:
    found = why(*made(name), event(external_ids={"crm": "1"}, attributes={}, utm={}))
    assert found in {"no_click_id", "no_lead_id", "no_clue_id"}


@every
def test_tokens_are_write_only(name: str) -> None:
    shown = FORMATS[name].Settings.model_json_schema()["properties"]
    for field in shown:
        is_secret = field.endswith(("_token", "_secret", "_key"))
        assert bool(shown[field].get("writeOnly")) == is_secret, field


@pytest.mark.parametrize(
    ("lead", "found"),
    [
        ({"attributes": {"gclid": "a"}}, "a"),
        ({"attributes": {"gcl_id": "a"}}, "a"),
        ({"utm": {"gclid": "b"}}, "b"),
        ({"external_ids": {"gclid": "c"}}, "c"),
        ({"attributes": {"page": "https://x.example/?a=1&gclid=d-_1&b=2"}}, "d-_1"),
        ({"attributes": {"page": "https://[x/?gclid=d"}}, None),
        ({"attributes": {"gclid": ""}}, None),
        ({"attributes": {"gclid": 7}}, None),
        ({"attributes": {"gclid": "a" * 513}}, None),
        ({"attributes": {"page": "https://x.example/?gclid="}}, None),
    ],
)
def test_where_the_id_of_a_click_is_looked_for(lead: dict[str, Any], found: str | None) -> None:
    assert click_id({"attributes": {}, "utm": {}, "external_ids": {}} | lead, "gclid", "gcl_id") == found
