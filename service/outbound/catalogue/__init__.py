"""The catalogue of event types: what each one says, as JSON Schema and by example."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from service.outbound.catalogue.leads import LEAD_TYPES
from service.outbound.catalogue.nurture import NURTURE_TYPES
from service.outbound.catalogue.operations import OPERATION_TYPES
from service.outbound.catalogue.shapes import EventType

__all__ = ["EVENT_TYPES", "EventType"]

EVENT_TYPES: Final = MappingProxyType({kind.type: kind for kind in (*LEAD_TYPES, *NURTURE_TYPES, *OPERATION_TYPES)})
"""Every type of event the service writes, by name."""
