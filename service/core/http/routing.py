"""The route every address of the API uses: who may call, what may be sent, and when what was done becomes true.

The order of things, for each request: admit the caller; refuse a query or a body that is malformed; look up ``Idempotency-Key``; solve
the route's dependencies and run it; render its answer; commit; send. An error anywhere undoes everything. See docs/decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi import APIRouter, FastAPI, Request, params
from fastapi.routing import APIRoute
from starlette.responses import Response

from service.core.http import auth, idempotency, openapi, queries
from service.core.http.negotiation import negotiate, table_of
from service.core.http.strict_json import StrictRequest
from service.core.http.unit import Connection, ReadConnection, SnapshotConnection, Unit, UnitOfWork

__all__ = ["Connection", "ReadConnection", "ServiceRoute", "SnapshotConnection", "UnitOfWork", "mount"]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ServiceRoute(APIRoute):
    """A route whose request is one transaction: ``APIRouter(route_class=ServiceRoute)``."""

    streams: ClassVar[bool] = False
    """Whether the body streams in and is never held whole."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        responses = {"default": openapi.PROBLEM, **(options.pop("responses", None) or {})}
        methods = set(options.get("methods") or ())
        if "GET" in methods and table_of(options.get("response_model")):
            responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **responses}
        if "POST" in methods:
            extra = dict(options.pop("openapi_extra", None) or {})
            extra["parameters"] = [*extra.get("parameters", []), openapi.IDEMPOTENCY_KEY]
            options["openapi_extra"] = extra
        super().__init__(path, endpoint, responses=responses, **options)

    def get_route_handler(self) -> Handler:
        """Return FastAPI's handler inside our order of things."""
        answer = super().get_route_handler()
        scope_needed = auth.scope_needed(self.dependant)
        reads_json = self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)
        methods, table = self.methods or set(), table_of(self.response_model)
        posts, gets = "POST" in methods, "GET" in methods
        known = dict(queries.parameters(self.dependant))

        async def handle(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            caller = await auth.admit(request, scope_needed) if scope_needed else None
            queries.refuse_malformed(request.scope, known)
            if reads_json:
                await request.json()
            unit = request.state.unit = Unit(request.app.state.engine)
            key = idempotency.key_of(request) if posts and caller else None
            try:
                if caller is None or key is None:
                    response = await answer(request)
                else:
                    response = await idempotency.once(
                        request, unit, caller.key_id, key, lambda: answer(request), streams=self.streams
                    )
                await unit.commit()
            except BaseException:
                await unit.rollback()
                raise
            return negotiate(request, response, table) if gets else response

        return handle


class StreamingRoute(ServiceRoute):
    """A route whose body is a file: it streams in, and is not part of what an ``Idempotency-Key`` stands for; its length is."""

    streams = True


def mount(app: FastAPI, *routers: APIRouter) -> None:
    """Add the routes of ``routers`` to ``app`` as they are.

    ``include_router`` would try each route twice for each request; it is only needed to add a prefix or dependencies from outside.
    """
    for router in routers:
        app.router.routes.extend(router.routes)
