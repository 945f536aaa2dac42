from __future__ import annotations

import pytest

from service.channels import jotform
from service.channels.contract import Fields, Refusal, Request
from tests.channels.deliveries import NOW, SECRET, again, channel_of, stored
from tests.channels.documented.jotform import FIELDS, RAW, multipart, sample

CHANNEL = channel_of("jotform")


def entry(raw: str = RAW, *, boundary: str = "frontier", **changes: str) -> Request:
    return sample(multipart({**FIELDS, **changes, "rawRequest": raw}, boundary=boundary), boundary=boundary).request


def fields_of(raw: str = RAW) -> Fields:
    return jotform.translate(stored(entry(raw), CHANNEL), CHANNEL).submissions[0].fields


def code_of(request: Request) -> str:
    with pytest.raises(Refusal) as caught:
        jotform.verify(request, CHANNEL)
    return caught.value.code


def test_the_captured_entry_field_by_field() -> None:
    jotform.verify(entry(), CHANNEL)
    assert fields_of() == {
        "first_name": "Niloth",
        "last_name": "P",
        "email": "niloth@example.com",
        "phone": "(415) 555-0134",
        "channel": "a-channel",
        "occurred_at": NOW,
        "external_ids": {"jotform": "6084250982513018472"},
        "attributes": {
            "grade": "12",
            "reports": ["https://www.jotform.com/uploads/UserNiloth/Report%20Card.pdf"],
            "formID": "243231271343446",
            "formTitle": "Tutor Appointment Form",
            "ip": "27.51.18.17",
        },
    }


def test_the_secret_is_in_the_address() -> None:
    assert jotform.secret_in_url(CHANNEL.settings)
    assert code_of(again(entry(), url_secret=None)) == "unsigned"
    assert code_of(again(entry(), url_secret="something-else-entirely")) == "wrong_secret"
    assert jotform.secret_fault("short") is not None
    assert jotform.secret_fault("with/a/slash/in/it/somewhere") is not None


def test_a_webhook_registered_twice_brings_one_entry() -> None:
    # Another boundary, another visit of the same browser: the same answers.
    key = jotform.dedupe_key(entry(), CHANNEL)
    assert jotform.dedupe_key(entry(boundary="other"), CHANNEL) == key
    assert jotform.dedupe_key(entry(RAW.replace("build-date-1732271172685", "later")), CHANNEL) == key


def test_an_edited_entry_is_news_and_revises() -> None:
    edited = entry(RAW.replace('"12"', '"13"'))
    assert jotform.dedupe_key(edited, CHANNEL) != jotform.dedupe_key(entry(), CHANNEL)
    (submitted,) = jotform.translate(stored(edited, CHANNEL), CHANNEL).submissions
    assert submitted.revises
    assert submitted.fields["external_ids"] == {"jotform": "6084250982513018472"}


def test_parts_of_answers_say_what_they_are() -> None:
    fields = fields_of(
        '{"q1_whoAreYou":{"prefix":"Dr","first":"Ada","last":"Lovelace"},"q2_callMe":{"area":"415","phone":"5550134"},'
        '"q3_where":{"addr_line1":"1 Road","city":"Springfield","state":"Ohio","postal":"45501","country":"United States"}}'
    )
    assert (fields["first_name"], fields["last_name"], fields["phone"]) == ("Ada", "Lovelace", "415 5550134")
    assert (fields["region"], fields["country"]) == ("Ohio", "United States")
    assert fields["attributes"]["where"]["city"] == "Springfield"


def test_a_visitor_cannot_say_whose_record_it_is() -> None:
    fields = fields_of(
        '{"q1_email":"a@example.com","external_ids":{"crm":"42"},"data":{"external_id":"42"},"q2_test":"1"}'
    )
    assert fields["external_ids"] == {"jotform": "6084250982513018472"}
    assert "test" not in fields


@pytest.mark.parametrize("raw", ["", "{", "[]", "7", '{"q1_a":"\\u0000"}', '{"a":1e999'])
def test_answers_that_are_no_json_are_refused(raw: str) -> None:
    assert code_of(entry(raw)) == "malformed_body"


def test_an_entry_without_its_id_cannot_be_understood() -> None:
    with pytest.raises(Refusal):
        jotform.translate(stored(entry(submissionID=""), CHANNEL), CHANNEL)


def test_a_secret_in_the_query_is_not_stored() -> None:
    kept = jotform.redact(again(entry(), query=f"secret={SECRET}&a=1"), CHANNEL)
    assert SECRET not in kept.query
    assert "a=1" in kept.query
