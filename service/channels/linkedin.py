"""LinkedIn Lead Sync: signed notices with ids only, the answers are fetched. Source: Microsoft Learn, LinkedIn webhook validation and Lead Sync.

The signature is over ``hmacsha256=`` and the raw body, with the same key that answers challenges: a challenge of any other form than a UUID
would make us sign a notice that somebody forged, so no other one is answered. There is no signed time; response, action and time of the
notice are the defence against replay. Questions have numbers; the form that is fetched along names them, and where it does not, the
operator's mapping does: question_12345.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from service.channels.answers import Answer, document_of, known_as, person_of
from service.channels.bodies import json_document, parsed_json
from service.channels.contract import (
    ChannelConfig,
    Erasure,
    Fetch,
    Fields,
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
    check_hmac,
    signature,
    signed_curl,
    text_secret_fault,
    without_credentials,
)
from service.channels.values import as_flag, as_past, as_record, as_records, as_text

vendor: Final = "linkedin"
title: Final = "LinkedIn Lead Sync"
proofs: Final = ("signature",)
asks_first: Final = True
setup: Final = (
    "The secret is the app's client secret. Add the intake address under Webhooks of the app and let LinkedIn validate it, then subscribe "
    "with POST /rest/leadNotifications. The access token needs r_marketing_leadgen_automation."
)

_SCHEME: Final = Scheme(header="x-li-signature", template="hmacsha256={body}")
_CHALLENGE: Final = Scheme(header="")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_NAME: Final = "response"
_FIELDS: Final = (
    "ownerInfo,associatedEntityInfo,leadMetadataInfo,owner,leadType,versionedLeadGenFormUrn,id,submittedAt,testLead,formResponse,"
    "form:(hiddenFields,creationLocale,name,id,content)"
)
_MEANT: Final = {
    "FIRST_NAME": "first_name",
    "LAST_NAME": "last_name",
    "EMAIL": "email",
    "WORK_EMAIL": "email",
    "PHONE_NUMBER": "phone",
    "WORK_PHONE_NUMBER": "phone",
    "JOB_TITLE": "job_title",
    "COMPANY_NAME": "company_name",
    "COMPANY_SIZE": "company_size",
    "INDUSTRY": "industry",
    "COUNTRY": "country",
    "STATE": "region",
}


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: Annotated[
        str | None,
        Field(max_length=2000, description="The member's access token.", json_schema_extra={"writeOnly": True}),
    ] = None
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=200, description="LinkedIn's API.")] = (
        "https://api.linkedin.com"
    )
    api_version: Annotated[
        str,
        Field(
            pattern=r"^20[0-9]{4}$",
            description="The header LinkedIn-Version: year and month of the API, until it is sunset.",
        ),
    ] = "202601"


def new_secret() -> str | None:
    """Return None: LinkedIn makes the client secret."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a client secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends a notice of one response."""
    body = (
        '{"type":"LEAD_ACTION","leadGenFormResponse":"urn:li:leadGenFormResponse:sample-1","leadGenForm":'
        '"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:123,1)","owner":{"sponsoredAccount":"urn:li:sponsoredAccount:522529623"},'
        '"leadType":"SPONSORED","leadAction":"CREATED","occurredAt":1699999999999}'
    )
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the raw body is signed by one of the secrets and is a JSON object."""
    check_hmac(_SCHEME, request, channel.secrets)
    _notice(request)


def handshake(request: Request, channel: ChannelConfig) -> Reply | None:
    """Return the signed challenge to a GET with a UUID; raise `Refusal` for any other challenge."""
    challenge = parameters(request.query).get("challengeCode") if request.method == "GET" else None
    if challenge is None:
        return None
    if _UUID.fullmatch(challenge) is None:
        raise Refusal("malformed_body", "The challenge is not a UUID.")
    current = next((secret for secret in channel.secrets if secret), None)
    if current is None:
        raise Refusal("wrong_secret", "The channel has no secret to answer with.")
    response = signature(_CHALLENGE, challenge.encode(), current).decode()
    return Reply(200, to_json({"challengeCode": challenge, "challengeResponse": response}))


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the response, what happened to it, and when."""
    notice = _notice(request)
    return "|".join(as_text(notice.get(name)) or "" for name in ("leadGenFormResponse", "leadAction", "occurredAt"))


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return what to fetch and then the person; for a response that was deleted, whom to forget."""
    notice = _notice(request)
    response = (as_text(notice.get("leadGenFormResponse"), 200) or "").rpartition(":")[2]
    if notice.get("type") != "LEAD_ACTION" or not response:
        return Translation(ignored="Not a notice about a lead.")
    if notice.get("leadAction") == "DELETED":
        return Translation(erasures=(Erasure(known_as(vendor, response)),))
    if _NAME not in request.fetched:
        headers = {"linkedin-version": channel.settings.api_version, "x-restli-protocol-version": "2.0.0"}
        path = f"/rest/leadFormResponses/{quote(response, safe='')}"
        return Translation(fetch=(Fetch(_NAME, path, {"fields": _FIELDS}, headers),))
    revises = notice.get("leadAction") != "CREATED"
    return Translation(submissions=(Submitted(_person(response, notice, request, channel), revises=revises),))


def _notice(request: Request) -> dict[str, Any]:
    notice = json_document(request)
    if not isinstance(notice, dict):
        raise Refusal("malformed_body", "The body must be a JSON object.")
    return notice


def _person(response: str, notice: Mapping[str, Any], request: Request, channel: ChannelConfig) -> Fields:
    answer = as_record(parsed_json(request.fetched[_NAME]))
    given = as_record(answer.get("formResponse"))
    if not given:
        raise Refusal("malformed_body", "LinkedIn's answer is not a response to a form.")
    consents = as_records(given.get("consentResponses"))
    campaign = as_record(as_record(answer.get("leadMetadata")).get("sponsoredLeadMetadata")).get("campaign")
    kept = {
        "form": as_text(as_record(answer.get("form")).get("name")) or as_text(notice.get("leadGenForm")),
        "lead_type": as_text(notice.get("leadType")),
        "owner_urn": next(iter(as_record(notice.get("owner")).values()), None),
        "creative": next(iter(as_record(notice.get("associatedEntity")).values()), None),
    }
    context = {
        "campaign": (as_text(campaign) or "").rpartition(":")[2],
        "consent": {f"linkedin_{one.get('consentId')}": as_flag(one.get("accepted")) for one in consents},
        "attributes": {name: value for name, value in kept.items() if value},
    }
    document = {**document_of(_answers(answer, given)), **{name: value for name, value in context.items() if value}}
    occurred_at = as_past(answer.get("submittedAt") or notice.get("occurredAt"), at=request.received_at)
    fields = person_of(document, channel, request, vendor_id=response, occurred_at=occurred_at)
    fields["test"] = answer.get("testLead") is True
    return fields


def _answers(answer: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Answer]:
    """Return the answers under the names the form has for their numbers, hidden fields last."""
    form = as_record(answer.get("form"))
    asked = {as_text(one.get("questionId")): one for one in as_records(as_record(form.get("content")).get("questions"))}
    for one in as_records(given.get("answers")):
        number = as_text(one.get("questionId"))
        question = asked.get(number, {})
        name = as_text(question.get("name")) or as_text(one.get("name"))
        meant = _MEANT.get(as_text(question.get("predefinedField")) or "")
        yield Answer((meant, name, f"question_{number}"), _value(as_record(one.get("answerDetails"))))
    for hidden in as_records(form.get("hiddenFields")):
        yield Answer((as_text(hidden.get("name")),), hidden.get("value"))


def _value(details: Mapping[str, Any]) -> Any:
    """Return a typed text, or the numbers of what was chosen."""
    chosen = as_record(details.get("multipleChoiceAnswer"))
    return as_record(details.get("textQuestionAnswer")).get("answer") or chosen.get("options")
