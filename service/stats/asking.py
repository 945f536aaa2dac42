"""From the parameters of a request to the question they put: every wrong one is refused by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, cast, get_args
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from service.core.errors import Invalid
from service.core.http.queries import ATTRIBUTES, is_attribute
from service.lifecycle.ledger import AHEAD
from service.stats.calendars import day_start
from service.stats.definitions import QUARTER_HOUR, quarter
from service.stats.question import MAX_GROUP_BY, Dimension, Filter, Mode, NamedDimension, Operator, Question
from service.stats.schemas.behind import BehindQuery
from service.stats.schemas.scope import ScopeQuery

DIMENSIONS: Final[tuple[NamedDimension, ...]] = get_args(NamedDimension)
_OPERATORS: Final[tuple[Operator, ...]] = get_args(Operator)
_COMPARABLE: Final = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?|\d{4}-\d{2}-\d{2}", re.ASCII)
# Files that lie beside those of time zones and say something else on every machine.
_NO_PLACES: Final = frozenset({"localtime", "posixrules", "Factory"})
_YEARS: Final = range(1900, 2200)
LONGEST_WINDOW: Final = timedelta(days=36_525)
_DURATION: Final = re.compile(
    r"P(?!$)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?(?:T(?=\d)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,9})S)?)?",
    re.ASCII,
)


def question_of(query: ScopeQuery, *, mode: Mode, now: datetime) -> Question:
    """Return the question that parameters put; raises `Invalid`, which names the parameter at fault."""
    zone = parse_zone(query.tz)
    start = parse_bound(query.from_, zone, pointer="?from") if query.from_ is not None else None
    # Without an end everything so far is meant: up to the quarter hour by whose end all that can be recorded now has happened.
    latest = latest_of(now)
    end = parse_bound(query.to, zone, pointer="?to") if query.to is not None else latest
    if start is not None and start >= end:
        raise Invalid("?from" if query.to is None else "?to", "the interval is empty: from must lie before to")
    window = parse_duration(query.window) if query.window is not None else None
    if window is not None and mode == "period":
        raise Invalid(
            "?window", "belongs to cohort mode: in period mode everything that happened in the interval counts"
        )
    if query.as_of == "entry" and query.known_at is not None:
        raise Invalid("?as_of", "must be now together with known_at: what was known of leads then is not kept")
    assert (query.segment is None) == (query.found_segment is None), "the segment was not looked up"
    group_by = parse_group_by(getattr(query, "group_by", []))
    return Question(
        start=start,
        end=end,
        open_ended=query.to is None,
        tz=query.tz,
        unit=query.unit,
        mode=mode,
        skips=query.skips,
        window=window,
        known_at=parse_bound(query.known_at, zone, pointer="?known_at") if query.known_at is not None else None,
        group_by=group_by,
        filters=_filters(query),
        segment=query.found_segment,
        as_of=query.as_of,
    )


def latest_of(now: datetime) -> datetime:
    """Return the quarter hour by whose end all that can be recorded now has happened: later than that nothing can be seen yet."""
    return quarter(now + AHEAD) + QUARTER_HOUR


def _filters(query: ScopeQuery) -> tuple[Filter, ...]:
    given: dict[str, list[str]] = {dimension: getattr(query, dimension) for dimension in DIMENSIONS}
    given |= {name: [] for name in query.missing if is_attribute(name)}
    given |= {ATTRIBUTES + key: values for key, values in query.attributes.items()}
    return parse_filters(given, query.missing, place="?{}".format)


def parse_filters(
    given: Mapping[str, Sequence[str]], missing: Collection[str], *, place: Callable[[str], str]
) -> tuple[Filter, ...]:
    """Return the filters of parameters and their values; ``missing`` names those whose leads without a value are meant, too.

    ``place`` says where a parameter stands, for the `Invalid` that one at fault raises.
    """
    filters: list[Filter] = []
    for name, values in given.items():
        if any("\x00" in value for value in (name, *values)):
            raise Invalid(place(name), "must not contain the NUL character")
        dimension, _, ending = name.rpartition("_")
        if is_attribute(dimension) and ending in _OPERATORS:
            for value in values:
                if _COMPARABLE.fullmatch(value) is None:
                    raise Invalid(place(name), "must be a number or a date, such as 10 or 2026-01-31")
                filters.append(Filter(dimension, (value,), operator=ending))
        elif values or name in missing:
            filters.append(Filter(name, tuple(dict.fromkeys(values)), name in missing))
    return tuple(filters)


def parse_zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name."""
    try:
        if name not in _NO_PLACES and not name.startswith(("right/", "posix/")):
            return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        pass
    raise Invalid("?tz", "is not the name of an IANA time zone, such as Europe/Berlin")


