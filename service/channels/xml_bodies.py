"""XML bodies, parsed once and without entities, external references or document types."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError
from xml.etree.ElementTree import fromstring as quick_fromstring
from xml.parsers.expat import ExpatError, ParserCreate

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
        root: Element = quick_fromstring(text) if _is_harmless(text) else fromstring(text, forbid_dtd=True)  # noqa: S314
    # LookupError: an encoding nobody knows; defusedxml's own errors are ValueErrors.
    except (ParseError, ValueError, LookupError):
        raise Refusal("malformed_body", "The body is not well-formed XML.") from None
    return root


def check_xml(text: bytes) -> None:
    """Refuse what `xml_root` refuses, but for prefixes that mean nothing, without making anything of it."""
    if not _is_harmless(text):
        xml_root(text)
        return
    try:
        ParserCreate().Parse(text, True)
    except (ExpatError, ValueError, LookupError):
        raise Refusal("malformed_body", "The body is not well-formed XML.") from None


def _is_harmless(text: bytes) -> bool:
    """Tell whether the standard library's parser, which is all in C, may read a document.

    Without a document type there are no entities to be defused. It is spelled so in every encoding that leaves ASCII as it is; those that do
    not, and that the parser takes, have NUL bytes.
    """
    return b"<!DOCTYPE" not in text and b"\0" not in text
