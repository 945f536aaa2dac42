"""The API's composition root: with `service.worker`, the only place that wires the rooms together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from sqlalchemy.ext.asyncio import AsyncEngine

from service.channels.contract import Refusal
from service.core import health, logs
from service.core.database import address_of, create_engine
from service.core.http import openapi, problems
from service.core.http.limits import BodyLimit
from service.core.http.routing import mount
from service.core.telemetry import Telemetry
from service.intake import routes as intake
from service.intake.erase import erase_deliveries, erase_deliveries_of
from service.intake.export import export_deliveries
from service.intake.figures import Gauges
from service.intake.imports import routes as imports
from service.intake.reception import Reception
from service.intake.shortcut import Deliveries, with_shortcut
from service.intake.webhooks import install_intake
from service.leads import lifecycle_routes as lifecycle
from service.leads import reading_routes as reading
from service.leads import routes as leads
from service.leads.attributes import routes as attributes
from service.leads.duplicates import routes as duplicates
from service.leads.erase import Erasers
from service.leads.exports import routes as exports
from service.leads.merging import routes as merging
from service.leads.privacy import person_routes as people
from service.leads.privacy import routes as privacy
from service.leads.privacy import suppression_routes as suppressions
from service.lifecycle.errors import LifecycleError
from service.nurture.accounts.personal import export_roles
from service.nurture.assignment.personal import export_assignments
from service.nurture.deadlines.personal import export_deadlines
from service.nurture.policies.present import export_firings
from service.nurture.routing import ROUTERS as NURTURE
from service.nurture.scoring.explaining import export_points
from service.nurture.timelines import TIMELINES
from service.outbound import routes as outbound
from service.outbound import webhooks
from service.outbound.delivering.figures import DeliveryGauges
from service.outbound.endpoints import routes as endpoints
from service.outbound.formats import routes as formats
from service.outbound.sending.guard import Guard
from service.outbound.sending.sender import Sender
from service.outbound.tail import Tail
from service.settings import Settings
from service.stats import routes as stats
from service.stats.segments import routes as segments
from service.stats.segments.choosing import choose
from service.stats.spending import routes as spending
from service.worker import ERASERS

_DESCRIPTION: Final = """The life of a B2B lead, from the first click to the second purchase: one state machine, an append-only
ledger that remembers everything with both its times, and statistics that are exact, explained and instant."""

_TAGS: Final = {
    "leads": "Who may buy: created, matched, amended, moved, corrected, forgotten.",
    "privacy": "What people agreed to, who must not be contacted, and all that is held of a person.",
    "duplicates": "Who may be the same person, and why.",
    "merges": "Two leads of one person become one, and two again.",
    "lifecycle": "The state machine as data, and the reasons of churn.",
    "activities": "What leads did, and what was done to reach them.",
    "scoring": "Points by rules, in a ledger that explains every one of them.",
    "assignment": "Who has which lead, and why: teams, rules, offers, the pool.",
    "policies": "Routine moves that need nobody: when what is done, tried on the past, each explained.",
    "accounts": "The people of one company together: who buys, what is open, which tier.",
    "attributes": "What else you want to know of leads, with types.",
    "exports": "Everything in one file: NDJSON, CSV or Parquet.",
    "statistics": "Figures with their definition, their bounds and the leads behind them.",
    "segments": "Filters with a name, for every question and every list.",
    "events": "The change feed: every change once, in order.",
    "webhooks": "Who is told of events: signed, in order, and once more until they arrive.",
    "channels": "Where leads come from: addresses, secrets, mappings.",
    "deliveries": "What came in, what became of it, and once more.",
    "imports": "Whole files: leads, their history, what they did, what it cost.",
    "intake": "The addresses vendors send to; each channel's own scheme guards its own.",
    "operations": "For those who are called at night.",
}
_ROUTERS: Final = (
    leads.router,
    reading.router,
    duplicates.router,
    merging.router,
    privacy.router,
    people.router,
    suppressions.router,
    lifecycle.router,
    attributes.router,
    exports.router,
    intake.router,
    outbound.router,
    endpoints.router,
    formats.router,
    stats.router,
    segments.router,
    spending.router,
    imports.uploads,
    imports.router,
    *NURTURE,
    health.router,
)


def create_app(settings: Settings, engine: AsyncEngine | None = None) -> FastAPI:
    """Return the API; it makes (and ends) an engine of its own unless it is given one."""
    logs.set_up(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await app.state.tail.stop()
        await app.state.reception.stop()
        await app.state.sender.close()
        if engine is None:
            await app.state.engine.dispose()

    app = FastAPIOffline(
        title="lead-lifecycle",
        summary="Owns the life of a B2B lead",
        description=_DESCRIPTION,
        version=version("lead-lifecycle"),
        lifespan=lifespan,
        redoc_url=None,
        openapi_tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        redirect_slashes=False,
        # We have our own, and even switched off by its environment FastAPI's looks there for each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.engine = engine or create_engine(address_of(settings), pool_size=settings.database_pool)
    app.state.tail = Tail(app.state.engine, most=settings.feed_listeners)
    app.state.erasers = Erasers(first=(erase_deliveries,), then=(erase_deliveries_of, *ERASERS))
    app.state.exporters = (
        export_deliveries,
        export_points,
        export_assignments,
        export_roles,
        export_deadlines,
        export_firings,
    )
    app.state.timelines = TIMELINES
    reception = app.state.reception = Reception(app.state.engine, settings)
    app.state.gauges = (Gauges(app.state.engine).refresh, DeliveryGauges(app.state.engine).refresh)
    app.state.outbound_guard = Guard(settings.outbound_allow)
    app.state.sender = Sender(settings.outbound_allow)
    app.state.choose = choose
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(Telemetry, settings=settings)
    problems.install(app, extra_errors=(LifecycleError, Refusal))
    openapi.document_webhooks(app, webhooks.webhooks(), webhooks.components())
    install_intake(app)
    mount(app, *_ROUTERS)
    deliveries = Telemetry(BodyLimit(Deliveries(app, reception), settings, reception.count_refusal), settings)
    app.middleware_stack = with_shortcut(app.build_middleware_stack(), deliveries)
    return app
