"""Google Ads offline conversions: ``customers.uploadClickConversions`` for clicks and for enhanced conversions for leads.

The endpoint's address is ``https://googleads.googleapis.com/v26/customers/{customer_id}:uploadClickConversions``; the same customer is in
the settings. Which stage is which conversion action is a setting; Google knows a conversion again by its order id, which is our event's id.
A click is known by ``gclid``, else by ``wbraid`` or ``gbraid`` (a lead form's ``gcl_id`` is a gclid). A lead without any of them is reported
by its hashed address if `hashed_identifiers` is set, and skipped if not.

Errors of single conversions come with status 200 as ``partialFailureError``. Source: Google Ads API reference v26,
UploadClickConversionsRequest, ClickConversion, ConversionUploadError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Self
from urllib.parse import urlencode

from pydantic import Field, model_validator

from service.lifecycle.stages import Stage
from service.outbound.formats import outcomes
from service.outbound.formats.bodies import to_json
from service.outbound.formats.contract import Event, Outcome, Skipped, secret
from service.outbound.formats.conversions import (
    TYPES,
    Conversion,
    ConversionSettings,
    click_id,
    consent,
    reachable,
    reached,
    sha256,
)
from service.outbound.sending.answers import Answer, Outgoing

name: Final = "google-offline-conversions"
title: Final = "Google Ads: offline conversions of the clicks that brought the leads"
signed: Final = False
types: Final = TYPES
setup: Final = (
    "The address is https://googleads.googleapis.com/v26/customers/{customer_id}:uploadClickConversions. Make conversion actions of the type "
    "UPLOAD_CLICKS and give their numbers by stage. Give a refresh token of the scope https://www.googleapis.com/auth/adwords with its client, "
    "or an access token that you renew."
)

_DOTLESS: Final = frozenset({"gmail.com", "googlemail.com"})
_FAULT: Final = re.compile(rb'"([A-Za-z]+)Error"\s*:\s*"([A-Z_0-9]{1,80})"')
# It has been told before: that is as good as done.
_KNOWN: Final = frozenset(
    {
        "CLICK_CONVERSION_ALREADY_EXISTS",
        "DUPLICATE_ORDER_ID",
        "DUPLICATE_CLICK_CONVERSION_IN_REQUEST",
        "ORDER_ID_ALREADY_IN_USE",
    }
)
# The click or the action is some hours too young, or Google is unwell.
_LATER: Final = frozenset(
    {
        "TOO_RECENT_EVENT",
        "TOO_RECENT_CONVERSION_ACTION",
        "INTERNAL_ERROR",
        "TRANSIENT_ERROR",
        "DEADLINE_EXCEEDED",
        "CONCURRENT_MODIFICATION",
    }
)
_TOKENS: Final = frozenset({"authentication", "authorization"})
_TOO_MUCH: Final = frozenset(
    {"RESOURCE_EXHAUSTED", "RESOURCE_TEMPORARILY_EXHAUSTED", "EXCESSIVE_SHORT_TERM_QUERY_RESOURCE_CONSUMPTION"}
)

Number = Annotated[str, Field(pattern=r"^[0-9]{1,20}$")]


class Settings(ConversionSettings):
    """What can be set for an endpoint of this format."""

    customer_id: Annotated[Number, Field(description="The account, without hyphens.")]
    login_customer_id: Annotated[Number | None, Field(description="The manager account that is logged in with.")] = None
    developer_token: Annotated[str, secret("The developer token of the manager account.")]
    access_token: Annotated[str | None, secret("An OAuth access token; valid for an hour.")] = None
    client_id: Annotated[str | None, Field(max_length=300, description="The OAuth client of the refresh token.")] = None
    client_secret: Annotated[str | None, secret("The secret of the OAuth client.")] = None
    refresh_token: Annotated[str | None, secret("Access tokens are fetched with it when they run out.")] = None
    token_url: Annotated[
        str, Field(pattern=r"^https?://[^\s]+$", max_length=300, description="Where access tokens are fetched.")
    ] = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    conversion_actions: Annotated[
        dict[Stage, Number],
        Field(min_length=1, description="The number of the conversion action for each stage to be reported."),
    ]
    hashed_identifiers: Annotated[
        bool,
        Field(
            description="Send the SHA-256 of e-mail address and phone number of those who have consented (enhanced conversions for leads)."
        ),
    ] = False

    @model_validator(mode="after")
    def _has_token(self) -> Self:
        if not self.access_token and not (self.client_id and self.client_secret and self.refresh_token):
            raise ValueError("Give an access token, or client_id, client_secret and refresh_token")
        return self


def body_of(event: Event, settings: Settings, /) -> bytes | Skipped:
    """Return one conversion for each stage reached, or why there is none."""
    found = reached(event, settings.conversion_actions, settings)
    if isinstance(found, Skipped):
        return found
    known_by = _known_by(found.lead, settings)
    if not known_by:
        return Skipped("no_click_id", "The lead has no gclid, wbraid or gbraid, and no hashed identifier may be sent.")
    conversions = [known_by | _told(one, found.lead, settings) for one in found.conversions]
    return to_json({"conversions": conversions, "partialFailure": True})


def _known_by(lead: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return what Google finds the click by: only one id of a click may be given, and hashes go with a gclid or alone."""
    if gclid := click_id(lead, "gclid", "gcl_id"):
        return {"gclid": gclid, **_hashed(lead, settings)}
    for kind in ("wbraid", "gbraid"):
        if found := click_id(lead, kind):
            return {kind: found}
    return _hashed(lead, settings)


