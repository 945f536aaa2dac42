"""The address of the leads behind a figure."""

from __future__ import annotations

from typing import Literal

from service.stats.schemas.scope import ScopeQuery

Behind = Literal["funnel", "period", "trend", "flow", "cohorts", "velocity", "attribution"]


class BehindQuery(ScopeQuery):
    """The parameters of an address that lists the leads behind a figure."""

    behind: Behind
    stage: str | None = None
    part: str | None = None
