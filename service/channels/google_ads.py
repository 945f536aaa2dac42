"""Google Ads lead forms: the whole lead in JSON, with the advertiser's key in the body. Source: Google Ads webhook documentation.

Nothing is signed: the key is the guard and the lead's id, for ever, the defence against replay. The page of samples spells the key
``Google_key`` in tests and ``google_key`` in production; both are taken and neither is stored. The button "Send test data" repeats its
lead id with every click and is green for 200 alone; each click is a delivery of its own, to the second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.answers import Answer, document_of, person_of
from service.channels.bodies import json_document
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.redaction import redacted_json
from service.channels.shared_secret import fresh_secret
from service.channels.signatures import any_equal, text_secret_fault, without_credentials
from service.channels.values import as_past, as_records, as_text

vendor: Final = "google-ads"
title: Final = "Google Ads lead forms"
proofs: Final = ("body",)
asks_first: Final = False
setup: Final = (
    "In the lead form asset choose Lead delivery option > Webhook integration: paste the intake address as Webhook URL and the secret as Key, "
    "then Send test data. Test leads are marked and counted nowhere."
)

_KEY: Final = "google_key"
_COLUMNS: Final = {
    "FULL_NAME": "full_name",
    "FIRST_NAME": "first_name",
    "LAST_NAME": "last_name",
    "EMAIL": "email",
    "WORK_EMAIL": "email",
    "PHONE_NUMBER": "phone",
    "PHONE_NUMBER_VERIFIED": "phone",
    "WORK_PHONE": "phone",
    "REGION": "region",
    "COUNTRY": "country",
    "COMPANY_NAME": "company_name",
    "JOB_TITLE": "job_title",
    "COMPANY_SIZE": "company_size",
}
_VOCABULARY: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_KEPT: Final = (
    "gcl_id",
    "campaign_id",
    "adgroup_id",
    "creative_id",
    "asset_group_id",
    "form_id",
    "lead_stage",
    "api_version",
)


class Settings(BaseModel):
    """Nothing can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def new_secret() -> str | None:
    """Return a key to be typed into the lead form."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a key, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the key is in the body."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that sends what the test button sends."""
    body = (
        r"{\"lead_id\":\"sample-1\",\"campaign_id\":123456,\"adgroup_id\":0,\"creative_id\":0,\"gcl_id\":\"sample-1\",\"user_column_data\":["
        r"{\"column_name\":\"Full Name\",\"string_value\":\"Ada Lovelace\",\"column_id\":\"FULL_NAME\"},"
        r"{\"column_name\":\"User Email\",\"string_value\":\"ada@example.com\",\"column_id\":\"EMAIL\"}],"
        r"\"api_version\":\"1.0\",\"form_id\":123456789,\"google_key\":\"$SECRET\",\"is_test\":true}"
    )
    return f"curl -sS '{address}' -H 'content-type: application/json' --data-binary \"{body}\""


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the body is a JSON object with one of the channel's keys in it."""
    given = [value for name, value in _lead(request).items() if name.casefold() == _KEY and isinstance(value, str)]
    if not any(given):
        raise Refusal("unsigned", "The body carries no google_key.")
    if not any(any_equal(key, channel.secrets) for key in given):
        raise Refusal("wrong_secret", "The google_key is not this channel's.")


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with an empty object; 201 or 202 would be a failed test to Google."""
    return Reply(200, b"{}")


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the lead's id; a test's with the second of the click, because all tests have the same one."""
    lead = _lead(request)
    identifier = as_text(lead.get("lead_id"))
    if identifier is None:
        return None
    if lead.get("is_test") is True:
        return f"test:{request.received_at:%Y%m%d%H%M%S}:{identifier}"
    return f"lead:{identifier}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without the key in its body and without credentials."""
    return without_credentials(request)._replace(body=redacted_json(request.body, _lead(request), [_KEY]))


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person who filled in the form."""
    lead = _lead(request)
    identifier = as_text(lead.get("lead_id"))
    if identifier is None:
        raise Refusal("malformed_body", "The lead has no lead_id.")
    fields = person_of(
        {**_document(lead), **_context(lead)},
        channel,
        request,
        vendor_id=identifier,
        occurred_at=as_past(lead.get("lead_submit_time"), at=request.received_at),
    )
    # Missing or false is a lead of production, whatever a question of the form was called.
    fields["test"] = lead.get("is_test") is True
    return Translation(submissions=(Submitted(fields),))


def _lead(request: Request) -> dict[str, Any]:
    lead = json_document(request)
    if not isinstance(lead, dict):
        raise Refusal("malformed_body", "The body must be a JSON object.")
    return lead


def _document(lead: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers by field; of two for one field the second keeps the name of its column."""
    answers: dict[str, Answer] = {}
    for item in as_records(lead.get("user_column_data")):
        column = as_text(item.get("column_id")) or ""
        field = _COLUMNS.get(column, "")
        # A name of Google's vocabulary says what it is; of a custom question only the text does.
        name = column.lower() if _VOCABULARY.fullmatch(column) else as_text(item.get("column_name")) or column
        key = field if field and field not in answers else name
        if key:
            answers.setdefault(key, Answer((key,), item.get("string_value")))
    return document_of(answers.values())


def _context(lead: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the lead came from; an id of 0 means that there is none."""
    kept = {name: text for name in _KEPT if (text := as_text(lead.get(name))) and text != "0"}
    return {"attributes": kept, **({"campaign": kept["campaign_id"]} if "campaign_id" in kept else {})}
