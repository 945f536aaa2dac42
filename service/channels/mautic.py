"""Mautic: batches of events, signed with a base64 HMAC-SHA256 of the raw body. Source: mautic/mautic, WebhookBundle, and its developer documentation.

A contact that became known, changed or submitted a form is a submission; a changed subscription is a change of consent, unless the address
only bounced; points, opens, page hits and the rest are activities. Visitors without e-mail address and telephone are nobody yet. PHP escapes
slashes and everything that is not ASCII: only the raw bytes verify. A contact that is deleted was tidied up there, which is no wish to be
forgotten; ``settings.erase_deleted`` says it is. Mautic does not send again what failed. Its test payloads are told by their addresses [U].
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import known_as, person_of
from service.channels.bodies import content_hash, json_object
from service.channels.contract import (
    Activity,
    ChannelConfig,
    ConsentChange,
    Erasure,
    Fields,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_attribute, as_past, as_record, as_records, as_tags, as_text

vendor: Final = "mautic"
title: Final = "Mautic"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "In Mautic choose Settings > Webhooks > New, paste the intake address as POST URL and the secret, and choose Contact identified, Contact "
    "updated, Contact points changed, Contact channel subscription change and Form submit. Map fields by their alias: fields.my_alias, results.f_name."
)

_SCHEME: Final = Scheme(header="webhook-signature", notation="base64")
_PREFIX: Final = "mautic."
_NEW: Final = "lead_post_save_new"
_CHANGED: Final = "lead_post_save_update"
_FORM: Final = "form_on_submit"
_SUBSCRIPTION: Final = "lead_channel_subscription_changed"
_DELETED: Final = "lead_post_delete"
_CONSENT: Final = {"contactable": True, "unsubscribed": False, "manual": False}
_PURPOSE: Final = {"email": "marketing"}
_UNSUBSCRIBED: Final = frozenset({"1", "3"})
_WHOLE_PEOPLE: Final = frozenset({"contact", "lead", "timestamp", "company", "tokens", "content"})


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    erase_deleted: Annotated[bool, Field(description="Forget a person whose contact is deleted in Mautic.")] = False
    test_emails: Annotated[
        tuple[str, ...], Field(max_length=20, description="Addresses, in lower case, that only test payloads have.")
    ] = ("email@formsubmit.com",)


@dataclass(slots=True)
class _Found:
    """What a batch means, as it is read."""

    submissions: list[Submitted] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    consent_changes: list[ConsentChange] = field(default_factory=list)
    erasures: list[Erasure] = field(default_factory=list)


def new_secret() -> str | None:
    """Return a secret to be typed into the webhook's form."""
    return secrets.token_hex(32)


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends a contact that became known."""
    body = (
        '{"mautic.lead_post_save_new":[{"contact":{"id":52,"points":0,"fields":{"core":{"email":{"alias":"email","value":"ada@example.com"},'
        '"firstname":{"alias":"firstname","value":"Ada"}}}},"timestamp":"2026-01-05T09:00:00+00:00"}]}'
    )
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the raw body is signed by one of the secrets and is a JSON object."""
    check_hmac(_SCHEME, request, channel.secrets)
    json_object(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the hash of the batch: it has no id, and its events have their times in it."""
    return content_hash(json_object(request))


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return what the batch's events mean, each recognised on its own."""
    found = _Found()
    for kind, item in _events(json_object(request)):
        _read(kind, item, found, channel=channel, request=request)
    meaning = Translation(
        tuple(found.submissions), tuple(found.activities), tuple(found.consent_changes), tuple(found.erasures)
    )
    return (
        meaning if meaning != Translation() else Translation(ignored="Nothing in it is about somebody we could know.")
    )


def _events(batch: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, items in batch.items():
        if name.startswith(_PREFIX):
            for item in as_records(items):
                yield name.removeprefix(_PREFIX), item


def _read(kind: str, item: Mapping[str, Any], found: _Found, *, channel: ChannelConfig, request: Request) -> None:
    contact = _contact(item)
    values = _values(contact)
    identifier = item.get("id") if kind == _DELETED else contact.get("id")
    person = known_as(vendor, identifier, email=values.get("email"), phone=values.get("phone") or values.get("mobile"))
    at = as_past(item.get("timestamp"), at=request.received_at)
    key, status = f"{kind}:{content_hash(item)}", as_text(item.get("new_status")) or ""
    if "external_ids" not in person:
        return
    if kind in {_NEW, _CHANGED, _FORM}:
        fields = _fields(item, contact, values, channel=channel, request=request, at=at)
        if fields.get("email") or fields.get("phone"):
            found.submissions.append(Submitted(fields, key=key, revises=kind == _CHANGED))
    elif kind == _SUBSCRIPTION and status in _CONSENT:
        medium = as_text(item.get("channel"), 100) or "email"
        found.consent_changes.append(ConsentChange(person, _PURPOSE.get(medium, medium), _CONSENT[status], at, key))
    elif kind == _DELETED and channel.settings.erase_deleted:
        found.erasures.append(Erasure(person, key))
    else:
        found.activities.append(Activity(person, kind, at, _told(item), key))


def _contact(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contact of an event, wherever that kind of event keeps it."""
    places = (item, *(as_record(item.get(name)) for name in ("submission", "hit", "stat")))
    return next(
        (contact for place in places for name in ("contact", "lead") if (contact := as_record(place.get(name)))), {}
    )


def _values(contact: Mapping[str, Any]) -> dict[str, Any]:
    """Return the contact's fields, of whatever group, by their alias."""
    values: dict[str, Any] = {}
    for group in as_record(contact.get("fields")).values():
        for alias, known in as_record(group).items():
            value = known.get("value") if isinstance(known, dict) else known
            if value not in (None, "", [], {}):
                values.setdefault(alias, value)
    return values


def _fields(
    item: Mapping[str, Any],
    contact: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    channel: ChannelConfig,
    request: Request,
    at: datetime,
) -> Fields:
    submission = as_record(item.get("submission"))
    results = {
        name: value for name, value in as_record(submission.get("results")).items() if value not in (None, "", [])
    }
    form = as_record(submission.get("form"))
    about = {"form_id": form.get("id"), "form_name": form.get("name"), "referer": submission.get("referer")}
    document = {**values, **results, **{name: value for name, value in about.items() if value}}
    document["tags"] = list(as_tags([tag.get("tag") for tag in as_records(contact.get("tags"))]))
    # What the form says of an address is new; which contact it is, Mautic knows better.
    fields = person_of(
        {name: value for name, value in document.items() if value},
        channel,
        request,
        vendor_id=contact.get("id"),
        occurred_at=as_past(submission.get("dateSubmitted"), at=at),
        source={**item, "fields": dict(values), "results": results},
    )
    refused = [
        entry for entry in as_records(contact.get("doNotContact")) if as_text(entry.get("reason")) in _UNSUBSCRIBED
    ]
    if refusals := {
        _PURPOSE.get(medium, medium): False for entry in refused if (medium := as_text(entry.get("channel"), 100))
    }:
        fields["consent"] = {**fields.get("consent", {}), **refusals}
    if fields.get("email", "").lower() in channel.settings.test_emails:
        fields["test"] = True
    return fields


def _told(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event says besides whom it is about."""
    told: dict[str, Any] = {}
    for name, value in list(item.items())[:50]:
        if name not in _WHOLE_PEOPLE:
            inner = {k: v for k, v in value.items() if k not in _WHOLE_PEOPLE} if isinstance(value, dict) else value
            told[name] = as_attribute(inner)
    return told
