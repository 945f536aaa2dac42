"""Messages of WeCom and WeChat, plain or in their envelope, as XML or JSON."""

from __future__ import annotations

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
    if text.lstrip()[:1] in {b"{", b"["}:
        message = as_record(parsed_json(text))
    else:
        message = as_record(_value_of(xml_root(text), 0))
    if not message:
        raise Refusal("malformed_body", "The message has no fields.")
    return message


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
