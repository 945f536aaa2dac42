"""Whether the service lives, whether it can do its work, and its metrics."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from fastapi import APIRouter, Request
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import JSONResponse, Response

from service.core import clock, outage, store, telemetry
from service.core.http.openapi import PROBLEM
from service.core.migrations import head_revision

BEAT_WITHIN: Final = timedelta(seconds=30)
_PATIENCE_SECONDS: Final = 3.0

_log = structlog.get_logger(__name__)
router = APIRouter(tags=["operations"], responses={"default": PROBLEM})

_REPORT: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["status", "checks"],
    "properties": {
        "status": {"type": "string", "enum": ["ready", "unready"]},
        "checks": {
            "type": "object",
            "required": ["database", "migrations", "worker"],
            "additionalProperties": {"type": "string", "examples": ["ok"]},
        },
    },
}
_ALIVE: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "string", "const": "alive"}},
}


def _json_of(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


@router.get(
    "/healthz",
    operation_id="read_health",
    summary="Whether the process lives",
    responses={200: _json_of(_ALIVE, "It does")},
)
async def healthz() -> Response:
    """Answer as long as this process can answer at all; asks nothing of the database."""
    return JSONResponse({"status": "alive"})


@router.get(
    "/readyz",
    operation_id="read_readiness",
    summary="Whether the service can do its work",
    responses={200: _json_of(_REPORT, "It can"), 503: _json_of(_REPORT, "It cannot; `checks` say why")},
)
async def readyz(request: Request) -> Response:
    """Answer whether the database is reachable, its schema the newest, and a worker has beaten within 30 seconds."""
    checks = await _checks(request.app.state.engine)
    if all(found == "ok" for found in checks.values()):
        return JSONResponse({"status": "ready", "checks": checks})
    return JSONResponse({"status": "unready", "checks": checks}, 503, {"Retry-After": "2"})


@router.get(
    "/metrics",
    operation_id="read_metrics",
    summary="Metrics for Prometheus",
    responses={
        200: {"description": "The exposition format", "content": {"text/plain": {"schema": {"type": "string"}}}}
    },
)
async def metrics(request: Request) -> Response:
    """Answer the metrics of every API process of this installation that shares a metrics folder with this one."""
    # Rooms above this one leave here what brings their gauges up to date.
    for refresh in getattr(request.app.state, "gauges", ()):
        await refresh()
    return telemetry.metrics_page()


async def _checks(engine: AsyncEngine) -> dict[str, str]:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            found = await store.readiness(connection)
    except ProgrammingError:
        return {"database": "ok", "migrations": "missing", "worker": "unknown"}
    except Exception as error:
        if outage.retry_after(error) is None:
            raise
        _log.warning("database_unavailable", error=type(error).__name__)
        return {"database": "unreachable", "migrations": "unknown", "worker": "unknown"}
    return {
        "database": "ok",
        "migrations": "ok" if found["revision"] == head_revision() else "not current",
        "worker": _beating(found["beat_at"]),
    }


def _beating(beat_at: datetime | None) -> str:
    if beat_at is None:
        return "never seen"
    return "ok" if clock.now() - beat_at <= BEAT_WITHIN else "silent"
