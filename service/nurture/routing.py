"""The addresses of nurture."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.nurture.accounts import routes as accounts
from service.nurture.activities import routes as activities
from service.nurture.assignment import pool_routes as pool
from service.nurture.assignment import routes as assignment
from service.nurture.assignment import team_routes as teams
from service.nurture.deadlines import routes as deadlines
from service.nurture.deadlines.statistics import routes as deadline_statistics
from service.nurture.policies import routes as policies
from service.nurture.scoring import routes as scoring

ROUTERS: Final[tuple[APIRouter, ...]] = (
    activities.router,
    scoring.rules,
    scoring.trials,
    scoring.router,
    assignment.router,
    teams.router,
    teams.rules_router,
    pool.router,
    deadlines.router,
    deadlines.rules_router,
    deadline_statistics.router,
    policies.rules_router,
    policies.router,
    accounts.router,
    accounts.tiers,
)
