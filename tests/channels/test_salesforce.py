from __future__ import annotations

from datetime import UTC, datetime

import pytest
from defusedxml.ElementTree import fromstring

from service.channels import salesforce
from tests.channels.deliveries import OTHER_SECRET, again, refusal, stored
from tests.channels.documented.salesforce import LEAD, SESSION, message, sample

CHANNEL = sample().channel


def test_the_reply_acknowledges() -> None:
    status, body, media = salesforce.reply("x", CHANNEL)
    assert (status, media) == (200, "text/xml; charset=utf-8")
    assert fromstring(body).findtext(".//{http://soap.sforce.com/2005/09/outbound}Ack") == "true"
    assert body.startswith(b'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope')


def test_a_lead_is_translated_field_by_field() -> None:
    (found,) = salesforce.translate(stored(sample().request, CHANNEL), CHANNEL).submissions
    assert (found.key, found.revises) == ("04l5g00000AbCdEAAV", True)
    assert found.fields == {
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "company_name": "Acme",
        "channel": "a-channel",
        "external_ids": {"salesforce": "00Q5g00000AbCdEEAX"},
        "attributes": {"LeadSource": "Web", "LastModifiedDate": "2026-02-28T10:00:00.000Z"},
        "occurred_at": datetime(2026, 2, 28, 10, tzinfo=UTC),
    }


@pytest.mark.parametrize("organisation", ["", "00D5g000004XyzAEAT", "00D5g000004Xyz"])
def test_another_organisation_is_refused(organisation: str) -> None:
    request = sample(message(organisation=organisation)).request
    assert refusal(lambda: salesforce.verify(request, CHANNEL)) == "wrong_secret"


@pytest.mark.parametrize(("given", "code"), [(None, "unsigned"), ("", "unsigned"), (OTHER_SECRET, "wrong_secret")])
def test_the_organisation_alone_is_no_guard(given: str | None, code: str) -> None:
    assert refusal(lambda: salesforce.verify(again(sample().request, url_secret=given), CHANNEL)) == code


def test_a_channel_needs_an_organisation() -> None:
    for given in ({}, {"organization_id": ""}, {"organization_id": "00D"}):
        with pytest.raises(ValueError, match="organization_id"):
            salesforce.Settings.model_validate(given)


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
EXTERNAL = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<x>",
        b"<x/>",
        b"{}",
        ENTITIES,
        EXTERNAL,
        b'<?xml version="1.0" encoding="nonsense"?><x/>',
        b"\xff\xfe",
        b"<a>" * 5000,
    ],
)
def test_a_malformed_or_malicious_body_is_refused(body: bytes) -> None:
    assert refusal(lambda: salesforce.verify(sample(body).request, CHANNEL)) == "malformed_body"


def test_a_session_id_is_not_stored() -> None:
    kept = stored(sample().request, CHANNEL)
    assert SESSION.encode() not in kept.body
    assert b"[redacted]" in kept.body
    nothing = sample(message(session='<SessionId xsi:nil="true"/>')).request
    assert stored(nothing, CHANNEL).body == nothing.body


def test_the_same_notifications_are_recognised_and_each_by_itself() -> None:
    other = LEAD.replace("04l5g00000AbCdEAAV", "04l5g00000AbCdFAAV")
    both, turned = sample(message(LEAD + other)).request, sample(message(other + LEAD)).request
    assert salesforce.dedupe_key(both, CHANNEL) == salesforce.dedupe_key(turned, CHANNEL)
    assert salesforce.dedupe_key(both, CHANNEL) != salesforce.dedupe_key(sample().request, CHANNEL)
    found = salesforce.translate(both, CHANNEL).submissions
    assert [one.key for one in found] == ["04l5g00000AbCdEAAV", "04l5g00000AbCdFAAV"]


def test_other_records_are_ignored() -> None:
    request = sample(message(LEAD.replace('sf:Lead"', 'sf:Opportunity"'))).request
    assert salesforce.translate(request, CHANNEL).ignored


def test_who_opted_out_of_email_takes_back_consent() -> None:
    lead = LEAD.replace("<sf:Company>", "<sf:HasOptedOutOfEmail>true</sf:HasOptedOutOfEmail><sf:Company>")
    meaning = salesforce.translate(sample(message(lead)).request, CHANNEL)
    (change,) = meaning.consent_changes
    assert (change.purpose, change.granted) == ("marketing", False)
    assert change.person == {"external_ids": {"salesforce": "00Q5g00000AbCdEEAX"}, "email": "ada@example.com"}
