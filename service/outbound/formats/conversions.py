"""What the formats that report back to advertisers have in common: which events are conversions, and what may be told of whom.

How it is decided whether a person may be spoken of, by the event's own snapshot of the lead:

- A test lead, an erased one, and one whose word on the purpose (`consent_purpose`) is no are never reported.
- Where `require_consent` is set, the word must be yes; otherwise silence is enough to report under the advertiser's own id of the click or
  the lead, which the advertiser gave us.
- A hashed e-mail address or phone number goes along with a yes only, and where the person may be written to or called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import Field

from service.lifecycle.stages import Stage
from service.outbound.formats.contract import Event, FormatSettings, Skipped

TYPES: Final = ("lead.created", "lead.stage_changed")
# Where a deal is spoken of, its amount is worth telling.
_WITH_AMOUNT: Final = frozenset({Stage.OPPORTUNITY, Stage.WON})
_LONGEST_ID: Final = 512


class ConversionSettings(FormatSettings):
    """Whose conversions may be reported."""

    consent_purpose: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            description="The purpose of consent that decides, as the lead's `consent` names it.",
        ),
    ] = "marketing"
    require_consent: Annotated[
        bool, Field(description="Report nobody who has not said yes to that purpose; otherwise nobody who has said no.")
    ] = False


@dataclass(frozen=True, slots=True)
class Conversion:
    """One stage that a lead has reached: ``key`` is the same for every try, ``amount`` and ``currency`` are there for deals."""

    stage: Stage
    at: datetime
    key: str
    amount: float | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Reached:
    """What an event says to an advertiser: the lead, and the stages it reached, the first first."""

    lead: Mapping[str, Any]
    conversions: tuple[Conversion, ...]


def reached(event: Event, stages: Mapping[Stage, Any], settings: ConversionSettings) -> Reached | Skipped:
    """Return the stages an event reaches of those that are mapped, or why there is nothing to tell."""
    if event["type"] not in TYPES:
        return Skipped("not_a_conversion", "Only leads that reach a stage are conversions.")
    data = event["data"]
    if data.get("correction_id") is not None:
        return Skipped("correction", "A correction of the past is no new conversion.")
    lead, transition = data["lead"], data["transition"]
    if (silence := _silenced(lead, settings)) is not None:
        return silence
    last = Stage(transition["to_stage"])
    passed = [stage for stage in (*map(Stage, transition["skipped"]), last) if stage in stages]
    if not passed:
        return Skipped("stage_not_mapped", f"The settings name no conversion for the stage {last}.")
    return Reached(lead, tuple(_conversion(event, lead, stage, last=last) for stage in passed))


def _silenced(lead: Mapping[str, Any], settings: ConversionSettings) -> Skipped | None:
    if lead["test"]:
        return Skipped("test_lead", "Test leads are not reported.")
    if lead["erased_at"] is not None:
        return Skipped("erased", "The person was erased.")
    granted = consent(lead, settings)
    if granted is False:
        return Skipped("consent_withdrawn", f"The person has said no to {settings.consent_purpose}.")
    if settings.require_consent and not granted:
        return Skipped("no_consent", f"The person has not said yes to {settings.consent_purpose}.")
    return None


def consent(lead: Mapping[str, Any], settings: ConversionSettings) -> bool | None:
    """Return what the person has said of the purpose: yes, no, or nothing."""
    granted: bool | None = _can_contact(lead).get("purposes", {}).get(settings.consent_purpose)
    return granted


def _conversion(event: Event, lead: Mapping[str, Any], stage: Stage, *, last: Stage) -> Conversion:
    amount = lead["amount"] if stage in _WITH_AMOUNT else None
    return Conversion(
        stage=stage,
        at=event["timestamp"],
        key=str(event["id"]) if stage is last else f"{event['id']}-{stage}",
        amount=None if amount is None else float(amount),
        currency=None if amount is None else lead["currency"],
    )


def click_id(lead: Mapping[str, Any], *names: str) -> str | None:
    """Return the id of the click that brought a lead, under one of its names: ``gclid``, ``gcl_id``.

    It is looked for where channels put it: among the attributes, the campaign parameters and the external ids, and at last in the
    addresses of pages among the attributes.
    """
    for name in names:
        for place in (lead["attributes"], lead["utm"], lead["external_ids"]):
            found = place.get(name)
            if isinstance(found, str) and 0 < len(found) <= _LONGEST_ID:
                return found
    pages = [value for value in lead["attributes"].values() if isinstance(value, str) and value.startswith("http")]
    for query in map(_query, pages):
        for name in names:
            if name in query and len(query[name][0]) <= _LONGEST_ID:
                return query[name][0]
    return None


def _query(page: str) -> dict[str, list[str]]:
    try:
        return parse_qs(urlsplit(page).query)
    except ValueError:
        return {}


def reachable(lead: Mapping[str, Any], medium: str, settings: ConversionSettings) -> str | None:
    """Return the lead's ``email`` or ``phone`` if a hash of it may be told, else None."""
    address: str | None = lead[medium]
    return address if consent(lead, settings) and _can_contact(lead).get(medium) else None


def _can_contact(lead: Mapping[str, Any]) -> Mapping[str, Any]:
    # Events of the first releases do not say it.
    return lead.get("can_contact") or {}


def sha256(text: str) -> str:
    """Return the lower-case hex SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
