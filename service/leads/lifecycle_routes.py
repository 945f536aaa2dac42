"""The lifecycle over HTTP: the machine as data, and the catalogue of reasons."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.reason_codes import add_reason, all_reasons
from service.leads.schemas import ReasonCreate
from service.lifecycle.machine import MOVES, NEEDS, STARTS_JOURNEY, Event, diagram
from service.lifecycle.reasons import CATEGORIES
from service.lifecycle.stages import FUNNEL, Stage

router = APIRouter(prefix="/v1/lifecycle", route_class=ServiceRoute, tags=["lifecycle"])


class MoveOut(BaseModel):
    """An arrow of the machine; a skip needs ``allow_skip``."""

    source: Stage | None
    target: Stage
    requires_skip: bool
    needs: list[str]


class EventOut(BaseModel):
    """An event and all its arrows."""

    event: Event
    starts_journey: bool
    moves: list[MoveOut]


class NeedOut(BaseModel):
    """A condition of an event."""

    need: str
    detail: str


class ReasonOut(BaseModel):
    """A reason code."""

    code: str
    category: str
    label: str | None
    built_in: bool


class LifecycleOut(BaseModel):
    """The machine as data."""

    stages: list[Stage]
    funnel: list[Stage]
    events: list[EventOut]
    needs: list[NeedOut]
    categories: list[str]
    reasons: list[ReasonOut]
    diagram: str


def _events() -> list[dict[str, Any]]:
    return [
        {
            "event": event,
            "starts_journey": event in STARTS_JOURNEY,
            "moves": [
                {
                    "source": move.source,
                    "target": move.target,
                    "requires_skip": move.is_skip,
                    "needs": [need.name for need in move.needs],
                }
                for move in MOVES.values()
                if move.event == event
            ],
        }
        for event in Event
    ]


@router.get(
    "",
    operation_id="read_lifecycle",
    summary="Read the state machine",
    response_model=LifecycleOut,
    dependencies=[require("leads:read")],
)
async def read_lifecycle(connection: ReadConnection) -> Response:
    """Stages, events, needs, reasons, and a Mermaid diagram."""
    machine = {
        "stages": list(Stage),
        "funnel": list(FUNNEL),
        "events": _events(),
        "needs": [{"need": need.name, "detail": need.detail} for need in NEEDS.values()],
        "categories": list(CATEGORIES),
        "diagram": diagram(),
    }
    return json_answer(machine | {"reasons": await all_reasons(connection)})


@router.post(
    "/reasons",
    operation_id="create_reason",
    summary="Add a reason code",
    status_code=201,
    response_model=ReasonOut,
    dependencies=[require("admin")],
)
async def create_reason(body: ReasonCreate, connection: Connection) -> Response:
    """For churn and recycle; its category decides where statistics count it."""
    return json_answer(await add_reason(connection, **body.model_dump(), now=now()), status=201)