def parse_bound(given: str, zone: ZoneInfo, *, pointer: str) -> datetime:
    """Return the instant that a date (its first instant in the zone) or an RFC 3339 instant stands for."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", given, re.ASCII):
            day = date.fromisoformat(given)
            at = day_start(day, zone) if day.year in _YEARS else None
        else:
            at = (
                datetime.fromisoformat(given)
                if re.match(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}", given, re.ASCII)
                else None
            )
            if at is not None and at.tzinfo is None:
                raise Invalid(pointer, "is a time without an offset; write it as 2026-01-31T09:00:00Z or with +01:00")
            at = at if at is not None and at.year in _YEARS else None
    except ValueError:
        at = None
    if at is None:
        raise Invalid(pointer, "must be a date (2026-01-31) or an instant (2026-01-31T09:00:00Z) from 1900 to 2199")
    return at.astimezone(UTC)


def parse_duration(given: str, *, pointer: str = "?window") -> timedelta:
    """Return the span of an ISO 8601 duration; years and months are refused, for they are not always equally long."""
    match = _DURATION.fullmatch(given)
    if match is None:
        raise Invalid(pointer, "must be an ISO 8601 duration in weeks, days, hours, minutes or seconds, such as P30D")
    span = timedelta(**{unit: int(amount) for unit, amount in match.groupdict(default="0").items()})
    if span > LONGEST_WINDOW:
        raise Invalid(pointer, "must not be longer than 100 years")
    return span


def parse_group_by(given: Sequence[str]) -> tuple[Dimension, ...]:
    """Return the dimensions to group by; raises `Invalid` for a stranger, a repetition or one too many."""
    return parse_dimensions(given, pointer="?group_by", most=MAX_GROUP_BY)


def parse_dimensions(given: Sequence[str], *, pointer: str, most: int) -> tuple[Dimension, ...]:
    """Return dimensions, repeated or separated by commas; raises `Invalid` for a stranger, a repetition or one too many."""
    names = [name.strip() for item in given for name in item.split(",")]
    strangers = [name for name in names if name not in DIMENSIONS and not is_attribute(name)]
    if strangers:
        raise Invalid(pointer, f"knows these dimensions: {', '.join(DIMENSIONS)}, attributes.<key>")
    if len(set(names)) < len(names):
        raise Invalid(pointer, "names a dimension twice")
    if len(names) > most:
        raise Invalid(pointer, f"takes up to {most} dimensions")
    return tuple(names)


def behind_of(pairs: Sequence[tuple[str, str]]) -> BehindQuery:
    """Return the parameters of a list of leads behind a figure from the pairs of a query string; raises `Invalid`."""
    lists = {name for name, field in BehindQuery.model_fields.items() if field.default == []}
    known = {field.alias or name for name, field in BehindQuery.model_fields.items()}
    values: dict[str, str | list[str]] = {}
    for name, value in pairs:
        if name not in known and not is_attribute(name):
            raise Invalid(f"?{name}", "unknown parameter")
        if name in lists or is_attribute(name):
            cast("list[str]", values.setdefault(name, [])).append(value)
        elif name in values:
            raise Invalid(f"?{name}", "is given twice")
        else:
            values[name] = value
    try:
        return BehindQuery.model_validate(values)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        raise Invalid(f"?{first['loc'][0]}", first["msg"]) from None
