"""Formats on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field


class FormatOut(BaseModel):
    """A way in which events are written."""

    format: str
    title: str
    setup: Annotated[str, Field(description="What to do at the receiver")]
    signed: Annotated[
        bool,
        Field(
            description="Whether deliveries are signed with the endpoint's secret; otherwise its settings have a token"
        ),
    ]
    types: Annotated[list[str] | None, Field(description="The only types of events it can tell; null: every type")]
    settings: Annotated[dict[str, Any], Field(description="JSON Schema of an endpoint's `settings`")]


class FormatsOut(BaseModel):
    """Every format there is."""

    data: list[FormatOut]
