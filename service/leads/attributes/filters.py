"""Filters by custom attributes: from what a query says to what is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.core.errors import Invalid
from service.core.http.queries import ATTRIBUTES
from service.leads.attributes.definitions import Definition, Definitions, Unfit, understood
from service.leads.attributes.schemas import COMPARISONS
from service.stats.question import Operator

_ORDERED: Final = ("number", "date")


@dataclass(frozen=True, slots=True)
class Condition:
    """What an attribute must be: any of ``values`` (JSON), or nothing where ``missing``; or on one side of a number or a date."""

    key: str
    values: tuple[Any, ...] = ()
    missing: bool = False
    operator: Operator | None = None
    bound: float | str = 0


def conditions_of(
    given: Mapping[str, Sequence[str]], missing: Iterable[str], definitions: Definitions
) -> list[Condition]:
    """Return the conditions of filters: key, or key and comparison (``seats_gte``), and values as text; raises `Invalid`."""
    lacking = dict.fromkeys(missing, ())
    equal: dict[str, tuple[Any, ...]] = dict(lacking)
    found: list[Condition] = []
    for name, texts in given.items():
        key, _, ending = name.rpartition("_")
        if name not in definitions and key and ending in COMPARISONS:
            operator: Operator = ending
            found += [_compared(key, operator, text, definitions.get(key)) for text in texts]
        else:
            equal[name] = tuple(value for text in texts for value in _meant(name, text, definitions.get(name)))
    found += [Condition(key, values, missing=key in lacking) for key, values in equal.items()]
    return found


def _meant(name: str, text: str, definition: Definition | None) -> Iterable[Any]:
    """Return the JSON values that a text may stand for."""
    if definition is None:
        # Nobody said what it is: whatever reads like this, be it one of several answers.
        numbers, flags = _read("number", text), {"true": [True], "false": [False]}.get(text, [])
        return (text, *numbers, *flags, [text])
    if definition.type == "choice":
        return (text,)
    try:
        value = understood(definition, text)
    except Unfit as why:
        raise Invalid(f"?{ATTRIBUTES}{name}", str(why)) from None
    return (text,) if value is None else (value,)


def _compared(key: str, operator: Operator, text: str, definition: Definition | None) -> Condition:
    pointer = f"?{ATTRIBUTES}{key}_{operator}"
    if definition is not None and definition.type not in _ORDERED:
        raise Invalid(pointer, f"{key} is a {definition.type}: only numbers and dates can be compared so")
    kinds = (definition.type,) if definition is not None else _ORDERED
    for kind in kinds:
        for bound in _read(kind, text):
            return Condition(key, operator=operator, bound=bound)
    raise Invalid(pointer, f"must be a {' or a '.join(kinds)}")


def _read(kind: Any, text: str) -> list[Any]:
    try:
        value = understood(Definition("", kind), text)
    except Unfit:
        return []
    return [] if value is None else [value]
