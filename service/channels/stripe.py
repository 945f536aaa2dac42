"""Stripe events and what signs like it: ``t=…,v1=…`` HMAC-SHA256 over time and body, keyed with the whole ``whsec_…``. Source: Stripe's libraries.

Standard Webhooks decode their ``whsec_…``; here it is the key as it is written. A customer who is created is a lead, one who is updated revises
it, and so is whoever completes a checkout; what else happens to a customer is an activity. Events outside live mode are tests. A body
that is no event of Stripe's is read by the channel's mapping and the usual spellings.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.answers import known_as, person_of
from service.channels.bodies import json_document
from service.channels.contract import Activity, ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_past, as_record, as_text

vendor: Final = "stripe"
title: Final = "Stripe, and what signs like it"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "In Workbench > Webhooks add an endpoint with the intake address for customer.created, and if you like customer.updated and "
    "checkout.session.completed; the secret is its signing secret (whsec_…)."
)

_SCHEME: Final = Scheme(header="stripe-signature", template="{ts}.{body}", labels=("t", "v1"))
_CUSTOMERS: Final = frozenset({"customer.created", "customer.updated"})
_CHECKOUT: Final = "checkout.session.completed"


class Settings(BaseModel):
    """Nothing can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def new_secret() -> str | None:
    """Return None: Stripe makes the signing secret."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a signing secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends a new customer."""
    body = (
        '{"id":"evt_sample_1","object":"event","created":1768394116,"livemode":false,"type":"customer.created","data":{"object":'
        '{"id":"cus_sample_1","object":"customer","created":1768394116,"email":"ada@example.com","name":"Ada Lovelace"}}}'
    )
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless one of the ``v1`` signatures is by one of the secrets, fresh, and over a JSON object."""
    check_hmac(_SCHEME, request, channel.secrets)
    _body(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the event's id, else the hash of the body."""
    identifier = as_text(_body(request).get("id"))
    return f"id:{identifier}" if identifier else f"sha256:{hashlib.sha256(request.body).hexdigest()}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the customer of an event, what happened to one, or the person in a body of another kind."""
    body = _body(request)
    if body.get("object") != "event":
        return _other(body, request, channel)
    kind, thing = as_text(body.get("type"), 100) or "", as_record(as_record(body.get("data")).get("object"))
    at = as_past(body.get("created"), at=request.received_at)
    if kind in _CUSTOMERS or kind == _CHECKOUT:
        person = {**thing, **as_record(thing.get("customer_details"))} if kind == _CHECKOUT else thing
        identifier = (
            _customer(thing) if kind in _CUSTOMERS else _customer(thing, "customer") or as_text(thing.get("id"))
        )
        if identifier is None:
            raise Refusal("malformed_body", "The event has no customer.")
        fields = person_of(_document(person), channel, request, vendor_id=identifier, occurred_at=at, source=thing)
        fields["test"] = body.get("livemode") is False
        return Translation(submissions=(Submitted(fields, revises=kind == "customer.updated"),))
    customer = _customer(thing, "id" if thing.get("object") == "customer" else "customer")
    if customer is None:
        return Translation(ignored="Not an event of a customer.")
    data = {
        name: text for name in ("id", "object", "status", "amount", "currency") if (text := as_text(thing.get(name)))
    }
    return Translation(activities=(Activity(known_as(vendor, customer), kind, at, data),))


def _other(body: Mapping[str, Any], request: Request, channel: ChannelConfig) -> Translation:
    identifier = as_text(body.get("id")) or hashlib.sha256(request.body).hexdigest()
    fields = person_of(body, channel, request, vendor_id=identifier)
    if not (fields.get("email") or fields.get("phone")):
        return Translation(ignored="There is nobody in it whom one could reach.")
    return Translation(submissions=(Submitted(fields),))


def _body(request: Request) -> dict[str, Any]:
    body = json_document(request)
    if not isinstance(body, dict):
        raise Refusal("malformed_body", "The body must be a JSON object.")
    return body


def _customer(thing: Mapping[str, Any], name: str = "id") -> str | None:
    """Return a customer's id, which may stand for the customer or be in it."""
    value = thing.get(name)
    return as_text(value.get("id") if isinstance(value, dict) else value)


def _document(person: Mapping[str, Any]) -> dict[str, Any]:
    address, metadata = as_record(person.get("address")), as_record(person.get("metadata"))
    document = {
        **{name: person.get(name) for name in ("email", "name", "phone")},
        "country": address.get("country"),
        "region": address.get("state"),
        **metadata,
        "attributes": {name: text for name in ("city", "postal_code") if (text := as_text(address.get(name)))},
    }
    return {name: value for name, value in document.items() if value not in (None, "", {})}
