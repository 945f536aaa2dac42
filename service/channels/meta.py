"""Meta (Facebook and Instagram) Lead Ads: signed notices with ids only, the leads are fetched. Source: Meta's Graph API, webhooks for leadgen.

The signature is over the raw bytes, in which Meta escapes what is not ASCII. It has no time: the leads' ids are the defence against replay,
for ever. A retry may come in another company of leads, so each lead is recognised by itself. That test leads answer with
``<test lead: dummy data for …>`` is observed, not documented. The token goes in a header, never in an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import Answer, document_of, person_of
from service.channels.bodies import json_document, parsed_json
from service.channels.contract import (
    ChannelConfig,
    Fetch,
    Fields,
    Grievance,
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.queries import parameters
from service.channels.signatures import (
    Scheme,
    any_equal,
    check_hmac,
    signed_curl,
    text_secret_fault,
    without_credentials,
)
from service.channels.values import as_flag, as_past, as_record, as_records, as_text

vendor: Final = "meta"
title: Final = "Meta Lead Ads (Facebook, Instagram)"
proofs: Final = ("signature",)
asks_first: Final = True
setup: Final = (
    "The secret is the app secret (App settings > Basic). Under Webhooks choose Page, paste the intake address and the verify token of the "
    "settings, subscribe to leadgen, then subscribe the page with POST /{page-id}/subscribed_apps?subscribed_fields=leadgen. The access token "
    "is a page token with leads_retrieval."
)

_SCHEME: Final = Scheme(header="x-hub-signature-256", prefix="sha256=")
_ID: Final = re.compile(r"[1-9][0-9]{0,24}")
_MAX_CHALLENGE: Final = 200
_TEST: Final = "<test lead: dummy data for"
_FIELDS: Final = (
    "created_time,id,ad_id,ad_name,adset_id,adset_name,campaign_id,campaign_name,form_id,is_organic,platform,partner_name,"
    "retailer_item_id,field_data,custom_disclaimer_responses"
)
# An unknown, expired or revoked session, and permissions that are missing.
_TOKEN_CODES: Final = frozenset({10, 102, 190})
_LIMIT_CODES: Final = frozenset({4, 17, 32, 613})
_KEPT: Final = (
    "ad_id",
    "ad_name",
    "adset_id",
    "adset_name",
    "campaign_id",
    "form_id",
    "platform",
    "partner_name",
    "retailer_item_id",
)


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verify_token: Annotated[
        str,
        Field(
            min_length=8,
            max_length=200,
            description="The text typed into Meta's field Verify token.",
            json_schema_extra={"writeOnly": True},
        ),
    ]
    access_token: Annotated[
        str | None,
        Field(max_length=1000, description="The page's access token.", json_schema_extra={"writeOnly": True}),
    ] = None
    base_url: Annotated[
        str, Field(pattern=r"^https?://[^\s]+$", max_length=200, description="The Graph API, with its version.")
    ] = "https://graph.facebook.com/v23.0"


def new_secret() -> str | None:
    """Return None: Meta makes the app secret."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be an app secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends a notice of one lead."""
    value = '{"leadgen_id":123123123123,"page_id":123123123,"form_id":12312312312,"created_time":1440120384}'
    body = f'{{"object":"page","entry":[{{"id":123123123,"time":1440120384,"changes":[{{"field":"leadgen","value":{value}}}]}}]}}'
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the raw body is signed by one of the secrets and is a JSON object."""
    check_hmac(_SCHEME, request, channel.secrets)
    _notice(request)


def handshake(request: Request, channel: ChannelConfig) -> Reply | None:
    """Return the bare challenge to a GET that knows the verify token; raise `Refusal` when it does not."""
    if request.method != "GET":
        return None
    asked = parameters(request.query)
    if asked.get("hub.mode") != "subscribe":
        return None
    if not any_equal(asked.get("hub.verify_token", ""), [channel.settings.verify_token]):
        raise Refusal("wrong_secret", "The verify token is not this channel's.")
    return Reply(200, asked.get("hub.challenge", "")[:_MAX_CHALLENGE].encode(), "text/plain")


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200; anything else is sent again for 36 hours."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the ids of the leads, or None where there are none."""
    return ",".join(sorted(_leads(request))) or None


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return what to fetch and, when all of it is there, the people."""
    leads = _leads(request)
    if not leads:
        return Translation(ignored="There is no lead in the notice.")
    missing = tuple(
        Fetch(lead, f"/{lead}", {"fields": _FIELDS}, judge=_grievance) for lead in leads if lead not in request.fetched
    )
    if missing:
        return Translation(fetch=missing)
    # Meta forgets a lead after 90 days, or when it is deleted; the others of the notice are still there.
    there = {lead: notice for lead, notice in leads.items() if request.fetched[lead]} or leads
    return Translation(
        submissions=tuple(
            Submitted(_person(lead, notice, request, channel), key=f"leadgen:{lead}") for lead, notice in there.items()
        )
    )


def _grievance(_status: int, answer: Any) -> Grievance | None:
    """Return what Graph's error codes mean; an expired token is a 400."""
    code = as_record(as_record(answer).get("error")).get("code")
    if not isinstance(code, int):
        return None
    if code in _TOKEN_CODES or 200 <= code <= 299:
        return "token_rejected"
    return "rate_limited" if code in _LIMIT_CODES or 80000 <= code <= 80014 else None


