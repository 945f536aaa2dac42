"""Intercom: notifications signed with ``X-Hub-Signature``, a hex HMAC-SHA1 of the raw body with the app's client secret. Source: developers.intercom.com.

A contact that appears or changes is a submission: a lead of the messenger has told who it is. Subscriptions are changes of consent.
Conversations, tags and everything else that people do are activities. An address is checked with HEAD, and tested with the topic ``ping``.
A contact that was deleted or archived was tidied up there, which is no wish to be forgotten; ``settings.erase_deleted`` says it is.
The bodies of ``contact.subscribed``, ``contact.unsubscribed`` and tags vary by version [U]: the contact is looked for in the item and inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_attribute, as_past, as_record, as_records, as_text

vendor: Final = "intercom"
title: Final = "Intercom"
proofs: Final = ("signature",)
asks_first: Final = True
setup: Final = (
    "In Intercom's Developer Hub open your app, choose Webhooks, paste the intake address and choose topics such as contact.lead.created, "
    "contact.email.updated, contact.unsubscribed and conversation.user.created. The secret is the app's client secret (Basic information)."
)

_SCHEME: Final = Scheme(header="x-hub-signature", prefix="sha1=", algorithm="sha1")
_ARRIVED: Final = frozenset(
    {"contact.created", "contact.lead.created", "contact.user.created", "contact.lead.signed_up"}
)
_CHANGED: Final = frozenset(
    {
        "contact.updated",
        "contact.user.updated",
        "contact.lead.updated",
        "contact.email.updated",
        "contact.lead.added_email",
    }
)
_GONE: Final = frozenset({"contact.deleted", "contact.user.deleted", "contact.lead.deleted"})
_CONSENT: Final = {"contact.subscribed": True, "contact.unsubscribed": False, "user.unsubscribed": False}
_OTHERS: Final = (
    "contact.",
    "conversation.",
    "event.",
    "user.",
    "visitor.",
    "message.",
    "ticket.",
    "conversation_part.",
)
_FIELDS: Final = {"email": "email", "phone": "phone", "name": "full_name"}
_KEPT: Final = ("role", "external_id", "referrer", "browser_language", "custom_attributes", "owner_id", "workspace_id")
_TOLD: Final = ("type", "id", "title", "state", "tag", "event_name", "subscription", "delivery_as", "created_at")
_PEOPLE: Final = frozenset({"contact", "user", "lead"})
_PLACE: Final = {"country": "country", "region": "region"}


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    erase_deleted: Annotated[bool, Field(description="Forget a person whose contact is deleted in Intercom.")] = False


def new_secret() -> str | None:
    """Return None: the client secret is Intercom's."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a client secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends the notification of a new lead."""
    body = (
        '{"type":"notification_event","app_id":"abc","data":{"type":"notification_event_data","item":{"type":"contact","id":"sample-1",'
        '"role":"lead","email":"ada@example.com","name":"Ada Lovelace"}},"id":"notif_sample","topic":"contact.lead.created",'
        '"delivery_status":"pending","delivery_attempts":1,"first_sent_at":1583924000,"created_at":1583924000}'
    )
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the raw body is signed by one of the secrets and is a JSON object."""
    check_hmac(_SCHEME, request, channel.secrets)
    json_object(request)


def handshake(request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return 200 to a look at the address and to a signed ``ping``."""
    if request.method != "POST" or json_object(request).get("topic") == "ping":
        return Reply(200, b"", "text/plain")
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the notification's id, which all attempts share, or the hash of what it says."""
    event = json_object(request)
    notification = as_text(event.get("id"), 200)
    return notification or f"body:{content_hash([event.get('topic'), event.get('created_at'), event.get('data')])}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return what the notification says of somebody."""
    event = json_object(request)
    topic, item = as_text(event.get("topic"), 100) or "", as_record(as_record(event.get("data")).get("item"))
    at = as_past(event.get("created_at"), at=request.received_at)
    if not topic.startswith(_OTHERS):
        return Translation(ignored="Not about a contact.")
    contact = _contact(item)
    if as_text(contact.get("id")) is None and as_text(contact.get("email")) is None:
        if topic in _ARRIVED | _CHANGED:
            raise Refusal("malformed_body", "The notification has no contact with an id.")
        return Translation(ignored="There is no contact in it.")
    if topic in _ARRIVED or topic in _CHANGED:
        fields = _fields(contact, channel, request, at)
        return Translation(submissions=(Submitted(fields, revises=topic in _CHANGED),))
    person = known_as(vendor, contact.get("id"), email=contact.get("email"), phone=contact.get("phone"))
    if topic in _CONSENT:
        return Translation(
            consent_changes=(ConsentChange(person, "marketing", granted=_CONSENT[topic], occurred_at=at),)
        )
    if topic in _GONE and channel.settings.erase_deleted:
        return Translation(erasures=(Erasure(person),))
    told = {name: as_attribute(item[name]) for name in _TOLD if item.get(name) is not None}
    return Translation(activities=(Activity(person, topic, occurred_at=at, data=told),))


def _contact(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the contact an item is, or has: as ``contact``, among its ``contacts``, or as a conversation's author."""
    if as_text(item.get("type")) in _PEOPLE:
        return item
    inner = as_record(item.get("contact")) or as_record(item.get("user"))
    author = as_record(as_record(item.get("source")).get("author"))
    if not inner and as_text(author.get("type")) in _PEOPLE:
        inner = author
    listed = as_records(as_record(item.get("contacts")).get("contacts")) or as_records(item.get("contacts"))
    return inner or (listed[0] if listed else {})


def _fields(contact: Mapping[str, Any], channel: ChannelConfig, request: Request, at: datetime) -> Fields:
    location = as_record(contact.get("location")) or as_record(contact.get("location_data"))
    companies = as_records(
        as_record(contact.get("companies")).get("data") or as_record(contact.get("companies")).get("companies")
    )
    stated = {
        **{field: contact.get(name) for name, field in _FIELDS.items()},
        **{field: location.get(name) for name, field in _PLACE.items()},
        "company_name": companies[0].get("name") if companies else None,
        "utm": {name: value for name, value in contact.items() if name.startswith("utm_") and value},
        "tags": [as_text(tag.get("name")) for tag in as_records(as_record(contact.get("tags")).get("data"))],
        "attributes": {name: contact[name] for name in _KEPT if contact.get(name)},
    }
    found = {name: value for name, value in stated.items() if value}
    return person_of(found, channel, request, vendor_id=contact.get("id"), occurred_at=at, source=contact)
