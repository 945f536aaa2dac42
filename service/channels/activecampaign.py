"""ActiveCampaign: what happens to contacts, as a form with bracketed names; nothing is signed, the secret is in the address.

Source: developers.activecampaign.com/page/webhooks. Who subscribes or is added is a submission, who is updated revises; a subscription that the
contact made (``initiated_from`` public) is consent to marketing, an import by an administrator proves none. Unsubscribing takes it back. Opens,
clicks, tags and the rest are activities. Deliveries are never repeated when they fail: what was missed can only be read from the vendor's API.
Whether ``date_time`` has a zone is not documented [U]: without one it is in ``settings.timezone``, the account's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from service.channels.answers import known_as, person_of
from service.channels.bodies import any_object, check_object, content_hash
from service.channels.contract import (
    Activity,
    ChannelConfig,
    ConsentChange,
    Fields,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.redaction import without_query_secrets
from service.channels.shared_secret import check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import without_credentials
from service.channels.values import Timezone, as_attribute, as_past, as_record, as_text

vendor: Final = "activecampaign"
title: Final = "ActiveCampaign"
proofs: Final = ("url",)
asks_first: Final = False
setup: Final = (
    "In ActiveCampaign choose Settings > Developer > Manage webhooks > Add, paste the intake address with its secret, and choose the events and "
    'who starts them. Custom fields are mapped by their key: contact.fields."7".'
)

_ADDED: Final = frozenset({"subscribe", "contact_add"})
_UPDATED: Final = frozenset({"update", "contact_update"})
_PURPOSE: Final = "marketing"
_NAMES: Final = {"customer_acct_name": "company_name", "orgname": "company_name", "organization_name": "company_name"}
_NOT_TOLD: Final = frozenset({"contact", "type", "date_time"})


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: Timezone = "UTC"


def new_secret() -> str | None:
    """Return a secret that fits an address."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be the last part of the address, or None."""
    return url_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return True: nothing else is sent that would prove anything."""
    return True


def sample(address: str, _settings: Any) -> str:
    """Return a shell line that sends a subscription."""
    fields = {
        "type": "subscribe",
        "date_time": "2026-01-05T09:00:00-06:00",
        "initiated_from": "public",
        "list": "1",
        "contact[id]": "42",
        "contact[email]": "ada@example.com",
        "contact[first_name]": "Ada",
        "contact[last_name]": "Lovelace",
    }
    sent = " ".join(f"--data-urlencode '{name}={value}'" for name, value in fields.items())
    return f'curl -sS "{address}/$SECRET" {sent}'


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the secret is in the address and the body is a form."""
    check_shared_secret(request, channel)
    check_object(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id; never 410, which would switch the webhook off."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the type, the contact, the time and the list, and what else tells two events of one moment apart."""
    form = any_object(request)
    contact = as_text(as_record(form.get("contact")).get("id"), 100)
    if contact is None:
        return f"body:{content_hash(form)}"
    parts = [form.get("type"), contact, form.get("date_time"), form.get("list")]
    about = [form.get("tag"), as_record(form.get("campaign")).get("id"), form.get("link"), form.get("field")]
    key = ":".join(as_text(part, 60) or "" for part in parts)
    return f"{key}:{content_hash(about)}" if any(about) else key


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; the address, with its secret, is not stored at all."""
    return without_query_secrets(without_credentials(request), request, "secret", "token")


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return what happened to the contact."""
    form = any_object(request)
    kind, contact = as_text(form.get("type"), 100), as_record(form.get("contact"))
    known = known_as(vendor, contact.get("id"), email=contact.get("email"), phone=contact.get("phone"))
    if kind is None or "external_ids" not in known:
        return Translation(ignored="Not about a contact.")
    at = as_past(form.get("date_time"), at=request.received_at, zone=ZoneInfo(channel.settings.timezone))
    if kind in _ADDED | _UPDATED:
        submitted = Submitted(_fields(form, contact, channel, request, at=at), revises=kind in _UPDATED)
        by_themselves = kind == "subscribe" and form.get("initiated_from") == "public"
        given = (ConsentChange(known, _PURPOSE, granted=True, occurred_at=at),) if by_themselves else ()
        return Translation(submissions=(submitted,), consent_changes=given)
    told = {name: as_attribute(value) for name, value in list(form.items())[:50] if name not in _NOT_TOLD and value}
    happened = Activity(known, kind, occurred_at=at, data=told)
    taken_back = (ConsentChange(known, _PURPOSE, granted=False, occurred_at=at),) if kind == "unsubscribe" else ()
    return Translation(activities=(happened,), consent_changes=taken_back)


def _fields(
    form: Mapping[str, Any], contact: Mapping[str, Any], channel: ChannelConfig, request: Request, *, at: datetime
) -> Fields:
    custom = as_record(contact.get("fields"))
    document = {
        **{_NAMES.get(name, name): value for name, value in contact.items() if name not in {"id", "fields"} and value},
        **{f"field_{name}": value for name, value in custom.items() if value},
        **{name: form[name] for name in ("list", "initiated_from", "initiated_by") if form.get(name)},
    }
    return person_of(document, channel, request, vendor_id=contact.get("id"), occurred_at=at, source=form)
