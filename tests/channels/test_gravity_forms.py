from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from service.channels import gravity_forms
from service.channels.contract import Fields, Refusal
from tests.channels.deliveries import SECRET, channel_of, post, stored, to_body
from tests.channels.documented.gravity_forms import BODY, ENTRY, sample

CHANNEL = channel_of("gravity-forms")


def fields_of(entry: dict[str, Any]) -> Fields:
    request = stored(sample(to_body(entry)).request, CHANNEL)
    return gravity_forms.translate(request, CHANNEL).submissions[0].fields


def test_a_whole_entry_field_by_field() -> None:
    assert fields_of(ENTRY) == {
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "jane@example.com",
        "channel": "a-channel",
        "occurred_at": datetime(2026, 1, 1, 10, tzinfo=UTC),
        "external_ids": {"gravity-forms": "3:55"},
        "attributes": {
            "4": "Engines",
            "form_id": "3",
            "source_url": "https://shop.example.com/contact",
            "ip": "10.0.0.1",
        },
    }


def test_an_address_is_no_name() -> None:
    fields = fields_of(
        {"5.1": "1 Road", "5.3": "Springfield", "5.5": "45501", "5.6": "United States", "2": "a@example.com"}
    )
    assert "first_name" not in fields
    assert fields["attributes"]["5.3"] == "Springfield"


def test_chosen_fields_have_usual_names_also_as_a_form() -> None:
    body = urlencode({"email": "jane@example.com", "First Name": "Jane", "Company": "Acme"}).encode()
    request = post(body, {"x-channel-secret": SECRET}, media="application/x-www-form-urlencoded")
    gravity_forms.verify(request, CHANNEL)
    fields = gravity_forms.translate(stored(request, CHANNEL), CHANNEL).submissions[0].fields
    assert (fields["first_name"], fields["company_name"]) == ("Jane", "Acme")


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("header", {"headers": {"x-channel-secret": SECRET}}),
        ("header", {"headers": {"authorization": f"Bearer {SECRET}"}}),
        ("url", {"url_secret": SECRET}),
        ("any", {"url_secret": SECRET}),
    ],
)
def test_the_secret_is_where_the_channel_expects_it(place: str, known: dict[str, Any]) -> None:
    gravity_forms.verify(post(BODY, **known), channel_of("gravity-forms", place=place))
    with pytest.raises(Refusal) as caught:
        gravity_forms.verify(post(BODY), channel_of("gravity-forms", place=place))
    assert caught.value.code == "unsigned"
    elsewhere = "url" if place == "header" else "header"
    if place != "any":
        with pytest.raises(Refusal):
            gravity_forms.verify(post(BODY, **known), channel_of("gravity-forms", place=elsewhere))


def test_an_entry_is_recognised_by_form_and_number() -> None:
    again = sample(to_body({**ENTRY, "is_read": "1"})).request
    assert gravity_forms.dedupe_key(again, CHANNEL) == gravity_forms.dedupe_key(sample().request, CHANNEL) == "3:55"
    chosen = [
        sample(to_body({"email": email})).request for email in ("a@example.com", "b@example.com", "a@example.com")
    ]
    first, second, third = (gravity_forms.dedupe_key(one, CHANNEL) for one in chosen)
    assert first == third != second
