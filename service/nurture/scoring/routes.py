"""Rules of scoring, and scores, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.paging import Page, Paging, paginate
from service.core.http.routing import ReadConnection, ServiceRoute
from service.leads.fields import Instant
from service.nurture.rule_routes import rule_routes
from service.nurture.scoring import explaining, trying
from service.nurture.scoring.checking import check_rules
from service.nurture.scoring.rules import SCORING
from service.nurture.scoring.schemas import LedgerEntryOut, ScoreOut
from service.nurture.scoring.trial_schemas import ScoringTrialCreate, ScoringTrialOut
from service.stats.attending import attended

rules = rule_routes(
    SCORING,
    noun="scoring rules",
    tag="scoring",
    description="Fit rules give points for what a lead is, engagement rules for what it does, of which half are left after each half-life.",
    check=check_rules,
)
router = APIRouter(prefix="/v1/leads", route_class=ServiceRoute, tags=["scoring"], dependencies=[require("leads:read")])

trials = APIRouter(prefix="/v1/scoring-rules", route_class=ServiceRoute, tags=["scoring"])


@trials.post(
    "/dry-run",
    operation_id="try_scoring_rules",
    summary="Try scoring rules on the last days",
    response_model=ScoringTrialOut,
    dependencies=[require("stats:read")],
)
async def try_scoring_rules(body: ScoringTrialCreate, request: Request, connection: ReadConnection) -> Response:
    """How many scores would change, which thresholds would be crossed, how often each rule fires, and whether high scores really won. Of very many
    leads a sample is looked at. Nothing is changed.
    """
    return await attended(request, trying.try_rules(connection, body, now=now()), one_at_a_time=False)


_LISTED: Final = {"list": "score-entries"}


@router.get(
    "/{lead_id}/score",
    operation_id="read_score",
    summary="Explain a lead's score",
    response_model=ScoreOut,
)
async def read_score(
    lead_id: UUID,
    connection: ReadConnection,
    at: Annotated[Instant | None, Query(description="As it was recorded by this instant; now, if absent")] = None,
) -> Response:
    """Every entry that counts, what of it is left, and why it is there; they add up to the score, exact to the instant. The lead itself shows the
    score as it was told last, which for a score that only decays may be up to a day ago.
    """
    return json_answer(await explaining.read_score(connection, lead_id, at=at or now()))


@router.get(
    "/{lead_id}/score-entries",
    operation_id="list_score_entries",
    summary="List every entry of a lead's ledger of points",
    response_model=Page[LedgerEntryOut],
)
async def list_score_entries(
    lead_id: UUID, request: Request, response: Response, connection: ReadConnection, paging: Paging
) -> dict[str, Any]:
    """The newest first; nothing is ever deleted: what counts no more has an end, and why it ended."""
    listed = _LISTED | {"lead_id": str(lead_id)}
    after = paging.after(listed, UUID)
    before = after[0] if after else None
    found = await explaining.list_entries(connection, lead_id, before=before, limit=paging.limit + 1)
    return paginate(
        found, request=request, response=response, paging=paging, filters=listed, key=lambda one: [one["id"]]
    )