def _notice(request: Request) -> dict[str, Any]:
    body = json_document(request)
    if not isinstance(body, dict):
        raise Refusal("malformed_body", "The body must be a JSON object.")
    return body


def _leads(request: Request) -> dict[str, dict[str, Any]]:
    """Return the notices of leads by the leads' ids, which may be numbers beyond 2^53."""
    found: dict[str, dict[str, Any]] = {}
    for entry in as_records(_notice(request).get("entry")):
        for change in as_records(entry.get("changes")):
            value = as_record(change.get("value"))
            lead = _id(value.get("leadgen_id"))
            if change.get("field") == "leadgen" and lead:
                found[lead] = value
    return found


def _id(value: Any) -> str | None:
    """Return an id as decimal text; 0 and what is no id mean there is none."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _ID.fullmatch(text) else None


def _person(lead: str, notice: Mapping[str, Any], request: Request, channel: ChannelConfig) -> Fields:
    answer = as_record(parsed_json(request.fetched[lead]))
    if not isinstance(answer.get("field_data"), list):
        raise Refusal("malformed_body", "The answer of the Graph API is not a lead.")
    answers = list(_answers(answer))
    document = {**document_of(answers), **_context(answer, notice)}
    occurred_at = as_past(answer.get("created_time") or notice.get("created_time"), at=request.received_at)
    fields = person_of(document, channel, request, vendor_id=lead, occurred_at=occurred_at)
    if any(str(one.value).startswith(_TEST) for one in answers):
        fields["test"] = True
    return fields


def _answers(answer: Mapping[str, Any]) -> Iterator[Answer]:
    for item in as_records(answer.get("field_data")):
        values = item.get("values")
        if isinstance(values, list) and values:
            yield Answer((as_text(item.get("name")),), values[0] if len(values) == 1 else values)


def _context(answer: Mapping[str, Any], notice: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the lead came from and what it was asked to agree to, which are not among the answers."""
    kept: dict[str, Any] = {name: as_text(answer.get(name)) or _id(notice.get(name)) for name in _KEPT}
    kept["page_id"] = _id(notice.get("page_id"))
    kept["is_organic"] = answer.get("is_organic")
    boxes = as_records(answer.get("custom_disclaimer_responses"))
    consent = {key: as_flag(box.get("is_checked")) for box in boxes if (key := as_text(box.get("checkbox_key"), 100))}
    campaign = as_text(answer.get("campaign_name")) or kept["campaign_id"]
    context = {
        "campaign": campaign,
        "consent": consent,
        "attributes": {name: value for name, value in kept.items() if value not in (None, "0")},
    }
    return {name: value for name, value in context.items() if value}
