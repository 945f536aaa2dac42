"""Salesforce outbound messages: SOAP with up to 100 notifications, answered with an Ack. Source: receivers in use; the schema is Salesforce's.

Nothing is signed. The organisation's id is in every message but is no secret, so the address has one; both must match. Messages are
resent for 24 hours until they are acknowledged, in any order and any company: each notification's id is recognised by itself. A message
has the record as it was when it was sent, so a later one about the same record revises the earlier. A session id that an
administrator chose to send along is a credential, and not stored.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Final
from xml.etree.ElementTree import tostring

from pydantic import BaseModel, ConfigDict, Field

from service.channels.answers import known_as, person_of
from service.channels.contract import (
    ChannelConfig,
    ConsentChange,
    Refusal,
    Reply,
    Request,
    Stored,
    Submitted,
    Translation,
)
from service.channels.redaction import REDACTED
from service.channels.shared_secret import check_shared_secret, fresh_secret
from service.channels.signatures import any_equal, text_secret_fault, without_credentials
from service.channels.values import as_flag, as_past
from service.channels.xml_bodies import check_xml, xml_document

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

vendor: Final = "salesforce"
title: Final = "Salesforce outbound messages"
proofs: Final = ("url",)
asks_first: Final = False
setup: Final = (
    "In Setup > Outbound Messages create a message for Lead or Contact with the intake address, secret included, as Endpoint URL; leave Send "
    "Session ID off; choose Id, Email, FirstName, LastName, Company, Phone and what else you need; use it in a flow or workflow rule."
)

_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_OUTBOUND: Final = "{http://soap.sforce.com/2005/09/outbound}"
_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_PEOPLE: Final = frozenset({"Lead", "Contact"})
_MAX_NOTIFICATIONS: Final = 1000
_ORGANISATIONS: Final = re.compile(rb"<OrganizationId>([A-Za-z0-9]+)</OrganizationId>")
_SESSION: Final = re.compile(rb"<SessionId>[^<]+</SessionId>")
_NO_SESSION: Final = re.compile(rb'<SessionId xsi:nil="true" ?/>')
_REDACTED_SESSION: Final = f"<SessionId>{REDACTED}</SessionId>".encode()
_ACK: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)


class Settings(BaseModel):
    """What can be set for a channel of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organization_id: Annotated[
        str, Field(pattern=r"^00D[A-Za-z0-9]{15}$", description="The organisation's id, in its form of 18 characters.")
    ]


def new_secret() -> str | None:
    """Return a secret for the address."""
    return fresh_secret()


def secret_fault(secret: str) -> str | None:
    """Return why this cannot be a secret, or None."""
    return text_secret_fault(secret)


def secret_in_url(_settings: Any) -> bool:
    """Return True: Salesforce can neither sign nor send a header."""
    return True


def sample(address: str, settings: Any) -> str:
    """Return a shell line that sends a notification of one lead."""
    body = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notifications '
        f'xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{settings.organization_id}</OrganizationId><Notification>'
        '<Id>04l000000000001AAA</Id><sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><sf:Id>00Q000000000001EAA</sf:Id><sf:Email>ada@example.com</sf:Email>'
        "<sf:LastName>Lovelace</sf:LastName></sObject></Notification></notifications></soapenv:Body></soapenv:Envelope>"
    )
    return f"curl -sS \"{address}/$SECRET\" -H 'content-type: text/xml; charset=utf-8' --data-binary '{body}'"


def verify(request: Request, channel: ChannelConfig) -> None:
    """Raise `Refusal` unless the address has the secret and the message is of the channel's organisation."""
    check_shared_secret(request, channel, place="url")
    if not any_equal(_organisation(request), [channel.settings.organization_id]):
        raise Refusal("wrong_secret", "The message is of another organisation.")
    if request.body.count(b"<Notification>") > _MAX_NOTIFICATIONS:
        list(_notifications(request))


def _organisation(request: Request) -> str:
    """Return the organisation's id: by its spelling where that leaves no doubt, or the way that makes a tree of the message."""
    found = _ORGANISATIONS.findall(request.body)
    if len(found) == 1 and _is_plain(request.body):
        check_xml(request.body)
        organisation: str = found[0].decode()
        return organisation
    return (_message(request).findtext(f"{_OUTBOUND}OrganizationId") or "").strip()


