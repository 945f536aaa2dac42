"""Meta Conversions API, events of a CRM (conversion leads): which of the leads that Meta brought have become what.

The endpoint's address is ``https://graph.facebook.com/v23.0/{dataset_id}/events``. A lead is known by Meta's own id of it, which its lead
forms deliver (`external_ids.meta`), or by the id of the click; without both by hashed addresses alone if `hashed_identifiers` is set. Meta
wants every stage, also those that were skipped; it takes an event for the same as another by name and ``event_id``, which is our event's id.

Of an event that is more than seven days old Meta would refuse the whole request. Source: Conversions API, conversion leads integration,
payload specification; customer information parameters; Graph API, handling errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import Field

from service.lifecycle.stages import Stage
from service.outbound.formats import outcomes
from service.outbound.formats.bodies import to_json
from service.outbound.formats.contract import Event, Outcome, Skipped, secret
from service.outbound.formats.conversions import (
    TYPES,
    Conversion,
    ConversionSettings,
    click_id,
    reachable,
    reached,
    sha256,
)
from service.outbound.formats.vendor_answers import document, number
from service.outbound.sending.answers import Answer

name: Final = "meta-capi"
title: Final = "Meta Conversions API: what became of the leads of Facebook and Instagram"
signed: Final = False
types: Final = TYPES
setup: Final = (
    "The address is https://graph.facebook.com/v23.0/{dataset_id}/events with the number of the dataset (pixel) of the business. The access "
    "token is that of a system user with the dataset assigned; it does not run out. Give test_event_code to see events under Test events."
)

_LEAD_ID: Final = re.compile(r"[0-9]{1,20}")
_OLDEST: Final = timedelta(days=7)
_MAX_CODE: Final = 299
_TOKEN_CODES: Final = frozenset({10, 102, 190})
_LIMIT_CODES: Final = frozenset({4, 17, 32, 341, 368, 613})
_PASSING_CODES: Final = frozenset({1, 2})
_STAGES: Final[Mapping[Stage, str]] = MappingProxyType(
    {
        Stage.ACQUIRED: "Initial Lead",
        Stage.CLEANED: "Valid Lead",
        Stage.NURTURED: "Marketing Qualified Lead",
        Stage.OPPORTUNITY: "Sales Opportunity",
        Stage.WON: "Converted",
    }
)
EventName = Annotated[str, Field(min_length=1, max_length=50)]


class Settings(ConversionSettings):
    """What can be set for an endpoint of this format."""

    access_token: Annotated[str, secret("The access token.")]
    event_names: Annotated[
        dict[Stage, EventName],
        Field(
            min_length=1,
            default_factory=lambda: dict(_STAGES),
            description="What Meta calls each stage; one that is not named is not told.",
            json_schema_extra={"default": dict(_STAGES)},
        ),
    ]
    lead_event_source: Annotated[
        str, Field(min_length=1, max_length=100, description="The name of the tool, as Meta shows it.")
    ] = "lead-lifecycle"
    hashed_identifiers: Annotated[
        bool, Field(description="Send the SHA-256 of e-mail address and phone number of those who have consented.")
    ] = False
    test_event_code: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9]{1,40}$", description="The code of Events Manager > Test events.")
    ] = None


def body_of(event: Event, settings: Settings, /) -> bytes | Skipped:
    """Return one event of Meta's for each stage reached, or why there is none."""
    found = reached(event, settings.event_names, settings)
    if isinstance(found, Skipped):
        return found
    if event["recorded_at"] - event["timestamp"] > _OLDEST:
        return Skipped("too_old", "Meta takes nothing that happened more than seven days ago.")
    person = _person(found.lead, settings)
    if not person:
        return Skipped("no_lead_id", "The lead has no id or click id of Meta's, and no hashed identifier may be sent.")
    told: dict[str, Any] = {"data": [_told(one, person, settings) for one in found.conversions]}
    if settings.test_event_code:
        told["test_event_code"] = settings.test_event_code
    return to_json(told)


def _person(lead: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    person: dict[str, Any] = {}
    given = lead["external_ids"].get("meta")
    if isinstance(given, str) and _LEAD_ID.fullmatch(given):
        person["lead_id"] = int(given)
    if click := click_id(lead, "fbc"):
        person["fbc"] = click
    if settings.hashed_identifiers:
        if email := reachable(lead, "email", settings):
            person["em"] = [sha256(email.strip().lower())]
        if phone := reachable(lead, "phone", settings):
            person["ph"] = [sha256(phone.removeprefix("+"))]
    return person


def _told(one: Conversion, person: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    custom: dict[str, Any] = {"event_source": "crm", "lead_event_source": settings.lead_event_source}
    if one.amount is not None and one.currency is not None:
        custom |= {"value": one.amount, "currency": one.currency}
    return {
        "event_name": settings.event_names[one.stage],
        "event_time": int(one.at.timestamp()),
        "event_id": one.key,
        "action_source": "system_generated",
        "user_data": person,
        "custom_data": custom,
    }


def headers_of(
    _event: Event,
    settings: Settings,
    /,
    *,
    body: bytes,  # noqa: ARG001 - of the contract
    secrets: Sequence[str],  # noqa: ARG001 - as above
    attempted_at: datetime,  # noqa: ARG001 - as above
) -> dict[str, str]:
    """Return the token as a header, where no log of addresses sees it."""
    return {"content-type": "application/json", "authorization": f"Bearer {settings.access_token}"}


def token_request(_settings: Settings, /) -> None:
    """Return None: the token does not run out."""


def outcome_of(answer: Answer, /) -> Outcome:
    """Return what an answer means, by the code of Graph's error; ``meta_…`` is its code."""
    if answer.ok:
        taken = number(answer, "events_received")
        return Outcome("failed", "meta_nothing_received") if taken == 0 else Outcome("delivered")
    if answer.error is not None or b'"error"' not in answer.body:
        return outcomes.outcome_of(answer)
    code = number(answer, "code")
    error = document(answer).get("error")
    passing = isinstance(error, dict) and error.get("is_transient") is True
    if code in _TOKEN_CODES or (code is not None and 200 <= code <= _MAX_CODE):
        return Outcome("retry", "token_rejected")
    if code in _LIMIT_CODES or (code is not None and 80000 <= code <= 80014):
        return Outcome("retry", "rate_limited", slow_down=True, wait=answer.retry_after)
    told = f"meta_{code}" if code is not None else f"http_{answer.status}"
    if passing or code in _PASSING_CODES or answer.status is None or answer.status >= 500:
        return Outcome("retry", told, wait=answer.retry_after)
    return Outcome("failed", told)
