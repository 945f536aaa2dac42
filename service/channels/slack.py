"""Slack and what signs like it: ``v0`` HMAC-SHA256 over version, time and body. Source: Slack, verifying requests.

Events in their envelope, slash commands and other forms. Whoever joined a team (``team_join``) is a lead; of other events and forms the person
that the channel's mapping or the usual spellings find is one, if there is an e-mail address or a telephone number. The verification token
and the addresses to respond to, which Slack puts into bodies, are credentials and not stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from service.channels.answers import person_of
from service.channels.bodies import document
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.redaction import redacted_json, redacted_pairs
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_past, as_record, as_text

vendor: Final = "slack"
title: Final = "Slack, and what signs like it"
proofs: Final = ("signature",)
asks_first: Final = True
setup: Final = (
    "The secret is the app's signing secret (Basic information). Paste the intake address as Request URL under Event subscriptions, where Slack "
    "verifies it, or under Slash commands."
)

_SCHEME: Final = Scheme(
    header="x-slack-signature", template="v0:{ts}:{body}", prefix="v0=", stamp_header="x-slack-request-timestamp"
)
_SECRET_FIELDS: Final = ("token", "response_url")
_MAX_CHALLENGE: Final = 1000
_PROFILE: Final = {
    "email": "email",
    "phone": "phone",
    "full_name": "real_name",
    "first_name": "first_name",
    "last_name": "last_name",
    "job_title": "title",
}


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    types: Annotated[
        tuple[str, ...] | None,
        Field(description="Types of events that carry people; others are ignored. Absent: all do."),
    ] = None


def new_secret() -> str | None:
    """Return None: Slack makes the signing secret."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a signing secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, settings: Any) -> str:
    """Return a shell line that signs and sends an event."""
    kind = settings.types[0] if settings.types else "team_join"
    user = '{"id":"U012A3CDE","profile":{"email":"ada@example.com","real_name":"Ada Lovelace"}}'
    body = (
        f'{{"type":"event_callback","team_id":"T061EG9R6","event":{{"type":"{kind}","user":{user}}},"event_id":"Ev-sample-1",'
        '"event_time":1768394116}'
    )
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the request is signed by one of the secrets, fresh, and an object or a form."""
    check_hmac(_SCHEME, request, channel.secrets)
    _body(request)


def handshake(request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return the challenge of a ``url_verification``, whose signature was checked."""
    if request.method != "POST":
        return None
    body = _body(request)
    if body.get("type") != "url_verification":
        return None
    return Reply(200, to_json({"challenge": as_text(body.get("challenge"), _MAX_CHALLENGE) or ""}))


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the event's id, or that of the click or command, else the hash of the body."""
    body = _body(request)
    for name in ("event_id", "trigger_id"):
        if identifier := as_text(body.get(name)):
            return f"{name}:{identifier}"
    return f"sha256:{hashlib.sha256(request.body).hexdigest()}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without the credentials in its headers and its body."""
    body, stored = _body(request), without_credentials(request)
    if not any(name.casefold() in _SECRET_FIELDS for name in body):
        return stored
    if request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return stored._replace(body=redacted_pairs(request.body.decode("latin-1"), _SECRET_FIELDS).encode("latin-1"))
    return Stored(
        {**stored.headers, "content-type": "application/json"},
        stored.query,
        redacted_json(request.body, body, _SECRET_FIELDS),
    )


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person of an event or of a form."""
    body = _body(request)
    event = as_record(body.get("event"))
    kind = as_text(event.get("type")) or as_text(body.get("type")) or ""
    if channel.settings.types is not None and kind not in channel.settings.types:
        return Translation(ignored="The channel does not take events of this type.")
    user = as_record(event.get("user"))
    said = {**event, **_profile(user)} if event else body
    known = {name: value for name, value in said.items() if name not in {*_SECRET_FIELDS, "type", "user"}}
    identifier = as_text(user.get("id")) or _id(event.get("user")) or as_text(body.get("user_id"))
    identifier = identifier or as_text(body.get("event_id")) or as_text(body.get("trigger_id"))
    at = as_past(body.get("event_time"), at=request.received_at)
    fields = person_of(known, channel, request, vendor_id=identifier, occurred_at=at, source=body)
    if not (fields.get("email") or fields.get("phone")):
        return Translation(ignored="There is nobody in it whom one could reach.")
    fields.setdefault("external_ids", {}).setdefault(vendor, hashlib.sha256(request.body).hexdigest())
    return Translation(submissions=(Submitted(fields),))


def _id(value: Any) -> str | None:
    return value[:100] if isinstance(value, str) and value.strip() else None


def _body(request: Request) -> dict[str, Any]:
    body = document(request)
    if not isinstance(body, dict):
        raise Refusal("malformed_body", "The body must be a JSON object or a form.")
    return body


def _profile(user: Mapping[str, Any]) -> dict[str, Any]:
    profile = as_record(user.get("profile"))
    found = {field: profile.get(name) for field, name in _PROFILE.items()}
    return {field: value for field, value in found.items() if value not in (None, "")}
