"""What goes in and out over HTTP, for custom attributes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.leads.attributes.definitions import Type
from service.leads.fields import AttributeName, ShortText
from service.stats.question import Operator

COMPARISONS: Final[tuple[Operator, ...]] = get_args(Operator)
"""What a filter may end in: ``attributes.seats_gte=10``."""


def _is_addressable(key: str) -> str:
    if "," in key or key.endswith(tuple(f"_{name}" for name in COMPARISONS)):
        raise ValueError(
            "must not contain a comma, nor end like a comparison (_gte, _lte, _gt, _lt): queries could not name it"
        )
    if not key.isprintable():
        raise ValueError("must be printable characters in one line")
    return key


def _differ(choices: list[str]) -> list[str]:
    if len({choice.casefold() for choice in choices}) < len(choices):
        raise ValueError("must all differ, and by more than their case")
    return choices


DefinedKey = Annotated[AttributeName, AfterValidator(_is_addressable)]
Choices = Annotated[list[ShortText], Field(min_length=1, max_length=500), AfterValidator(_differ)]


class AttributeCreate(BaseModel):
    """The type of an attribute. ``choices`` belong to a choice, and only to a choice."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[DefinedKey, Field(description="As in the `attributes` of a lead", examples=["plan"])]
    type: Type
    label: Annotated[ShortText, Field(description="For people")] | None = None
    choices: Choices | None = None

    @model_validator(mode="after")
    def _choices_for_a_choice(self) -> Self:
        if (self.type == "choice") != (self.choices is not None):
            raise ValueError("choices are needed for a choice, and mean nothing for any other type")
        return self


class AttributePatch(BaseModel):
    """A JSON Merge Patch (RFC 7396). The type stays: delete the definition and make another one, the values remain."""

    model_config = ConfigDict(extra="forbid")

    label: ShortText | None = None
    choices: Choices | None = None


class AttributeOut(BaseModel):
    """An attribute: one that was defined, or one that leads have all the same.

    ``type`` is a guess where it is not ``defined``; ``count`` is how many leads have the attribute, ``unfit`` how many of them with a
    value that is not of the type (from before the definition, or a choice that was taken away).
    """

    key: str
    type: Type
    label: str | None
    choices: list[str] | None
    defined: bool
    count: int
    unfit: int
    created_at: datetime | None
    updated_at: datetime | None


class AttributeListOut(BaseModel):
    """A page of attributes, by key."""

    data: list[AttributeOut]
    next_cursor: str | None