def _is_plain(body: bytes) -> bool:
    """Tell whether a tag is spelled but one way: there are neither comments nor CDATA sections, and ASCII is as it is."""
    return b"<!" not in body and b"\0" not in body


def handshake(_request: Request, _channel: ChannelConfig) -> Reply | None:
    """Return None: there is no handshake."""
    return None


def reply(_delivery_id: str, _channel: ChannelConfig) -> Reply:
    """Return the acknowledgement without which the message comes again."""
    return Reply(200, _ACK, "text/xml; charset=utf-8")


def dedupe_key(request: Request, _channel: ChannelConfig) -> str | None:
    """Return a hash of the notifications' ids, or None where there are none."""
    ids = sorted(identifier for identifier, _ in _notifications(request))
    return f"notifications:{hashlib.sha256(' '.join(ids).encode()).hexdigest()}" if ids else None


def redact(request: Request, _channel: ChannelConfig) -> Stored:
    """Return the delivery without credentials and without a session id."""
    stored = without_credentials(request)
    if _is_plain(request.body):
        body, sessions = _SESSION.subn(_REDACTED_SESSION, request.body)
        # Every mention is in a session that was found, or says that there is none.
        if body.count(b"SessionId") == 2 * sessions + len(_NO_SESSION.findall(body)):
            return Stored(stored.headers, stored.query, body)
    session = _message(request).find(f"{_OUTBOUND}SessionId")
    if session is None or not "".join(session.itertext()).strip():
        return stored
    for inner in list(session):
        session.remove(inner)
    session.text = REDACTED
    return stored._replace(body=tostring(xml_document(request)))


def translate(request: Request, channel: ChannelConfig) -> Translation:
    """Return the leads and contacts of the notifications, and who has opted out of e-mail."""
    submissions: list[Submitted] = []
    changes: list[ConsentChange] = []
    for notification, record in _notifications(request):
        fields = {name: value for name, value in _fields(record) if value}
        kind, identifier = _local(record.get(_TYPE) or ""), fields.pop("Id", "")
        if kind not in _PEOPLE or not identifier:
            continue
        opted_out = as_flag(fields.pop("HasOptedOutOfEmail", None))
        changed = fields.get("LastModifiedDate") or fields.get("SystemModstamp") or fields.get("CreatedDate")
        at = as_past(changed, at=request.received_at)
        person = person_of(fields, channel, request, vendor_id=identifier, occurred_at=at)
        submissions.append(Submitted(person, key=notification, revises=True))
        if opted_out:
            whom = known_as(vendor, identifier, email=person.get("email"))
            changes.append(
                ConsentChange(whom, "marketing", granted=False, occurred_at=at, key=f"{notification}:consent")
            )
    if not submissions:
        return Translation(ignored="There is neither a lead nor a contact in the message.")
    return Translation(submissions=tuple(submissions), consent_changes=tuple(changes))


def _message(request: Request) -> Element:
    found = xml_document(request).find(f"{_SOAP}Body/{_OUTBOUND}notifications")
    if found is None:
        raise Refusal("malformed_body", "The body is not an outbound message.")
    return found


def _notifications(request: Request) -> Iterator[tuple[str, Element]]:
    """Return each notification's id and record."""
    found = _message(request).findall(f"{_OUTBOUND}Notification")
    if len(found) > _MAX_NOTIFICATIONS:
        raise Refusal("malformed_body", f"A message has at most {_MAX_NOTIFICATIONS} notifications.")
    for notification in found:
        identifier = (notification.findtext(f"{_OUTBOUND}Id") or "").strip()
        record = notification.find(f"{_OUTBOUND}sObject")
        if identifier and record is not None:
            yield identifier[:100], record


def _fields(record: Element) -> Iterator[tuple[str, str]]:
    for child in record:
        if not len(child):
            yield _local(child.tag), (child.text or "").strip()


def _local(name: str) -> str:
    """Return a name without its namespace, or without the prefix that stands for it."""
    return name.rpartition("}")[2].rpartition(":")[2]
