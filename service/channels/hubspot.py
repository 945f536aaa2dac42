"""HubSpot: arrays of events about contacts, and contacts sent by workflows; signed in one of three ways. Source: HubSpot, validating requests.

v1 is a SHA-256 over secret and body, v2 one over secret, method, address and body, v3 a keyed one with a time. A request that carries v3
is held to it. The address is the whole public one: set the service's public address when there is a proxy.

``contact.creation`` is a lead, whose properties are fetched; ``contact.privacyDeletion`` is an erasure; a property ``hs_email_optout`` that
becomes true takes back the consent to marketing; all else that happens to a contact is an activity. An event's id is not unique: portal,
subscription, event, object and time are, and the attempt's number is left out because it changes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import known_as, person_of
from service.channels.bodies import json_document, parsed_json
from service.channels.contract import (
    Activity,
    ChannelConfig,
    ConsentChange,
    Erasure,
    Fetch,
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.signatures import (
    Scheme,
    check_fresh,
    is_signed,
    signed_curl,
    text_secret_fault,
    without_credentials,
)
from service.channels.values import as_flag, as_past, as_record, as_text

vendor: Final = "hubspot"
title: Final = "HubSpot"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "The secret is the app's client secret. In the app's Webhooks set the intake address as target and subscribe to contact events, or use "
    "the action Send a webhook of a workflow (POST, signed with the app's secret). The access token needs crm.objects.contacts.read."
)

Version = Literal["v1", "v2", "v3"]
_V3: Final = Scheme(
    header="x-hubspot-signature-v3",
    template="{method}{uri}{body}{ts}",
    notation="base64",
    stamp_header="x-hubspot-request-timestamp",
    per_second=1000,
)
# HubSpot signs the address with these decoded.
_DECODED: Final = re.compile(r"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
_IDENTITY: Final = ("portalId", "subscriptionId", "eventId", "objectId", "occurredAt")
_PROPERTIES: Final = (
    "email,firstname,lastname,phone,mobilephone,company,jobtitle,country,state,industry,numemployees,website,createdate,"
    "hs_email_optout,hs_analytics_source,hs_object_id"
)
_CONTACTS: Final = "0-1"
_MAX_EVENTS: Final = 1000


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: Annotated[
        str | None,
        Field(
            max_length=1000,
            description="The app's access token, to read contacts.",
            json_schema_extra={"writeOnly": True},
        ),
    ] = None
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=200, description="HubSpot's API.")] = (
        "https://api.hubapi.com"
    )
    versions: Annotated[
        tuple[Version, ...], Field(min_length=1, max_length=3, description="The versions of signatures that are taken.")
    ] = ("v1", "v2", "v3")


def new_secret() -> str | None:
    """Return None: HubSpot makes the client secret."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a client secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends an event as v3."""
    body = (
        '[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation",'
        '"attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
    )
    return signed_curl(_V3, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the request is signed by one of the secrets in a version the channel takes, and is JSON."""
    versions, headers = channel.settings.versions, request.headers
    if "v3" in versions and _V3.header in headers:
        signed = _is_v3(request, channel.secrets)
    elif given := headers.get("x-hubspot-signature"):
        version = headers.get("x-hubspot-signature-version", "v1")
        signed = version in versions and _is_hashed(request, given, version, channel.secrets)
    else:
        raise Refusal("unsigned", "The request carries no signature of a version this channel takes.")
    if not signed:
        raise Refusal("bad_signature", "No signature of the request is by this channel's secret.")
    _events(request)


def _is_v3(request: Request, secrets: Iterable[str]) -> bool:
    stamp = request.headers.get("x-hubspot-request-timestamp")
    if not stamp:
        raise Refusal("unsigned", "The header 'x-hubspot-request-timestamp' is missing.")
    check_fresh(stamp, request.received_at, per_second=_V3.per_second)
    given = [request.headers[_V3.header]]
    return any(
        is_signed(_V3, b"".join((_prefix(request.method, uri), request.body, stamp.encode())), given, secrets)
        for uri in _addresses(request)
    )


def _is_hashed(request: Request, given: str, version: str, secrets: Iterable[str]) -> bool:
    prefixes = [b""] if version == "v1" else [_prefix(request.method, uri) for uri in _addresses(request)]
    candidate, found = given.encode("utf-8", "surrogatepass"), False
    for secret in secrets:
        for prefix in prefixes if secret else ():
            expected = hashlib.sha256(secret.encode() + prefix + request.body).hexdigest().encode()
            found |= hmac.compare_digest(candidate, expected)
    return found


def _addresses(request: Request) -> list[str]:
    address = request.public_url
    decoded = _DECODED.sub(lambda code: chr(int(code[1], 16)), address)
    return [address] if decoded == address else [address, decoded]


def _prefix(method: str, uri: str) -> bytes:
    return f"{method}{uri}".encode("latin-1", "replace")


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return a hash of the events' identities, or of a workflow's body."""
    events = _events(request)
    said = "\n".join(sorted(map(_identity, events))).encode() if events is not None else request.body
    return f"{'events' if events is not None else 'contact'}:{hashlib.sha256(said).hexdigest()}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return what the events mean, in the order in which they happened, or the contact of a workflow."""
    events = _events(request)
    if events is None:
        return _workflow(request, channel)
    events = sorted(events, key=lambda event: (as_text(event.get("occurredAt")) or "").rjust(20))
    ours = [(kind, event) for event in events if (kind := _kind(event)) and as_text(event.get("objectId"))]
    if not ours:
        return Translation(ignored="There is no event of a contact.")
    created = dict.fromkeys(str(as_text(event["objectId"])) for kind, event in ours if kind == "contact.creation")
    missing = tuple(
        Fetch(contact, f"/crm/v3/objects/contacts/{contact}", {"properties": _PROPERTIES})
        for contact in created
        if contact not in request.fetched and contact.isdigit()
    )
    if missing:
        return Translation(fetch=missing)
    # A contact that was deleted again is not there any more; the other events still happened.
    gone = {contact for contact in created if request.fetched.get(contact) == b""}
    meanings = [
        _meaning(kind, event, request, channel)
        for kind, event in ours
        if kind != "contact.creation" or as_text(event["objectId"]) not in gone
    ]
    return Translation(
        submissions=tuple(one for one in meanings if isinstance(one, Submitted)),
        activities=tuple(one for one in meanings if isinstance(one, Activity)),
        consent_changes=tuple(one for one in meanings if isinstance(one, ConsentChange)),
        erasures=tuple(one for one in meanings if isinstance(one, Erasure)),
    )


def _events(request: Request) -> list[dict[str, Any]] | None:
    """Return the events, or None for the contact of a workflow."""
    body = json_document(request)
    if isinstance(body, dict):
        return [body] if "subscriptionType" in body else None
    if not isinstance(body, list) or len(body) > _MAX_EVENTS or not all(isinstance(item, dict) for item in body):
        raise Refusal("malformed_body", f"The body must be a JSON object, or a list of at most {_MAX_EVENTS}.")
    return body


def _identity(event: Mapping[str, Any]) -> str:
    return "|".join(as_text(event.get(name)) or "" for name in _IDENTITY)


def _kind(event: Mapping[str, Any]) -> str | None:
    """Return ``contact.…``, also where the newer ``object.…`` names the type apart; None for other objects."""
    kind = as_text(event.get("subscriptionType")) or ""
    if kind.startswith("object.") and as_text(event.get("objectTypeId")) == _CONTACTS:
        return "contact." + kind.removeprefix("object.")
    return kind if kind.startswith("contact.") else None


def _meaning(
    kind: str, event: Mapping[str, Any], request: Request, channel: ChannelConfig
) -> Submitted | Activity | ConsentChange | Erasure:
    contact, key = str(as_text(event["objectId"])), _identity(event)
    occurred_at = as_past(event.get("occurredAt"), at=request.received_at)
    person = known_as(vendor, contact)
    if kind == "contact.creation":
        return _created(contact, occurred_at, request, channel, key=key)
    if kind == "contact.privacyDeletion":
        return Erasure(person, key)
    if event.get("propertyName") == "hs_email_optout" and as_flag(event.get("propertyValue")):
        return ConsentChange(person, "marketing", granted=False, occurred_at=occurred_at, key=key)
    names = ("propertyName", "propertyValue", "changeSource", "changeFlag", "mergedObjectIds", "newObjectId")
    data = {name: as_text(event[name], 1000) for name in names if event.get(name) is not None}
    return Activity(person, kind, occurred_at, data, key)


def _created(contact: str, at: datetime, request: Request, channel: ChannelConfig, *, key: str) -> Submitted:
    answer = as_record(parsed_json(request.fetched.get(contact, b"{}")))
    properties = answer.get("properties")
    if not isinstance(properties, dict):
        raise Refusal("malformed_body", "HubSpot's answer is not a contact.")
    return Submitted(person_of(_document(properties), channel, request, vendor_id=contact, occurred_at=at), key=key)


def _workflow(request: Request, channel: ChannelConfig) -> Translation:
    """Return the contact that a workflow sent; each time it is the contact as it is now."""
    body = json_document(request)
    identifier = as_text(body.get("vid")) or as_text(body.get("objectId")) or as_text(body.get("hs_object_id"))
    properties = {
        name: item["value"] if isinstance(item, dict) and "value" in item else item
        for name, item in (as_record(body.get("properties")) or body).items()
    }
    identifier = identifier or as_text(properties.get("hs_object_id"))
    if identifier is None:
        return Translation(ignored="Neither events nor a contact.")
    fields = person_of(_document(properties), channel, request, vendor_id=identifier, source=body)
    return Translation(submissions=(Submitted(fields, revises=True),))


def _document(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contact's properties; the spelling ``numemployees`` is HubSpot's own, and a contact's creation is not the lead's."""
    document = {name: value for name, value in properties.items() if value not in (None, "")}
    if "numemployees" in document:
        document["company_size"] = document.pop("numemployees")
    if as_flag(document.pop("hs_email_optout", None)):
        document["consent"] = {"marketing": False}
    return document
