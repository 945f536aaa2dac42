"""What sets of rules look like on the wire, whatever they rule."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class Versioned(BaseModel):
    """The version of a set of rules; 0 while nobody has written one and the defaults hold."""

    version: int
    updated_at: datetime | None
    updated_by: str | None
