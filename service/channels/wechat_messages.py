"""Messages of WeCom and WeChat, plain or in their envelope, as XML or JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from service.channels.bodies import content_hash, parsed_json
from service.channels.contract import Refusal
from service.channels.values import as_record, as_text
from service.channels.xml_bodies import xml_root

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

_MAX_CHILDREN: Final = 200
_MAX_DEPTH: Final = 5
# What XML takes in a text, without what it would change (a carriage return) or what would make the search slow.
_PLAIN_FIELD: Final = re.compile(
    r"<([A-Za-z][A-Za-z0-9_]*)>(?:<!\[CDATA\[([^<\]\x00-\x08\x0b-\x1f]*)\]\]>|([^<&>\]\x00-\x08\x0b-\x1f]*))</\1>"
)
# As both vendors document it; AgentID is WeCom's, before or after.
_AGENT: Final = rb"(?:<AgentID><!\[CDATA\[\w*\]\]></AgentID>\n?)?"
_USUAL_ENVELOPE: Final = re.compile(
    rb"<xml>\n?(?:<ToUserName><!\[CDATA\[[\w.@-]*\]\]></ToUserName>\n?)?"
    + _AGENT
    + rb"<Encrypt><!\[CDATA\[([^\]]+)\]\]></Encrypt>\n?"
    + _AGENT
    + rb"</xml>\n?"
)
_NO_CHARACTERS: Final = ("\ufffe", "\uffff")
_GAP: Final = " \t\n"
_PARTS_OF_AN_EVENT: Final = (
    "FromUserName",
    "CreateTime",
    "Event",
    "ChangeType",
    "EventKey",
    "UserID",
    "ExternalUserID",
)


def message_in(text: bytes) -> dict[str, Any]:
    """Return a message's fields; raise `Refusal` when it is neither an XML element nor a JSON object."""
    message = _plain_fields(text)
    if message is not None:
        return message
    if text.lstrip()[:1] in {b"{", b"["}:
        message = as_record(parsed_json(text))
    else:
        message = as_record(_value_of(xml_root(text), 0))
    if not message:
        raise Refusal("malformed_body", "The message has no fields.")
    return message


def encrypted_in(envelope: bytes) -> str:
    """Return what is encrypted in an envelope; raise `Refusal` when there is nothing, or when it is no envelope."""
    usual = _USUAL_ENVELOPE.fullmatch(envelope)
    if usual is not None and usual[1].isascii():
        # What is not base64 in it is found when it is decoded.
        encrypted: str = usual[1].decode()
        return encrypted
    text = message_in(envelope).get("Encrypt")
    if not isinstance(text, str) or not text.strip():
        raise Refusal("malformed_body", "The body has no Encrypt, where encrypted messages have theirs.")
    return text.strip()


def _plain_fields(text: bytes) -> dict[str, Any] | None:
    """Return the fields of an XML message that has only texts, as nearly all have: a third of a parser's work. None for any other."""
    try:
        found = text.decode()
    except UnicodeDecodeError:
        return None
    if not found.isascii() and any(one in found for one in _NO_CHARACTERS):
        return None
    pieces = _PLAIN_FIELD.split(found)
    first, *gaps = (gap.strip(_GAP) for gap in pieces[::4])
    if first != "<xml>" or not 0 < len(gaps) <= _MAX_CHILDREN or gaps.pop() != "</xml>" or any(gaps):
        return None
    fields: dict[str, Any] = {}
    for name, quoted, bare in zip(pieces[1::4], pieces[2::4], pieces[3::4], strict=True):
        fields.setdefault(name, bare if quoted is None else quoted)
    return fields


def _value_of(element: Element, depth: int) -> Any:
    """Return an element's text, or its children by their names; of two of the same name the first."""
    if len(element) == 0 or depth >= _MAX_DEPTH:
        return element.text or ""
    children: dict[str, Any] = {}
    for child in element[:_MAX_CHILDREN]:
        children.setdefault(str(child.tag), _value_of(child, depth + 1))
    return children


def message_key(message: Mapping[str, Any]) -> str:
    """Return what is the same when the vendor sends a message again: its id or, of an event, who did what and when.

    Events about customers all come from "sys", many in a second: what they are about is part of the key.
    """
    if identifier := as_text(message.get("MsgId"), 100):
        return f"message:{identifier}"
    parts = [as_text(message.get(name)) for name in _PARTS_OF_AN_EVENT]
    return f"event:{content_hash(parts if parts[0] and parts[1] else dict(message))}"
