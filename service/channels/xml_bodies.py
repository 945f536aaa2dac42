"""XML bodies, parsed once and without entities, external references or document types."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import fromstring

from service.channels.contract import Refusal, Request

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def xml_document(request: Request) -> Element:
    """Return the body's root element; refuse what is not well-formed or declares a document type."""
    if request.parsed is None:
        try:
            request.parsed = fromstring(request.body, forbid_dtd=True)
        except (ParseError, ValueError, LookupError):
            raise Refusal("malformed_body", "The body is not well-formed XML.") from None
    root: Element = request.parsed
    return root
