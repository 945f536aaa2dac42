from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from service.channels.contract import ChannelConfig, Refusal
from service.channels.generic import Settings
from service.channels.mapping import fields_of, mapping_fault, submissions_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def mapped(document: dict[str, Any], *, defaults: dict[str, Any] | None = None, **mapping: str) -> dict[str, Any]:
    config = ChannelConfig("web", "generic", (), Settings(), mapping=mapping, defaults=defaults or {})
    return dict(fields_of(document, config, at=NOW))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("E-Mail", "email"),
        ("your_email", "email"),
        ("Work Email", "email"),
        ("Tel.", "phone"),
        ("Mobile Phone", "phone"),
        ("Vorname", "first_name"),
        ("LAST NAME", "last_name"),
        ("Surname", "last_name"),
        ("name", "full_name"),
        ("姓名", "full_name"),
        ("Job title", "job_title"),
        ("Firma", "company_name"),
        ("organisation", "company_name"),
        ("website", "company_domain"),
        ("referral_code", "referred_by"),
    ],
)
def test_usual_spellings_are_understood(name: str, field: str) -> None:
    assert mapped({name: "something"})[field] == "something"


def test_the_better_spelling_wins_whatever_the_order() -> None:
    for document in ({"email": "a", "work_email": "b"}, {"work_email": "b", "email": "a"}):
        assert mapped(document)["email"] == "a"


def test_envelopes_are_opened_and_other_structures_are_kept() -> None:
    fields = mapped(
        {"form": {"name": "Contact us"}, "contact": {"name": "Ada", "fields": {"mail": {"value": "a@b.example"}}}}
    )
    assert fields["full_name"] == "Ada"
    assert fields["email"] == "a@b.example"
    assert fields["attributes"] == {"form": {"name": "Contact us"}}


def test_a_company_and_a_name_may_be_nested() -> None:
    fields = mapped(
        {"name": {"first": "Ada", "last": "Lovelace"}, "company": {"name": "Engines", "country": "GB", "size": 12}}
    )
    assert (fields["first_name"], fields["last_name"]) == ("Ada", "Lovelace")
    assert (fields["company_name"], fields["country"], fields["company_size"]) == ("Engines", "GB", "12")


def test_values_keep_their_digits() -> None:
    fields = mapped({"phone": 4930123456789012345, "external_ids": {"crm": 2**63 + 1}, "big": 2**60, "small": 7})
    assert fields["phone"] == "4930123456789012345"
    assert fields["external_ids"] == {"crm": str(2**63 + 1)}
    assert fields["attributes"] == {"big": str(2**60), "small": 7}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-02-01T10:00:00+01:00", datetime(2026, 2, 1, 9, tzinfo=UTC)),
        ("2026-02-01 10:00:00", datetime(2026, 2, 1, 10, tzinfo=UTC)),
        (1769940000, datetime(2026, 2, 1, 10, tzinfo=UTC)),
        ("1769940000000", datetime(2026, 2, 1, 10, tzinfo=UTC)),
        ("yesterday", NOW),
        ("2027-01-01T00:00:00Z", NOW),
        (None, NOW),
        (1e300, NOW),
    ],
)
def test_times_are_read_or_it_happened_when_it_reached_us(given: Any, expected: datetime) -> None:
    assert mapped({"created_at": given})["occurred_at"] == expected


def test_defaults_fill_what_is_missing() -> None:
    defaults = {"campaign": "spring", "country": "DE", "tags": ["fair"], "utm": {"source": "fair", "medium": "booth"}}
    fields = mapped({"country": "FR", "utm_source": "qr"}, defaults=defaults)
    assert (fields["campaign"], fields["country"], fields["tags"]) == ("spring", "FR", ("fair",))
    assert fields["utm"] == {"source": "qr", "medium": "booth"}


def test_the_channel_is_its_key_unless_the_mapping_says_more() -> None:
    assert mapped({"channel": "x"})["channel"] == "web"
    assert mapped({"origin": "paid_search"}, channel="origin")["channel"] == "paid_search"


def test_test_leads_are_marked() -> None:
    assert mapped({"test": True})["test"] is True
    assert "test" not in mapped({"test": False})


@pytest.mark.parametrize("field", ["stage", "id", "utm.", "nothing.x", "email.x"])
def test_a_mapping_names_fields_that_exist(field: str) -> None:
    assert mapping_fault(field, "a")


@pytest.mark.parametrize("expression", ["a[", "", "&&", "f(", "[*]."])
def test_a_mapping_has_expressions_that_compile(expression: str) -> None:
    assert mapping_fault("email", expression)


def test_an_expression_that_does_not_fit_is_a_refusal() -> None:
    config = ChannelConfig("web", "generic", (), Settings(), mapping={"email": "abs(name)"})
    with pytest.raises(Refusal) as caught:
        submissions_of({"name": "x"}, config, at=NOW)
    assert caught.value.code == "mapping_failed"
