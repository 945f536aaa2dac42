"""XML bodies, parsed once and without entities, external references or document types."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring

from service.channels.contract import Refusal, Request

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def xml_document(request: Request) -> Element:
    """Return the body's root element, parsed once."""
    if request.parsed is None:
        request.parsed = xml_root(request.body)
    root: Element = request.parsed
    return root


def xml_root(text: bytes) -> Element:
    """Return the root element of a document; refuse what is not well-formed or declares a document type."""
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    # LookupError: an encoding nobody knows; defusedxml's own errors are ValueErrors.
    except (ParseError, ValueError, LookupError):
        raise Refusal("malformed_body", "The body is not well-formed XML.") from None
    return root
