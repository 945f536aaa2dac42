"""One submission through all of cleaning."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final, TypeVar

from service.cleaning.country import clean_country
from service.cleaning.domains import company_domain, mail_domain
from service.cleaning.email import EMAIL_LIMIT, clean_email
from service.cleaning.names import clean_name
from service.cleaning.phone import PHONE_LIMIT, clean_phone
from service.cleaning.regions import clean_region
from service.cleaning.submission import Cleaned, Fault, Submission, Unusable
from service.cleaning.texts import TEXT_LIMIT, one_line, storable
from service.cleaning.utm import clean_utm
from service.cleaning.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

_Value = TypeVar("_Value")

_FIRST_YEAR: Final = 1900
_TAG_LIMIT: Final = 100
_NAME_LIMIT: Final = 250
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
_KEPT_RAW: Final = (
    "email",
    "phone",
    "full_name",
    "first_name",
    "last_name",
    "country",
    "region",
    "company_domain",
    *_PLAIN,
)
_RAW_LIMIT: Final = 1000
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
        if given == made or (made is None and isinstance(given, str) and not given.strip()):
            return
        told = storable(given)
        self.raw[name] = told[:_RAW_LIMIT] if isinstance(told, str) else told

    def report(self, pointer: str, why: str, reason: str) -> None:
        self.faults.append(Fault(pointer, why))
        if reason not in self.reasons:
            self.reasons.append(reason)


def normalise(submission: Submission, default_region: str | None = None) -> Cleaned:
    """Return the submission in the service's notation, with a verdict and the faults of what was given but cannot be used.

    A phone number in national notation is read as one of the submission's country, then of ``default_region`` (alpha-2).
    Never raises; what was normalised before comes out unchanged.
    """
    found = _Findings()
    country = _checked(found, "country", one_line(submission.country), clean_country)
    region = one_line(submission.region)
    if region is not None:
        region, country = clean_region(region, country)
    email = _checked(found, "email", one_line(submission.email, EMAIL_LIMIT + 1), clean_email)
    phone = _phone(found, submission.phone, tuple(region for region in (country, default_region) if region))
    domain = _checked(found, "company_domain", one_line(submission.company_domain), company_domain)
    name = clean_name(
        one_line(submission.full_name),
        one_line(submission.first_name, _NAME_LIMIT),
        one_line(submission.last_name, _NAME_LIMIT),
    )
    external_ids = _external_ids(found, submission.external_ids)
    plain = {name: one_line(getattr(submission, name)) for name in _PLAIN}
    cleaned = Submission(
        email=email,
        phone=phone,
        full_name=name.full,
        first_name=name.first,
        last_name=name.last,
        company_domain=domain or (mail_domain(email.rpartition("@")[2]).company if email else None),
        country=country,
        region=region,
        utm=_utm(found, submission.utm),
        external_ids=external_ids,
        consent=storable(submission.consent),
        tags=_tags(submission.tags),
        attributes=storable(submission.attributes) | found.notes,
        **plain,
        occurred_at=_aware(submission.occurred_at),
        test=submission.test,
        delivery_id=submission.delivery_id,
        auto_clean=submission.auto_clean,
        revises=submission.revises,
        overwrites=submission.overwrites,
    )
    verdict, reasons = judge(cleaned, found.reasons, faulty=bool(found.faults))
    for kept in _KEPT_RAW:
        given = getattr(submission, kept)
        if given is not None:
            found.keep(kept, given, domain if kept == "company_domain" else getattr(cleaned, kept))
    return Cleaned(cleaned, verdict, reasons, tuple(found.faults), found.raw)


def _checked(found: _Findings, name: str, raw: str | None, clean: Callable[[str], _Value]) -> _Value | None:
    if raw is None:
        return None
    try:
        return clean(raw)
    except Unusable as why:
        pointer, reason = _FIELDS[name]
        found.report(pointer, str(why), reason)
        return None


def _phone(found: _Findings, value: str | None, regions: tuple[str, ...]) -> str | None:
    phone = _checked(found, "phone", one_line(value, PHONE_LIMIT + 1), lambda raw: clean_phone(raw, regions))
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
