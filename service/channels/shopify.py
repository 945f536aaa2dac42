"""Shopify customers, signed with a base64 HMAC-SHA256 of the raw body. Source: Shopify's webhook documentation.

A customer who is created is a lead, one who is updated revises it, ``customers/redact`` is an erasure,
``customers_email_marketing_consent/update`` and its like for text messages change a consent; what else happens to a customer is an activity. The topic
is in a header that is not signed, so the body must have the topic's own shape. Nor is there a signed time: the event's id, the same over several
subscriptions, is the defence against replay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.answers import known_as, person_of
from service.channels.bodies import json_document
from service.channels.contract import (
    Activity,
    ChannelConfig,
    ConsentChange,
    Erasure,
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_past, as_record, as_text

vendor: Final = "shopify"
title: Final = "Shopify customers"
proofs: Final = ("signature",)
asks_first: Final = False
setup: Final = (
    "Subscribe to customers/create, and if you like to customers/update and customers/redact, with the intake address (format JSON). The "
    "secret is the app's client secret or, for webhooks made under Settings > Notifications, the one shown there."
)

_SCHEME: Final = Scheme(header="x-shopify-hmac-sha256", notation="base64")
_CONSENTS: Final = {"email_marketing_consent": "marketing", "sms_marketing_consent": "sms"}
_DECIDED: Final = {"subscribed": True, "unsubscribed": False, "not_subscribed": False, "redacted": False}
_KEPT: Final = ("note", "orders_count", "total_spent", "state", "verified_email", "currency", "locale", "updated_at")


class Settings(BaseModel):
    """Nothing can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def new_secret() -> str | None:
    """Return None: Shopify makes the secret."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a client secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return False: the secret never travels."""
    return False


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that signs and sends a customer."""
    body = (
        '{"id":706405506930370084,"email":"ada@example.com","first_name":"Ada","last_name":"Lovelace","phone":"+442079460000",'
        '"created_at":"2026-01-14T12:35:16Z","email_marketing_consent":{"state":"subscribed","opt_in_level":"single_opt_in"}}'
    )
    headers = (
        "x-shopify-topic: customers/create",
        "x-shopify-shop-domain: sample.myshopify.com",
        "x-shopify-test: true",
    )
    return signed_curl(_SCHEME, address, body, headers=headers)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the raw body is signed by one of the secrets and is a JSON object."""
    check_hmac(_SCHEME, request, channel.secrets)
    _body(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200; other answers are tried again eight times in four hours, then the subscription goes."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the event's id, else the delivery's, else the hash of the body."""
    headers = request.headers
    if event := headers.get("x-shopify-event-id"):
        return f"event:{event}"
    if delivery := headers.get("x-shopify-webhook-id"):
        return f"delivery:{delivery}"
    return f"{headers.get('x-shopify-topic', '')[:100]}:{hashlib.sha256(request.body).hexdigest()}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return what happened to the customer."""
    body, topic = _body(request), request.headers.get("x-shopify-topic", "")
    at = as_past(request.headers.get("x-shopify-triggered-at"), at=request.received_at)
    if topic == "customers/redact":
        return _erasure(body)
    if topic.endswith("_marketing_consent/update"):
        return _consent_changes(body, at)
    customer = as_text(body.get("id"))
    if not topic.startswith("customers/") or customer is None:
        return Translation(ignored="Not an event of a customer.")
    if topic in {"customers/create", "customers/update"}:
        return Translation(submissions=(_submitted(body, customer, request, channel),))
    if topic == "customers/data_request":
        return Translation(ignored="A request for a person's data is for people to answer.")
    return Translation(activities=(Activity(known_as(vendor, customer, email=body.get("email")), topic[:100], at),))


def _body(request: Request) -> dict[str, Any]:
    body = json_document(request)
    if not isinstance(body, dict):
        raise Refusal("malformed_body", "The body must be a JSON object.")
    return body


def _submitted(body: Mapping[str, Any], customer: str, request: Request, channel: ChannelConfig) -> Submitted:
    topic = request.headers.get("x-shopify-topic", "")
    home = as_record(body.get("default_address"))
    shop = request.headers.get("x-shopify-shop-domain")
    kept = {"shop": shop, "city": home.get("city"), **{name: body.get(name) for name in _KEPT}}
    document = {
        **{name: body.get(name) for name in ("email", "first_name", "last_name", "tags")},
        "phone": body.get("phone") or home.get("phone"),
        "company_name": home.get("company"),
        "country": home.get("country_code") or home.get("country"),
        "region": home.get("province"),
        "consent": {purpose: granted for purpose, granted, _ in _decisions(body)},
        "attributes": {name: value for name, value in kept.items() if value not in (None, "")},
    }
    created = topic == "customers/create"
    occurred_at = as_past(body.get("created_at" if created else "updated_at"), at=request.received_at)
    given = {name: value for name, value in document.items() if value not in (None, "", {})}
    fields = person_of(given, channel, request, vendor_id=customer, occurred_at=occurred_at, source=body)
    fields["test"] = request.headers.get("x-shopify-test", "").lower() == "true"
    return Submitted(fields, revises=not created)


def _decisions(body: Mapping[str, Any]) -> list[tuple[str, bool, Any]]:
    """Return the purposes that were decided about, how, and when; a double opt-in that is pending is no decision."""
    found = []
    for name, purpose in _CONSENTS.items():
        consent = as_record(body.get(name))
        granted = _DECIDED.get((as_text(consent.get("state")) or "").lower())
        if granted is not None:
            found.append((purpose, granted, consent.get("consent_updated_at")))
    return found


def _erasure(body: Mapping[str, Any]) -> Translation:
    customer = as_record(body.get("customer"))
    if "shop_domain" not in body or (identifier := as_text(customer.get("id"))) is None:
        raise Refusal("malformed_body", "The body is not a request to forget a customer.")
    person = known_as(vendor, identifier, email=customer.get("email"), phone=customer.get("phone"))
    return Translation(erasures=(Erasure(person),))


def _consent_changes(body: Mapping[str, Any], at: datetime) -> Translation:
    person = known_as(vendor, body.get("customer_id"), email=body.get("email_address"), phone=body.get("phone"))
    decisions = _decisions(body)
    if not person or not decisions:
        return Translation(ignored="Nobody decided anything.")
    return Translation(
        consent_changes=tuple(
            ConsentChange(person, purpose, granted, as_past(when, at=at)) for purpose, granted, when in decisions
        )
    )
