"""Mailchimp: what happens to an audience's members, as a form with PHP's bracketed names; nothing is signed, the secret is in the address.

The address is checked with GET (and HEAD), which must be answered with 200. Who subscribes has told us who they are: a submission, with
consent to marketing. Who unsubscribes, or complains, takes it back. A changed profile revises. A changed address is an activity under the old
address, which also learns the member's new id, so that what comes later finds the same person. ``fired_at`` is UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from service.channels.answers import known_as, person_of
from service.channels.bodies import any_object, check_object, content_hash
from service.channels.contract import (
    Activity,
    ChannelConfig,
    ConsentChange,
    Fields,
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.redaction import without_query_secrets
from service.channels.shared_secret import check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import without_credentials
from service.channels.values import as_attribute, as_past, as_record, as_text

vendor: Final = "mailchimp"
title: Final = "Mailchimp"
proofs: Final = ("url",)
asks_first: Final = True
setup: Final = (
    "In the audience choose Settings > Webhooks > Create new webhook, paste the intake address with its secret, and choose subscribes, "
    "unsubscribes, profile updates, email changed and cleaned. Merge fields are mapped by their tag: merges.MMERGE7."
)

_PURPOSE: Final = "marketing"
_KEPT: Final = ("list_id", "web_id", "email_type", "ip_opt", "ip_signup")


class Settings(BaseModel):
    """There is nothing to be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Event(NamedTuple):
    data: Mapping[str, Any]
    channel: ChannelConfig
    request: Request
    at: datetime

    def known(self) -> Fields:
        return known_as(vendor, self.data.get("id"), email=self.data.get("email"))


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
        "fired_at": "2026-01-26 21:35:57",
        "data[id]": "8a25ff1d98",
        "data[list_id]": "a6b5da1054",
        "data[email]": "ada@example.com",
        "data[merges][EMAIL]": "ada@example.com",
        "data[merges][FNAME]": "Ada",
        "data[merges][LNAME]": "Lovelace",
    }
    sent = " ".join(f"--data-urlencode '{name}={value}'" for name, value in fields.items())
    return f'curl -sS "{address}/$SECRET" {sent}'


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the secret is in the address and the body is a form."""
    check_shared_secret(request, channel)
    check_object(request)


def handshake(request: Request, channel: ChannelConfig) -> Reply | None:
    """Return 200 to a look at the right address; a wrong one is refused at once, where the operator sees it."""
    if request.method == "POST":
        return None
    check_shared_secret(request, channel)
    return Reply(200, b"", "text/plain")


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the type, the member and the time, there is no id of the event; without an id of the member, the hash of it all.

    Keys are kept for ever: an address would outlive its person's erasure in them.
    """
    form = any_object(request)
    data = as_record(form.get("data"))
    member = next((text for name in ("id", "new_id") if (text := as_text(data.get(name), 200))), None)
    if member is None:
        return f"body:{content_hash(form)}"
    about = ":".join(
        as_text(value, 40) or "" for value in (form.get("type"), form.get("fired_at"), data.get("list_id"))
    )
    return f"{about}:{member}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; the address, with its secret, is not stored at all."""
    return without_query_secrets(without_credentials(request), request, "secret", "token")


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return what happened to the member."""
    form = any_object(request)
    meaning = _MEANINGS.get(as_text(form.get("type"), 50) or "")
    if meaning is None:
        return Translation(ignored="Not about a member of the audience.")
    data = as_record(form.get("data"))
    if not any(as_text(data.get(name)) for name in ("id", "email", "new_id", "old_email")):
        raise Refusal("malformed_body", "The event does not say whom it is about.")
    return meaning(_Event(data, channel, request, as_past(form.get("fired_at"), at=request.received_at)))


def _subscribed(event: _Event) -> Translation:
    return Translation(
        submissions=(Submitted(_fields(event)),),
        consent_changes=(ConsentChange(event.known(), _PURPOSE, granted=True, occurred_at=event.at),),
    )


def _unsubscribed(event: _Event) -> Translation:
    told = _told(event, "action", "reason", "campaign_id", "list_id")
    return Translation(
        activities=(Activity(event.known(), "unsubscribe", occurred_at=event.at, data=told),),
        consent_changes=(ConsentChange(event.known(), _PURPOSE, granted=False, occurred_at=event.at),),
    )


def _changed(event: _Event) -> Translation:
    return Translation(submissions=(Submitted(_fields(event), revises=True),))


def _moved(event: _Event) -> Translation:
    """Return the person under the old address with the member's new id: by it the next profile, with the new address, revises."""
    person = known_as(vendor, event.data.get("new_id"), email=event.data.get("old_email"))
    person |= {"channel": event.channel.key, "occurred_at": event.at}
    told = _told(event, "new_id", "new_email", "old_email", "list_id")
    return Translation(
        submissions=(Submitted(person),),
        activities=(Activity(person, "upemail", occurred_at=event.at, data=told),),
    )


def _cleaned(event: _Event) -> Translation:
    """Return the end of an address: it bounced, or its owner called us a spammer."""
    told = _told(event, "reason", "campaign_id", "list_id")
    happened = Activity(event.known(), "cleaned", occurred_at=event.at, data=told)
    if event.data.get("reason") != "abuse":
        return Translation(activities=(happened,))
    taken_back = ConsentChange(event.known(), _PURPOSE, granted=False, occurred_at=event.at)
    return Translation(activities=(happened,), consent_changes=(taken_back,))


_MEANINGS: Final[Mapping[str, Callable[[_Event], Translation]]] = {
    "subscribe": _subscribed,
    "unsubscribe": _unsubscribed,
    "profile": _changed,
    "upemail": _moved,
    "cleaned": _cleaned,
}


def _fields(event: _Event) -> Fields:
    merges = as_record(event.data.get("merges"))
    kept = {name: event.data[name] for name in _KEPT if event.data.get(name)}
    document = {"email": event.data.get("email"), **kept, **{name: value for name, value in merges.items() if value}}
    return person_of(
        document, event.channel, event.request, vendor_id=event.data.get("id"), occurred_at=event.at, source=event.data
    )


def _told(event: _Event, *names: str) -> dict[str, Any]:
    return {name: as_attribute(event.data[name]) for name in names if event.data.get(name) is not None}
