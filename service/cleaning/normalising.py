"""One submission through all of cleaning."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from service.cleaning.country import clean_country
from service.cleaning.domains import company_domain, mail_domain
from service.cleaning.email import EMAIL_LIMIT, clean_email
from service.cleaning.names import clean_name
from service.cleaning.phone import PHONE_LIMIT, clean_phone
from service.cleaning.regions import clean_region
from service.cleaning.rules import DEFAULT_RULES
from service.cleaning.submission import Cleaned, Fault, Submission, Unusable
from service.cleaning.texts import TEXT_LIMIT, one_line, storable
from service.cleaning.utm import clean_utm
from service.cleaning.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from service.cleaning.rules import Rules

_Value = TypeVar("_Value")
_Fields = dict[str, Any]

_NAMES: Final = tuple(one.name for one in fields(Submission))
_values_of: Final = attrgetter(*_NAMES)

_FIRST_YEAR: Final = 1900
_TAG_LIMIT: Final = 100
_NAME_LIMIT: Final = 250
_RAW_LIMIT: Final = 1000
_PLAIN: Final = (
    "job_title",
    "company_name",
    "industry",
    "company_size",
    "channel",
    "campaign",
    "referred_by",
    "owner",
)
_KEPT: Final = (
    *_PLAIN,
    "country",
    "region",
    "email",
    "phone",
    "company_domain",
    "full_name",
    "first_name",
    "last_name",
)
# Where a field stands in the body of POST /v1/leads, and the reason it gives the verdict.
_POINTERS: Final = {
    "email": ("/email", "email_invalid"),
    "phone": ("/phone", "phone_invalid"),
    "country": ("/company/country", "country_invalid"),
    "company_domain": ("/company/domain", "domain_invalid"),
}


@dataclass(slots=True)
class _Findings:
    """What turned up while one submission was cleaned."""

    faults: list[Fault] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)

    def keep(self, name: str, given: Any, made: Any) -> None:
        """Remember what was given for a field if something else was made of it; of blanks there is nothing to remember."""
        if given == made or given is None or (made is None and isinstance(given, str) and not given.strip()):
            return
        told = storable(given)
        self.raw[name] = told[:_RAW_LIMIT] if isinstance(told, str) else told

    def report(self, pointer: str, why: str, reason: str) -> None:
        self.faults.append(Fault(pointer, why))
        if reason not in self.reasons:
            self.reasons.append(reason)


def normalise(submission: Submission, default_region: str | None = None, rules: Rules = DEFAULT_RULES) -> Cleaned:
    """Return the submission in the service's notation, with a verdict by the rules and the faults of what was given but cannot be used.

    A phone number in national notation is read as one of the submission's country, then of ``default_region`` (alpha-2).
    Never raises; what was normalised before comes out unchanged.
    """
    found = _Findings()
    given = dict(zip(_NAMES, _values_of(submission), strict=True))
    made = dict(given)
    for name in _PLAIN:
        if given[name] is not None:
            made[name] = one_line(given[name])
    _clean_place(found, given, made)
    made["email"] = email = _checked(found, "email", given["email"], clean_email, EMAIL_LIMIT + 1)
    made["phone"] = _phone(found, given["phone"], made["country"], default_region)
    made["company_domain"] = _checked(found, "company_domain", given["company_domain"], company_domain)
    _clean_name(given, made)
    for name in _KEPT:
        if given[name] != made[name] and given[name] is not None:
            found.keep(name, given[name], made[name])
    if made["company_domain"] is None and email is not None:
        made["company_domain"] = mail_domain(email.rpartition("@")[2]).company
    _clean_tables(found, given, made)
    if given["tags"]:
        made["tags"] = _tags(given["tags"])
    made["occurred_at"] = _aware(given["occurred_at"])
    cleaned = Submission(**made)
    verdict, reasons = judge(cleaned, found.reasons, rules)
    return Cleaned(cleaned, verdict, reasons, tuple(found.faults), found.raw)


def _clean_place(found: _Findings, given: _Fields, made: _Fields) -> None:
    country = _checked(found, "country", given["country"], clean_country)
    region = one_line(given["region"])
    made["region"], made["country"] = clean_region(region, country) if region is not None else (None, country)


def _clean_name(given: _Fields, made: _Fields) -> None:
    full, first, last = given["full_name"], given["first_name"], given["last_name"]
    if full is not None or first is not None or last is not None:
        name = clean_name(one_line(full), one_line(first, _NAME_LIMIT), one_line(last, _NAME_LIMIT))
        made["full_name"], made["first_name"], made["last_name"] = name.full, name.first, name.last


def _clean_tables(found: _Findings, given: _Fields, made: _Fields) -> None:
    if given["utm"]:
        made["utm"] = _utm(found, given["utm"])
    if given["external_ids"]:
        made["external_ids"] = _external_ids(found, given["external_ids"])
    if given["consent"]:
        made["consent"] = storable(given["consent"])
    if given["attributes"]:
        made["attributes"] = storable(given["attributes"])
    if found.notes:
        made["attributes"] = made["attributes"] | found.notes


def _checked(
    found: _Findings, name: str, given: str | None, clean: Callable[[str], _Value], limit: int = TEXT_LIMIT
) -> _Value | None:
    line = one_line(given, limit)
    if line is None:
        return None
    try:
        return clean(line)
    except Unusable as why:
        found.report(_POINTERS[name][0], str(why), _POINTERS[name][1])
        return None


def _phone(found: _Findings, given: str | None, country: str | None, default_region: str | None) -> str | None:
    if given is None:
        return None
    regions = tuple(region for region in (country, default_region) if region)
    phone = _checked(found, "phone", given, lambda line: clean_phone(line, regions), PHONE_LIMIT + 1)
    if phone is None:
        return None
    if not phone.assigned:
        found.reasons.append("phone_unassigned")
    if phone.extension:
        found.notes["phone_extension"] = phone.extension
    if phone.others:
        found.notes["phone_others"] = phone.others
    return phone.number


def _external_ids(found: _Findings, given: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for key, value in given.items():
        system, identifier = one_line(key), one_line(value, TEXT_LIMIT + 1)
        if system is None or identifier is None:
            continue
        if len(identifier) > TEXT_LIMIT:
            # Never cut: two long ids could become one person.
            pointer = "/external_ids/" + system.replace("~", "~0").replace("/", "~1")
            found.report(pointer, f"is longer than {TEXT_LIMIT} characters", "external_id_invalid")
            found.keep(f"external_ids.{system}", value, None)
            continue
        kept[system] = identifier
        found.keep(f"external_ids.{system}", value, identifier)
    return kept


def _utm(found: _Findings, given: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, (value, meant) in clean_utm(given).items():
        if meant is not None:
            kept[name] = meant
        found.keep(f"utm.{name}", value, meant)
    return kept


def _tags(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for tag in (one_line(raw, _TAG_LIMIT) for raw in given) if tag))


def _aware(at: datetime | None) -> datetime | None:
    """Return a time with its zone; other systems say "unknown" with the year 1, and so do we."""
    if at is None or at.year < _FIRST_YEAR:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
