"""What goes in and out over HTTP, for segments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

SegmentKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Scalar = bool | int | float | Annotated[str, Field(max_length=500)] | None
FilterValues = Scalar | Annotated[list[Scalar], Field(min_length=1, max_length=100)]
Filters = Annotated[
    dict[Annotated[str, Field(max_length=200)], FilterValues],
    Field(
        min_length=1,
        max_length=20,
        description="As in the `filters` of an answer's definition: a dimension and any of its values, null for leads without one; "
        "`attributes.<key>_gte`, `_lte`, `_gt` or `_lt` and a number or a date. All of them must hold",
        examples=[{"country": ["DE", "AT"], "industry": ["steel", None], "attributes.seats_gte": 10}],
    ),
]


class SegmentCreate(BaseModel):
    """A filter that gets a name."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[SegmentKey, Field(description="As in `segment=`", examples=["dach-steel"])]
    label: Annotated[Label, Field(description="For people")] | None = None
    filters: Filters


class SegmentPatch(BaseModel):
    """A JSON Merge Patch (RFC 7396), but for `filters`, which are replaced as a whole."""

    model_config = ConfigDict(extra="forbid")

    label: Label | None = None
    filters: Filters | None = None


class SegmentOut(BaseModel):
    """A segment, and the address of the leads that are of it now."""

    key: str
    label: str | None
    filters: dict[str, list[str | None]]
    leads: str
    created_at: datetime
    updated_at: datetime


class SegmentListOut(BaseModel):
    """A page of segments, by key."""

    data: list[SegmentOut]
    next_cursor: str | None
