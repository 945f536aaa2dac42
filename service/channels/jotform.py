"""Jotform: a multipart form with the answers as JSON text in ``rawRequest``; nothing is signed, the secret is in the address.

The answers' names are ``q<number>_<name>``; a question's name and the parts of its answer (first and last name, area code and number,
address) say what it is. A webhook that was registered twice delivers everything twice, and an entry that is edited may be delivered again
under the same ``submissionID``: the same answers are a duplicate, others revise. Whether edits come is a setting of the form [U].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.channels.answers import Answer, document_of, person_of
from service.channels.bodies import any_object, content_hash, parsed_json
from service.channels.contract import ChannelConfig, Refusal, Reply, Request, Stored, Submitted, Translation
from service.channels.redaction import without_query_secrets
from service.channels.shared_secret import check_shared_secret, fresh_secret, url_secret_fault
from service.channels.signatures import without_credentials
from service.channels.values import as_text

vendor: Final = "jotform"
title: Final = "Jotform"
proofs: Final = ("url",)
asks_first: Final = False
setup: Final = (
    "In the form builder choose Settings > Integrations > WebHooks and add the intake address with its secret, once: an address that is added "
    "twice delivers twice. Questions with usual names are understood; map others by their unique name: answers.myQuestion."
)

_QUESTION: Final = re.compile(r"q(\d+)_?(.*)", re.DOTALL)
# What the form's own script adds.
_NOISE: Final = frozenset(
    {
        "slug",
        "jsExecutionTracker",
        "submitSource",
        "submitDate",
        "buildDate",
        "uploadServerUrl",
        "eventObserver",
        "event_id",
    }
    | {
        "timeToSubmit",
        "validatedNewRequiredFieldIDs",
        "temp_upload",
        "path",
        "preview",
        "formID",
        "website",
        "simple_spc",
    }
)
_ADDRESS: Final = {"country": "country", "state": "region"}


class Settings(BaseModel):
    """There is nothing to be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """Return a shell line that sends an entry."""
    answers = '{"q3_name":{"first":"Ada","last":"Lovelace"},"q4_email":"ada@example.com","q5_phoneNumber":{"full":"(415) 555-0134"}}'
    fields = {"formID": "243231271343446", "submissionID": "6084250982513018472", "formTitle": "Sample", "type": "WEB"}
    sent = " ".join(f"--form-string '{name}={value}'" for name, value in {**fields, "rawRequest": answers}.items())
    return f'curl -sS "{address}/$SECRET" {sent}'


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the secret is in the address and the form has its answers."""
    check_shared_secret(request, channel)
    _answers(any_object(request))


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return 200 with the delivery's id."""
    return Reply(200, b'{"id":"%b"}' % delivery_id.encode())


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return the entry's id with the hash of its answers; what the form's script noted of the visit does not count."""
    form = any_object(request)
    answers = {name: value for name, value in _answers(form).items() if name not in _NOISE}
    return f"{as_text(form.get('submissionID'), 100) or ''}:{content_hash(answers)}"


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials; the address, with its secret, is not stored at all."""
    return without_query_secrets(without_credentials(request), request, "secret", "token")


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the person who filled the form in."""
    form = any_object(request)
    submission = as_text(form.get("submissionID"), 100)
    if submission is None:
        raise Refusal("malformed_body", "The form has no submissionID.")
    raw = _answers(form)
    asked = list(_questions(raw))
    references = {
        name: value for question in asked for name, value in ((name, question.value) for name in question.names) if name
    }
    about = {name: form.get(name) for name in ("formID", "formTitle", "ip") if form.get(name)}
    fields = person_of(
        {**about, **document_of(part for question in asked for part in _parts(question))},
        channel,
        request,
        vendor_id=submission,
        source={**form, "rawRequest": raw, "answers": references},
    )
    return Translation(submissions=(Submitted(fields, revises=True),))


def _answers(form: Mapping[str, Any]) -> dict[str, Any]:
    raw = parsed_json(as_text(form.get("rawRequest"), 1_000_000) or "null")
    if not isinstance(raw, dict):
        raise Refusal("malformed_body", "The form has no rawRequest with a JSON object in it.")
    return raw


def _questions(raw: Mapping[str, Any]) -> Iterator[Answer]:
    for name, value in raw.items():
        if name in _NOISE:
            continue
        found = _QUESTION.fullmatch(name)
        yield Answer(((found[2] if found and found[2] else name), name), value)


def _parts(question: Answer) -> Iterator[Answer]:
    """Return an answer as the fields that its parts say it is."""
    value, name = question.value, question.names[0] or ""
    if not isinstance(value, dict):
        yield question
    elif "first" in value and "last" in value:
        yield Answer(("first_name",), value.get("first"))
        yield Answer(("last_name",), value.get("last"))
    elif "full" in value or {"area", "phone"} <= value.keys():
        number = as_text(value.get("full")) or " ".join(
            text for part in ("country", "area", "phone") if (text := as_text(value.get(part)))
        )
        yield Answer(question.names, number, "phone")
    elif "addr_line1" in value or "postal" in value:
        yield Answer((name,), value)
        yield from (Answer((), value.get(part), field) for part, field in _ADDRESS.items())
    else:
        yield question
