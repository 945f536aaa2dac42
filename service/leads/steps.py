"""Steps: what a request asks the machine for, completed with what the lead and the catalogue of reasons know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Invalid
from service.leads.reason_codes import categories_of
from service.leads.schemas import TransitionCreate
from service.lifecycle.errors import UnknownReason
from service.lifecycle.ledger import Step
from service.lifecycle.machine import STARTS_JOURNEY


async def step_from(connection: AsyncConnection, body: TransitionCreate) -> Step:
    """Return a request body as a step for the machine; raises `UnknownReason`, or `Invalid`."""
    return (await steps_from(connection, [body]))[0]


async def steps_from(
    connection: AsyncConnection, bodies: Sequence[TransitionCreate], *, within: str | None = None
) -> list[Step]:
    """Return request bodies as steps for the machine; raises `UnknownReason`, or `Invalid`.

    ``within`` is the pointer of the list that the bodies stand in, if they stand in one.
    """
    categories = await categories_of(connection, {body.reason for body in bodies if body.reason is not None})
    return [
        step_with(categories, body, place="" if within is None else f"{within}/{index}")
        for index, body in enumerate(bodies)
    ]


def step_with(categories: Mapping[str, str], body: TransitionCreate, *, place: str = "") -> Step:
    """Return a request body as a step, given the categories of the known reason codes; raises as `steps_from`, naming ``place``."""
    if body.reason is not None and body.reason not in categories:
        raise UnknownReason(
            f"there is no reason code {body.reason!r}; GET /v1/lifecycle lists them",
            errors=[{"pointer": f"{place}/reason", "detail": f"{body.reason!r} is not a reason code"}],
        )
    for name in ("channel", "campaign"):
        if getattr(body, name) is not None and body.event not in STARTS_JOURNEY:
            raise Invalid(f"{place}/{name}", f"{body.event} starts no journey, and only a journey has a {name}")
    if body.currency is not None and body.amount is None:
        raise Invalid(f"{place}/currency", "is the currency of an amount, and there is none")
    return Step(
        event=body.event,
        occurred_at=body.occurred_at,
        reason=body.reason,
        category=categories[body.reason] if body.reason is not None else None,
        note=body.note,
        amount=body.amount,
        currency=body.currency,
        allow_skip=body.allow_skip,
        channel=body.channel,
        campaign=body.campaign,
    )


def completed(step: Step, row: Mapping[str, Any], *, source: Mapping[str, Any] | None = None, place: str = "") -> Step:
    """Fill in what a step leaves open: the lead's currency, and the channel and campaign of ``source`` (else the lead's acquiring ones)
    for a journey that names none. Raises `Invalid` for an amount whose currency nobody knows; ``place`` is the step's pointer.
    """
    currency = step.currency or (row["currency"] if step.amount is not None else None)
    if step.amount is not None and currency is None:
        raise Invalid(f"{place}/currency", "an amount needs its currency (ISO 4217)")
    if step.event not in STARTS_JOURNEY or step.channel is not None:
        return replace(step, currency=currency)
    came_from = source or row
    return replace(
        step, currency=currency, channel=came_from["channel"], campaign=step.campaign or came_from["campaign"]
    )
