"""Webflow form submissions, signed with a time. Source: Webflow's webhook documentation.

Webhooks made in the dashboard are not signed: for them the setting ``signed`` is false, and the address has the secret instead.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import Answer, document_of, person_of
from service.channels.bodies import json_document
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.shared_secret import check_shared_secret
from service.channels.signatures import Scheme, check_hmac, signed_curl, text_secret_fault, without_credentials
from service.channels.values import as_past, as_record, as_text

vendor: Final = "webflow"
title: Final = "Webflow forms"
proofs: Final = ("signature", "url")
asks_first: Final = False
setup: Final = (
    "Create a webhook for form_submission with the intake address. Made with the API, its secret (secretKey, or the OAuth app's client "
    "secret) signs every request. Made under Site settings > Apps & integrations it is not signed: set signed to false, think of a secret and "
    "paste the address with it."
)

_SCHEME: Final = Scheme(
    header="x-webflow-signature", template="{ts}:{body}", stamp_header="x-webflow-timestamp", per_second=1000
)
_KEPT: Final = {
    "form": "name",
    "form_id": "formId",
    "site_id": "siteId",
    "page_id": "pageId",
    "page_url": "publishedPath",
}


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signed: Annotated[
        bool, Field(description="Whether requests are signed; if not, the secret is the last part of the address.")
    ] = True


def new_secret() -> str | None:
    """Return None: Webflow makes the secret of what is signed."""
    return None


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(settings: Any) -> bool:
    """Return whether the webhook was made in the dashboard, which does not sign."""
    return not settings.signed


def sample(address: str, settings: Any) -> str:
    """Return a shell line that sends a submission, signed where the channel expects it."""
    body = (
        '{"triggerType":"form_submission","payload":{"name":"Contact Us","siteId":"65427cf400e02b306eaa049c","data":{"First Name":"Ada",'
        '"Last Name":"Lovelace","email":"ada@example.com","Phone Number":442079460000},"submittedAt":"2026-01-14T12:35:16.117Z",'
        '"id":"sample-1","formId":"65429eadebe8a9f3a30f62d0"}}'
    )
    if settings.signed:
        return signed_curl(_SCHEME, address, body)
    return f"curl -sS \"{address}/$SECRET\" -H 'content-type: application/json' --data-binary '{body}'"


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the request is signed, or its address has the secret, and the body is a JSON object."""
    if channel.settings.signed:
        check_hmac(_SCHEME, request, channel.secrets)
    else:
        check_shared_secret(request, channel, place="url")
    _event(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return an empty 200; after three other answers the submission is lost."""
    return Reply(200)


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the submission's id, or None for what is no submission."""
    return as_text(as_record(_event(request).get("payload")).get("id"))


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_credentials(request)


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person who filled in the form."""
    event = _event(request)
    if event.get("triggerType") != "form_submission":
        return Translation(ignored="Not a submission of a form.")
    payload = as_record(event.get("payload"))
    data, identifier = payload.get("data"), as_text(payload.get("id"))
    if not isinstance(data, dict) or identifier is None:
        raise Refusal("malformed_body", "The submission has no id or no data.")
    context = {name: text for name, key in _KEPT.items() if (text := as_text(payload.get(key)))}
    answers = document_of(Answer((name,), value) for name, value in data.items())
    fields = person_of(
        {**answers, "attributes": context},
        channel,
        request,
        vendor_id=identifier,
        occurred_at=as_past(payload.get("submittedAt"), at=request.received_at),
        source={**payload, **data},
    )
    return Translation(submissions=(Submitted(fields),))


def _event(request: Request) -> dict[str, Any]:
    event = json_document(request)
    if not isinstance(event, dict):
        raise Refusal("malformed_body", "The body must be a JSON object.")
    return event
