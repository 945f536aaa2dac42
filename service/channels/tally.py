"""Tally: responses to a form, signed with a base64 HMAC-SHA256 of the raw body when the form has a signing secret. Source: tally.so/help/webhooks.

The signature is Tally's choice, not ours: a form without one is guarded by a secret in the address (``settings.place``). Choices come as
identifiers of options and are kept as the options' texts; check boxes come twice, and their list is what counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import Answer, document_of, person_of
from service.channels.bodies import content_hash, json_object
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.redaction import without_query_secrets
from service.channels.shared_secret import check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import Scheme, check_hmac, signed_curl, without_credentials
from service.channels.values import as_past, as_record, as_records, as_text

vendor: Final = "tally"
title: Final = "Tally"
proofs: Final = ("signature", "url")
asks_first: Final = False
setup: Final = (
    "In the form choose Integrations > Webhooks > Connect, paste the intake address and, under Add a signing secret, the secret. "
    'Questions with usual names are understood; map others by their label: answers."My question".'
)

_SCHEME: Final = Scheme(header="tally-signature", notation="base64")
_FIELD_OF_TYPE: Final = {"INPUT_EMAIL": "email", "INPUT_PHONE_NUMBER": "phone"}


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: Annotated[
        Literal["signature", "url"],
        Field(
            description="Whether the secret signs, or, for a form without a signing secret, is the last part of the address."
        ),
    ] = "signature"


def new_secret() -> str | None:
    """Return a secret that can sign and fits an address."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return url_secret_fault(secret)


def secret_in_url(settings: Any) -> bool:
    """Return whether the form signs nothing."""
    return bool(settings.place == "url")


def sample(address: str, settings: Any) -> str:
    """Return a shell line that sends a response, signed where the channel asks for it."""
    body = (
        '{"eventId":"a4cb511e-d513-4fa5-baee-b815d718dfd1","eventType":"FORM_RESPONSE","createdAt":"2026-01-28T15:00:21.889Z",'
        '"data":{"responseId":"sample-1","formId":"VwbNEw","formName":"Sample","createdAt":"2026-01-28T15:00:21.000Z","fields":'
        '[{"key":"question_1","label":"Email","type":"INPUT_EMAIL","value":"ada@example.com"}]}}'
    )
    if settings.place == "url":
        return f"curl -sS \"{address}/$SECRET\" -H 'content-type: application/json' --data-binary '{body}'"
    return signed_curl(_SCHEME, address, body)


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the raw body is signed, or the secret is in the address, and the body is a JSON object."""
    if channel.settings.place == "url":
        check_shared_secret(request, channel)
    else:
        check_hmac(_SCHEME, request, channel.secrets)
    json_object(request)


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the response's id, or the hash of the body where there is none."""
    event = json_object(request)
    response = as_text(as_record(event.get("data")).get("responseId"), 200)
    return f"{as_text(event.get('eventType'), 50)}:{response}" if response else f"body:{content_hash(event)}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; its signature is evidence, not a secret."""
    return without_query_secrets(without_credentials(request), request, "secret", "token")


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person who answered."""
    event = json_object(request)
    if event.get("eventType") != "FORM_RESPONSE":
        return Translation(ignored="Not a response to a form.")
    response = as_record(event.get("data"))
    identifier = as_text(response.get("responseId"), 200)
    if identifier is None:
        raise Refusal("malformed_body", "The response has no responseId.")
    answers = list(_answers(response))
    references = {name: answer.value for answer in answers for name in answer.names if name}
    about = {
        "form_id": response.get("formId"),
        "form_name": response.get("formName"),
        "respondent_id": response.get("respondentId"),
    }
    fields = person_of(
        {**{name: value for name, value in about.items() if value}, **document_of(answers)},
        channel,
        request,
        vendor_id=identifier,
        occurred_at=as_past(response.get("createdAt") or event.get("createdAt"), at=request.received_at),
        source={**response, "answers": references},
    )
    return Translation(submissions=(Submitted(fields),))


def _answers(response: Mapping[str, Any]) -> Iterator[Answer]:
    given = as_records(response.get("fields"))
    listed = {
        field.get("key")
        for field in given
        if isinstance(field.get("value"), list) and isinstance(field.get("key"), str)
    }
    for field in given:
        kind, key, label = as_text(field.get("type")) or "", as_text(field.get("key")), as_text(field.get("label"))
        if kind == "CHECKBOXES" and isinstance(field.get("value"), bool) and key and key.rpartition("_")[0] in listed:
            continue
        yield Answer((label, key), _chosen(field), _FIELD_OF_TYPE.get(kind))


def _chosen(field: Mapping[str, Any]) -> Any:
    """Return the texts of the chosen options; what is no choice is kept as it is."""
    value, options = field.get("value"), as_records(field.get("options"))
    if not options or not isinstance(value, list):
        return value
    texts = {as_text(option.get("id")): as_text(option.get("text")) for option in options}
    chosen = [texts.get(as_text(item)) or as_text(item) for item in value]
    return chosen[0] if len(chosen) == 1 else chosen
