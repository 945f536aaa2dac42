"""The kinds of values that requests carry, each with its limits."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as fault:
        raise ValueError("is outside the calendar") from fault


def _is_modern(moment: datetime) -> datetime:
    # Other systems say "unknown" with the year 1; statistics by the day would draw every day since.
    if moment.year < _FIRST_YEAR:
        raise ValueError(f"is before {_FIRST_YEAR}")
    return moment


def _of_short_texts(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise ValueError(f"a text in it is longer than {_LONGEST_TEXT} characters")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _of_short_texts(part)
    return value


_FIRST_YEAR: Final = 1900
_LONGEST_TEXT: Final = 10_000
EXAMPLE_AT = "2026-03-14T09:26:53.589793Z"

Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Happened = Annotated[Instant, AfterValidator(_is_modern)]
"""When something happened to a lead."""
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$")]
System = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
"""A system that has ids of its own; without a colon, for `<system>:<id>` is how such an id is named in a query."""
ExternalId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
# abs: there is a negative zero.
Amount = Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=4, examples=["12500.00"]), AfterValidator(abs)]
AttributeName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
"""In any script: 行业 is as good a name as industry."""
Attributes = Annotated[dict[AttributeName, Any], Field(max_length=200), AfterValidator(_of_short_texts)]
