"""Feiyu (飞鱼) of Ocean Engine (巨量引擎): what became of a lead (线索深转回传), by one of two interfaces.

- ``marketing-api``, for those with an app of the open platform: ``https://ad.oceanengine.com/open_api/2/tools/clue/callback/`` with
  ``advertiser_ids, source, clue_id, clue_convert_state`` and the header ``Access-Token``; its states are 194 confirmed by call, 195 added
  as a friend, 196 likely to buy, 285 paid, 527 visited, 10000 invalid. Source: the vendor's own SDK, and other people's.
- ``feiyu-crm``, for those with the key and token of Feiyu's settings: ``https://feiyu.oceanengine.com/crm/v2/openapi/clue/callback/`` with
  ``clue_id, clue_convert_state``: 1 invalid, 2 potential, 3 of high value, 4 paid. Source: other people's clients only. Unverified there: that
  the signature, base64 of the hex HMAC-SHA256, covers just the path and the timestamp, as it does where leads are pulled; and the
  answers beyond ``{"status": 0}``.

Unverified in both: what else may be answered when a token has run out; every code other than success is tried again, but for those known to
be final. A lead is known by Feiyu's id of it, which its push delivers (`external_ids.feiyu`).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from service.lifecycle.stages import Stage
from service.outbound.formats import outcomes
from service.outbound.formats.bodies import to_json
from service.outbound.formats.contract import Event, Outcome, Skipped, secret
from service.outbound.formats.conversions import TYPES, ConversionSettings, reached
from service.outbound.formats.vendor_answers import document, number
from service.outbound.sending.answers import Answer

name: Final = "feiyu"
title: Final = "Feiyu, Ocean Engine (飞鱼, 巨量引擎): what became of the leads of Douyin and Toutiao"
signed: Final = False
types: Final = TYPES
setup: Final = (
    "With an app of the open platform the address is https://ad.oceanengine.com/open_api/2/tools/clue/callback/ and via is marketing-api; with "
    "the key and token of 飞鱼 > 设置 it is https://feiyu.oceanengine.com/crm/v2/openapi/clue/callback/ and via is feiyu-crm."
)

_CLUE_ID: Final = re.compile(r"[0-9]{1,30}")
_PATH: Final = "/crm/v2/openapi/clue/callback/"
_STATES: Final[Mapping[str, Mapping[Stage, int]]] = MappingProxyType(
    {
        "marketing-api": {Stage.NURTURED: 194, Stage.OPPORTUNITY: 196, Stage.WON: 285, Stage.CHURNED: 10000},
        "feiyu-crm": {Stage.NURTURED: 2, Stage.OPPORTUNITY: 3, Stage.WON: 4, Stage.CHURNED: 1},
    }
)
# The token is missing, not valid, run out, or may not do this.
_TOKEN_CODES: Final = frozenset({40002, 40003, 40101, 40102, 40103, 40104, 40105, 40107})
_LIMIT_CODES: Final = frozenset({40100, 40110})
_FINAL_CODES: Final = frozenset({40000, 40001})


class Settings(ConversionSettings):
    """What can be set for an endpoint of this format."""

    via: Annotated[Literal["marketing-api", "feiyu-crm"], Field(description="Which of the two interfaces.")] = (
        "marketing-api"
    )
    access_token: Annotated[str, secret("The access token, or the token of Feiyu's settings.")]
    signature_key: Annotated[str | None, secret("The key of Feiyu's settings; for feiyu-crm.")] = None
    advertiser_ids: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(max_length=100, description="The advertiser's accounts; for marketing-api."),
    ] = ()
    states: Annotated[
        dict[Stage, Annotated[int, Field(ge=1, le=1_000_000)]] | None,
        Field(min_length=1, description="clue_convert_state for each stage to be told; absent: those that fit best."),
    ] = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.via == "feiyu-crm" and not self.signature_key:
            raise ValueError("feiyu-crm needs the signature_key")
        if self.via == "marketing-api" and not self.advertiser_ids:
            raise ValueError("marketing-api needs advertiser_ids")
        return self


def body_of(event: Event, settings: Settings, /) -> bytes | Skipped:
    """Return the state that a lead is in now, or why it is not told; of stages passed on the way nothing is said."""
    states = settings.states or _STATES[settings.via]
    found = reached(event, states, settings)
    if isinstance(found, Skipped):
        return found
    stage = found.conversions[-1].stage
    if stage is Stage.CHURNED and event["data"]["transition"]["category"] != "disqualified":
        return Skipped("not_invalid", "The lead went, but it was a real one.")
    given = found.lead["external_ids"].get("feiyu")
    if not isinstance(given, str) or _CLUE_ID.fullmatch(given) is None:
        return Skipped("no_clue_id", "The lead has no id of Feiyu's.")
    told: dict[str, Any] = {"clue_id": given, "clue_convert_state": states[stage]}
    if settings.via == "marketing-api":
        told = {"advertiser_ids": list(settings.advertiser_ids), "source": 1, **told}
    return to_json(told)


def headers_of(
    _event: Event,
    settings: Settings,
    /,
    *,
    body: bytes,  # noqa: ARG001 - of the contract
    secrets: Sequence[str],  # noqa: ARG001 - as above
    attempted_at: datetime,
) -> dict[str, str]:
    """Return the token, and for Feiyu's own interface the signature of this try."""
    headers = {"content-type": "application/json", "access-token": settings.access_token}
    if settings.via == "feiyu-crm" and settings.signature_key:
        timestamp = str(int(attempted_at.timestamp()))
        digest = hmac.new(settings.signature_key.encode(), f"{_PATH} {timestamp}".encode(), "sha256").hexdigest()
        headers |= {"timestamp": timestamp, "signature": base64.b64encode(digest.encode()).decode()}
    return headers


def token_request(_settings: Settings, /) -> None:
    """Return None: each token that is fetched makes the one it was fetched with worthless, so that whoever renews it sets it."""


def outcome_of(answer: Answer, /) -> Outcome:
    """Return what an answer means: both interfaces answer 200 to everything, and say in the body how it went."""
    if not answer.ok:
        return outcomes.outcome_of(answer)
    said = document(answer)
    code = number(answer, "code") if "code" in said or not said else number(answer, "status")
    if code == 0 or said.get("status") == "success":
        return Outcome("delivered")
    if code in _TOKEN_CODES:
        return Outcome("retry", "token_rejected")
    if code in _LIMIT_CODES:
        return Outcome("retry", "rate_limited", slow_down=True, wait=answer.retry_after)
    told = f"feiyu_{code}" if code is not None else "feiyu_no_code"
    return Outcome("failed" if code in _FINAL_CODES else "retry", told)
