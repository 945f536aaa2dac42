"""Answers to a form's questions, and the person behind them as one vendor knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple

from service.channels.contract import ChannelConfig, Fields, Request
from service.channels.mapping import fields_of
from service.channels.spellings import field_of
from service.channels.values import as_text

_MAX_ANSWERS: Final = 500
_LONGEST_NAME: Final = 100
_NOT_ASKED: Final = frozenset({"external_id", "external_ids", "occurred_at", "test", "attributes"})


class Answer(NamedTuple):
    """One answer: what the question is called, the most telling name first, and which field its type says it is."""

    names: tuple[str | None, ...]
    value: Any
    field: str | None = None


def document_of(answers: Iterable[Answer]) -> dict[str, Any]:
    """Return answers by the name that has a meaning, else by the field of their type, else by their first name.

    Of two answers with the same name the first keeps it; the other one is counted up. What a visitor must not decide (whose record
    this is, when it was, whether it counts), and answers with a structure of their own, are attributes.
    """
    found: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    for answer in islice(answers, _MAX_ANSWERS):
        if answer.value in (None, "", [], {}):
            continue
        names = [name for name in answer.names if name]
        name = next((name for name in names if _asked(name)), None) or answer.field or (names[0] if names else "answer")
        is_plain = not isinstance(answer.value, dict) and (field_of(name) is None or _asked(name))
        place = found if is_plain else attributes
        place[_free(name[:_LONGEST_NAME], place)] = answer.value
    return {**found, "attributes": attributes} if attributes else found


def _asked(name: str) -> bool:
    """Return whether the name means something that a form may ask a visitor."""
    meaning = field_of(name)
    return meaning is not None and meaning[0] not in _NOT_ASKED


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free


def person_of(
    document: Mapping[str, Any],
    channel: ChannelConfig,
    request: Request,
    *,
    vendor_id: Any,
    occurred_at: datetime | None = None,
    source: Mapping[str, Any] | None = None,
) -> Fields:
    """Return the fields in a document with the vendor's own id of them and the vendor's own time.

    ``source`` is where the operator's mapping looks; what it says of the time and of other ids stands.
    """
    fields = fields_of(document, channel, at=request.received_at, source=source)
    identified = known_as(channel.vendor, vendor_id)
    fields["external_ids"] = {**fields.get("external_ids", {}), **identified.get("external_ids", {})}
    if occurred_at is not None and "occurred_at" not in channel.mapping:
        fields["occurred_at"] = occurred_at
    return fields


def known_as(vendor: str, vendor_id: Any, *, email: Any = None, phone: Any = None) -> Fields:
    """Return nothing but what identifies somebody the vendor speaks of."""
    person: Fields = {}
    if identifier := as_text(vendor_id, 200):
        person["external_ids"] = {vendor: identifier}
    if address := as_text(email):
        person["email"] = address
    if number := as_text(phone):
        person["phone"] = number
    return person
