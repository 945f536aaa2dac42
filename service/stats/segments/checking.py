"""What a segment says, checked and written as a question's filters (PURE)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from service.core.errors import Invalid
from service.core.http.queries import ATTRIBUTES, is_attribute
from service.lifecycle.machine import STARTING
from service.stats.asking import DIMENSIONS, parse_filters
from service.stats.question import SCORE_BANDS, Filter, Segment

Stored = Mapping[str, Sequence[str | None]]
Types = Mapping[str, tuple[str, Sequence[str]]]
"""The type of each attribute that is defined, and the choices of those that are a choice."""

_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "score_band": tuple(name for _, name in SCORE_BANDS),
    "entry_stage": tuple(sorted({str(target) for _, target in STARTING})),
}
_PARAMETER: Final = "?{}".format
_PLACES: Final = 400
_NUMBER: Final = re.compile(r"[+-]?(\d{1,400}(\.\d{0,400})?|\.\d{1,400})([eE][+-]?\d{1,3})?", re.ASCII)
_FLAGS: Final = {"true": "true", "yes": "true", "1": "true", "false": "false", "no": "false", "0": "false"}
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


def stored_filters(given: Mapping[str, Any], types: Types) -> dict[str, list[str | None]]:
    """Return filters as they are kept; raises `Invalid`, which names the one at fault."""
    kept: dict[str, list[str | None]] = {}
    for name, value in given.items():
        values = value if isinstance(value, list) else [value]
        kept[name] = list(dict.fromkeys(None if one is None else as_text(one) for one in values))
    for chosen in segment_of("", kept).filters:
        _check(chosen, types, _place)
    return kept


def asked_filters(given: Mapping[str, Sequence[str]], types: Types) -> dict[str, list[str]]:
    """Return the filters of a query, by dimension or ``attributes.<key>``, with values of attributes as statistics show them.

    Raises `Invalid`, which names the parameter at fault, for a value that no lead can have.
    """
    asked = {name: [_as_shown(name, value, types) for value in values] for name, values in given.items()}
    # Leads keep a choice that is taken away: whoever sees them in a group can ask for them.
    unbound = {key: ("text" if kind == "choice" else kind, choices) for key, (kind, choices) in types.items()}
    for chosen in parse_filters(asked, (), place=_PARAMETER):
        _check(chosen, unbound, _PARAMETER)
    return asked


def _as_shown(name: str, value: str, types: Types) -> str:
    kind, _ = types.get(name.removeprefix(ATTRIBUTES), ("", ())) if is_attribute(name) else ("", ())
    if kind == "number" and (number := _number(value)) is not None:
        return f"{number.normalize():f}"
    if kind == "boolean":
        return _FLAGS.get(value.strip().lower(), value)
    if kind == "date":
        with suppress(ValueError):
            return date.fromisoformat(value).isoformat()
    return value


def _number(value: str) -> Decimal | None:
    """Return a number as an attribute may be one: as large as numbers of JSON are."""
    if _NUMBER.fullmatch(value) is None or not isfinite(float(value)):
        return None
    number = Decimal(value)
    return number if number.adjusted() >= -_PLACES else None


def attributes_in(given: Mapping[str, Any]) -> list[str]:
    """Return the keys of all attributes that filters may be about."""
    names = [name.removeprefix(ATTRIBUTES) for name in given if is_attribute(name)]
    return [key for name in names for key in {name, name.rpartition("_")[0]} if key]


def segment_of(key: str, filters: Stored) -> Segment:
    """Return the segment of stored filters; raises `Invalid` for one that no question can have."""
    for name, values in filters.items():
        if name not in DIMENSIONS and not is_attribute(name):
            raise Invalid(_place(name), f"must be one of {', '.join(DIMENSIONS)}, or attributes.<key>")
        if "" in values:
            raise Invalid(_place(name), "must not be empty; null stands for leads that have none")
    missing = {name for name, values in filters.items() if None in values}
    present = {name: [value for value in values if value is not None] for name, values in filters.items()}
    found = parse_filters(present, missing, place=_place)
    for chosen in found:
        if chosen.operator is not None and None in filters[chosen.parameter]:
            raise Invalid(_place(chosen.parameter), "must be a number or a date, not null")
    return Segment(key, found)


def _place(name: str) -> str:
    return "/filters/" + name.replace("~", "~0").replace("/", "~1")


def as_text(value: Any) -> str:
    """Return a value as statistics show it: true, false, and numbers without needless zeros."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{Decimal(repr(value)).normalize():f}"
    return str(value)


def _check(chosen: Filter, types: Types, place: Callable[[str], str]) -> None:
    at = place(chosen.parameter)
    if chosen.dimension in _KNOWN and (strange := set(chosen.values) - set(_KNOWN[chosen.dimension])):
        raise Invalid(at, f"{min(strange)}: must be one of {', '.join(_KNOWN[chosen.dimension])}")
    if chosen.dimension == "country" and not all(map(_COUNTRY.fullmatch, chosen.values)):
        raise Invalid(at, "must be ISO 3166-1 alpha-2 codes, such as DE")
    if is_attribute(chosen.dimension) and (known := types.get(chosen.dimension.removeprefix(ATTRIBUTES))):
        kind, choices = known
        if chosen.operator is not None and kind not in {"number", "date"}:
            raise Invalid(at, f"the attribute is a {kind}: only numbers and dates can be compared")
        for value in chosen.values:
            if not _fits(value, kind, choices):
                raise Invalid(at, f"{value} is no {kind} of this attribute")


def _fits(value: str, kind: str, choices: Sequence[str]) -> bool:
    match kind:
        case "boolean":
            return value in {"true", "false"}
        case "choice":
            return value in choices
        case "number":
            return _number(value) is not None
        case "date":
            with suppress(ValueError):
                return date.fromisoformat(value).isoformat() == value
            return False
    return True