def _hashed(lead: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    if not settings.hashed_identifiers:
        return {}
    identifiers = []
    if email := reachable(lead, "email", settings):
        identifiers.append({"hashedEmail": sha256(_mailbox(email)), "userIdentifierSource": "FIRST_PARTY"})
    if phone := reachable(lead, "phone", settings):
        identifiers.append({"hashedPhoneNumber": sha256(phone), "userIdentifierSource": "FIRST_PARTY"})
    return {"userIdentifiers": identifiers} if identifiers else {}


def _mailbox(email: str) -> str:
    local, _, domain = email.strip().lower().rpartition("@")
    return f"{local.replace('.', '') if domain in _DOTLESS else local}@{domain}"


def _told(one: Conversion, lead: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    told: dict[str, Any] = {
        "conversionAction": f"customers/{settings.customer_id}/conversionActions/{settings.conversion_actions[one.stage]}",
        "conversionDateTime": one.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00:00"),
        "orderId": one.key,
    }
    if one.amount is not None and one.currency is not None:
        told |= {"conversionValue": one.amount, "currencyCode": one.currency}
    if consent(lead, settings):
        told["consent"] = {"adUserData": "GRANTED"}
    return told


def headers_of(
    _event: Event,
    settings: Settings,
    /,
    *,
    body: bytes,  # noqa: ARG001 - of the contract
    secrets: Sequence[str],  # noqa: ARG001 - as above
    attempted_at: datetime,  # noqa: ARG001 - as above
) -> dict[str, str]:
    """Return the tokens, but for one that is fetched."""
    headers = {"content-type": "application/json", "developer-token": settings.developer_token}
    if not settings.refresh_token:
        headers["authorization"] = f"Bearer {settings.access_token}"
    if settings.login_customer_id:
        headers["login-customer-id"] = settings.login_customer_id
    return headers


def token_request(settings: Settings, /) -> Outgoing | None:
    """Return what fetches an access token (RFC 6749, 6), or None where one is set."""
    if not settings.refresh_token:
        return None
    form = {
        "grant_type": "refresh_token",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret,
        "refresh_token": settings.refresh_token,
    }
    return Outgoing(settings.token_url, {"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode())


def outcome_of(answer: Answer, /) -> Outcome:
    """Return what an answer means: its faults are named ``google_…`` after Google's own names."""
    faults = [(kind.decode(), fault.decode()) for kind, fault in _FAULT.findall(answer.body)]
    if answer.ok and b'"partialFailureError"' not in answer.body:
        return Outcome("delivered")
    told = [fault for _, fault in faults if fault not in _KNOWN]
    if answer.ok and faults and not told:
        return Outcome("delivered", f"google_{faults[0][1].lower()}")
    if answer.status == 401 or any(kind in _TOKENS for kind, _ in faults):
        return Outcome("retry", "token_rejected")
    if answer.status == 429 or any(fault in _TOO_MUCH for fault in told):
        return Outcome("retry", "rate_limited", slow_down=True, wait=answer.retry_after)
    if (answer.ok or answer.status == 400) and told and any(fault not in _LATER for fault in told):
        return Outcome("failed", "google_" + next(fault for fault in told if fault not in _LATER).lower())
    if told:
        return Outcome("retry", f"google_{told[0].lower()}", wait=answer.retry_after)
    return Outcome("failed", "google_partial_failure") if answer.ok else outcomes.outcome_of(answer)
