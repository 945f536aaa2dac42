"""One submission through all of cleaning."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC
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
# Where a field stands in the body of POST /v1/leads, and the reason it gives the verdict.
_FIELDS: Final = {
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
    fields = _plain_fields(found, submission) | _place(found, submission)
    regions = tuple(region for region in (fields["country"], default_region) if region)
    fields["email"] = email = _checked(found, "email", submission.email, clean_email, EMAIL_LIMIT + 1)
    fields["phone"] = _phone(found, submission.phone, regions)
    domain = _checked(found, "company_domain", submission.company_domain, company_domain)
    found.keep("email", submission.email, email)
    found.keep("company_domain", submission.company_domain, domain)
    if domain is None and email is not None:
        domain = mail_domain(email.rpartition("@")[2]).company
    fields["company_domain"] = domain
    fields |= _name(found, submission)
    attributes = storable(submission.attributes) if submission.attributes else {}
    cleaned = replace(
        submission,
        **fields,
        utm=_utm(found, submission.utm) if submission.utm else {},
        external_ids=_external_ids(found, submission.external_ids) if submission.external_ids else {},
        consent=storable(submission.consent) if submission.consent else {},
        tags=_tags(submission.tags) if submission.tags else (),
        attributes=attributes | found.notes if found.notes else attributes,
        occurred_at=_aware(submission.occurred_at),
    )
    verdict, reasons = judge(cleaned, found.reasons, rules)
    return Cleaned(cleaned, verdict, reasons, tuple(found.faults), found.raw)


def _plain_fields(found: _Findings, submission: Submission) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in _PLAIN:
        given = getattr(submission, name)
        if given is not None:
            fields[name] = line = one_line(given)
            if line != given:
                found.keep(name, given, line)
    return fields


def _place(found: _Findings, submission: Submission) -> dict[str, str | None]:
    country = _checked(found, "country", submission.country, clean_country)
    found.keep("country", submission.country, country)
    region = one_line(submission.region)
    if region is not None:
        region, country = clean_region(region, country)
        found.keep("region", submission.region, region)
    return {"country": country, "region": region}


def _name(found: _Findings, submission: Submission) -> dict[str, str | None]:
    full, first, last = submission.full_name, submission.first_name, submission.last_name
    if full is None and first is None and last is None:
        return {}
    name = clean_name(one_line(full), one_line(first, _NAME_LIMIT), one_line(last, _NAME_LIMIT))
    found.keep("full_name", full, name.full)
    found.keep("first_name", first, name.first)
    found.keep("last_name", last, name.last)
    return {"full_name": name.full, "first_name": name.first, "last_name": name.last}


def _checked(
    found: _Findings, name: str, given: str | None, clean: Callable[[str], _Value], limit: int = TEXT_LIMIT
) -> _Value | None:
    line = one_line(given, limit)
    if line is None:
        return None
    try:
        return clean(line)
    except Unusable as why:
        found.report(_FIELDS[name][0], str(why), _FIELDS[name][1])
        return None


def _phone(found: _Findings, given: str | None, regions: tuple[str, ...]) -> str | None:
    if given is None:
        return None
    phone = _checked(found, "phone", given, lambda line: clean_phone(line, regions), PHONE_LIMIT + 1)
    found.keep("phone", given, phone and phone.number)
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
