"""Calendly: bookings and routing forms, signed with a hex HMAC-SHA256 over ``{t}.{body}``. Source: developer.calendly.com.

Who books or answers a routing form tells us who they are, known before or not: a submission. Every booking, cancellation and no-show is an
activity besides. A reschedule is two deliveries, the cancellation of the old invitee and the booking of a new one, in any order; both name
the same e-mail address and each other, and neither is dropped. A no-show names the invitee alone, whose booking we know by then.
Calendly's address book (``contact.*``), its kinds of meetings and its recaps are not leads. Calendly disables a webhook that failed for a day.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.answers import Answer, document_of, known_as, person_of
from service.channels.bodies import content_hash, json_object
from service.channels.contract import (
    Activity,
    ChannelConfig,
    Fields,
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_attribute, as_past, as_record, as_records, as_text

vendor: Final = "calendly"
title: Final = "Calendly"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "Create a webhook subscription through Calendly's API (POST /webhook_subscriptions) with the intake address as url, the secret as "
    "signing_key, and the events invitee.created, invitee.canceled, invitee_no_show.created and, with organization scope, "
    'routing_form_submission.created. Map questions by their text: answers."My question".'
)

_SCHEME: Final = Scheme(header="calendly-webhook-signature", template="{ts}.{body}", labels=("t", "v1"))
_BOOKED: Final = "invitee.created"
_CANCELED: Final = "invitee.canceled"
_ROUTED: Final = "routing_form_submission.created"
_NO_SHOWS: Final = frozenset({"invitee_no_show.created", "invitee_no_show.deleted"})
_TOLD: Final = (
    "uri",
    "status",
    "rescheduled",
    "old_invitee",
    "new_invitee",
    "cancellation",
    "cancel_url",
    "reschedule_url",
    "invitee",
)
_MEETING: Final = ("uri", "name", "start_time", "end_time", "event_type", "status", "location")


class Settings(BaseModel):
    """There is nothing to be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def new_secret() -> str | None:
    """Return a signing key to create the subscription with."""
    return secrets.token_urlsafe(32)


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a signing key, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends a booking."""
    body = (
        '{"event":"invitee.created","created_at":"2026-01-05T09:00:00.000000Z","payload":{"uri":"https://api.calendly.com/scheduled_events/'
        'SAMPLE/invitees/SAMPLE","name":"Ada Lovelace","email":"ada@example.com","status":"active","rescheduled":false,"old_invitee":null,'
        '"questions_and_answers":[{"question":"Company","answer":"Acme","position":0}],"tracking":{"utm_source":"sample"}}}'
    )
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless one of the signatures is by one of the secrets, fresh, and over a JSON object."""
    check_hmac(_SCHEME, request, channel.secrets)
    json_object(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the event with what it is about; of an update also when it was."""
    event = json_object(request)
    kind, payload = as_text(event.get("event"), 100) or "", as_record(event.get("payload"))
    uri = as_text(payload.get("uri"), 400)
    if uri is None:
        return f"body:{content_hash(event)}"
    return f"{kind}:{uri}:{as_text(event.get('created_at'), 40)}" if kind.endswith("updated") else f"{kind}:{uri}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return who booked, cancelled, stayed away or asked."""
    event = json_object(request)
    kind, payload = as_text(event.get("event"), 100), as_record(event.get("payload"))
    at = as_past(event.get("created_at"), at=request.received_at)
    if kind not in {_BOOKED, _CANCELED, _ROUTED, *_NO_SHOWS}:
        return Translation(ignored="Neither a booking nor a routing form.")
    uri = as_text(payload.get("invitee") if kind in _NO_SHOWS else payload.get("uri"), 200)
    if uri is None:
        raise Refusal("malformed_body", "The event does not say whom it is about.")
    if kind == _ROUTED:
        return Translation(submissions=(Submitted(_person(payload, channel, request, uri, at)),))
    known = known_as(vendor, uri, email=payload.get("email"), phone=payload.get("text_reminder_number"))
    happened = Activity(known, str(kind), occurred_at=at, data=_told(payload))
    if kind != _BOOKED:
        return Translation(activities=(happened,))
    return Translation(submissions=(Submitted(_person(payload, channel, request, uri, at)),), activities=(happened,))


def _person(payload: Mapping[str, Any], channel: ChannelConfig, request: Request, uri: str, at: datetime) -> Fields:
    answers = list(_answers(payload))
    tracking = as_record(payload.get("tracking"))
    stated = {
        "email": payload.get("email"),
        "full_name": payload.get("name"),
        "first_name": payload.get("first_name"),
        "last_name": payload.get("last_name"),
        "phone": payload.get("text_reminder_number"),
        "timezone": payload.get("timezone"),
        "utm": {name: value for name, value in tracking.items() if name.startswith("utm_")},
        "salesforce_uuid": tracking.get("salesforce_uuid"),
        "meeting": as_record(payload.get("scheduled_event")).get("name"),
        "routing_form": payload.get("routing_form"),
    }
    found = {name: value for name, value in stated.items() if value}
    for name, value in document_of(answers).items():
        found.setdefault(name, value)
    references = {name: answer.value for answer in answers for name in answer.names if name}
    return person_of(found, channel, request, vendor_id=uri, occurred_at=at, source={**payload, "answers": references})


def _answers(payload: Mapping[str, Any]) -> Iterator[Answer]:
    for item in as_records(payload.get("questions_and_answers")):
        yield Answer((as_text(item.get("question")), as_text(item.get("question_uuid"))), item.get("answer"))


def _told(payload: Mapping[str, Any]) -> dict[str, Any]:
    meeting = as_record(payload.get("scheduled_event"))
    told = {name: payload[name] for name in _TOLD if payload.get(name) is not None}
    if about := {name: meeting[name] for name in _MEETING if meeting.get(name) is not None}:
        told["scheduled_event"] = about
    return {name: as_attribute(value) for name, value in told.items()}
