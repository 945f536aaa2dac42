"""Errors on the wire: RFC 9457 problems, made in this one place.

::

    ServiceError, and errors of its shape          the status of its code, from `TABLE`
    RequestValidationError                         422 with pointers; 404 when only the address is at fault
    HTTPException                                  the router's 404 and 405, the body limit's 413
    the database away or busy                      503 with Retry-After
    anything else                                  an empty 500, logged once, by `service.core.telemetry`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.core import context, outage
from service.core.errors import Invalid, NotFound, ServiceError, Unavailable
from service.core.http import openapi

MEDIA_TYPE: Final = "application/problem+json"
_MOST_ERRORS: Final = 100

_log = structlog.get_logger(__name__)

# code → (status, title). A code that is absent takes the row of the nearest base class that has one.
TABLE: Final[dict[str, tuple[int, str]]] = {
    "lead_merged": (308, "Merged into another lead"),
    "bad_request": (400, "Bad request"),
    "unauthenticated": (401, "Authentication needed"),
    "unsigned": (401, "Signature or secret missing"),
    "bad_signature": (401, "Signature refused"),
    "wrong_secret": (401, "Secret refused"),
    "stale": (401, "Too old or too new"),
    "forbidden": (403, "Not allowed"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "Method not allowed"),
    "not_acceptable": (406, "Not acceptable"),
    "conflict": (409, "Conflict"),
    "identity_taken": (409, "Identity taken"),
    "suppressed": (409, "Blocked"),
    "idempotency_in_progress": (409, "Request in progress"),
    "lifecycle_error": (409, "Not allowed by the lifecycle"),
    "transition_refused": (409, "Transition refused"),
    "occurred_out_of_order": (409, "Out of order"),
    "lead_erased": (410, "Erased"),
    "precondition_failed": (412, "Precondition failed"),
    "payload_too_large": (413, "Payload too large"),
    "unsupported_media_type": (415, "Unsupported media type"),
    "validation_failed": (422, "Validation failed"),
    "malformed_body": (422, "Body not understood"),
    "invalid_cursor": (422, "Invalid cursor"),
    "idempotency_key_reused": (422, "Idempotency key reused"),
    "occurred_in_future": (422, "In the future"),
    "unknown_reason": (422, "Unknown reason"),
    "ledger_invalid": (422, "Ledger invalid"),
    "out_of_range": (422, "Value out of range"),
    "precondition_required": (428, "Precondition required"),
    "rate_limited": (429, "Too many requests"),
    "headers_too_large": (431, "Header fields too large"),
    "error": (400, "Request refused"),
    "unavailable": (503, "Temporarily unavailable"),
}
# What may stand in a path as it is (RFC 3986).
_IN_PATHS: Final = "/:@!$&'()*+,;="
_BY_STATUS: Final = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}
_UNKNOWN_CODE: Final = (409, "Conflict")
_FROM_THE_DATABASE: Final[tuple[type[Exception], ...]] = (
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
)


class DatabaseAway(Unavailable):
    """The database cannot be reached, or is too busy for this request; nothing was changed."""

    def __init__(self, seconds: int) -> None:
        super().__init__("the database is away or busy; nothing was changed, try again")
        self.headers = {"Retry-After": str(seconds)}


class OutOfRange(ServiceError):
    """A value is larger, or of another kind, than what can be stored."""

    code = "out_of_range"


def install(app: FastAPI, *, extra_errors: Sequence[type[Exception]] = ()) -> None:
    """Answer every error of ``app`` with a problem; ``extra_errors`` are base classes of `ServiceError`'s shape from pure rooms."""
    refusals: tuple[type[Exception], ...] = (ServiceError, *extra_errors)
    for kind in refusals:
        app.add_exception_handler(kind, _refused)
    app.add_exception_handler(RequestValidationError, _validation_failed)
    app.add_exception_handler(HTTPException, _http)
    for away in _FROM_THE_DATABASE:
        app.add_exception_handler(away, _database)
    openapi.document(app)


def status_of(error: Exception) -> tuple[int, str]:
    """Return the status and title of an error, by its code or else by its nearest base class."""
    codes = [getattr(error, "code", None), *(vars(kind).get("code") for kind in type(error).__mro__)]
    return next((TABLE[code] for code in codes if code in TABLE), _UNKNOWN_CODE)


def problem_of(error: Exception, path: str) -> dict[str, Any]:
    """Return the problem an error of `ServiceError`'s shape is, as RFC 9457 has it."""
    status, title = status_of(error)
    code = getattr(error, "code", "error")
    problem = {
        "type": f"urn:lead-lifecycle:problem:{code}",
        "title": title,
        "status": status,
        "detail": getattr(error, "detail", title),
        "instance": quote(path),
        "code": code,
        "request_id": context.request_id(),
    }
    return problem | getattr(error, "extra", {})


def render(error: Exception, path: str, query: str = "") -> Response:
    """Return the answer to an error of `ServiceError`'s shape: its problem; its ``headers``, if it has any, go along.

    An error that knows where the thing at a path is now has a ``location``: the same question is to be asked there.
    """
    problem = problem_of(error, path)
    headers: Mapping[str, str] | None = getattr(error, "headers", None)
    if (moved := getattr(error, "location", None)) is not None:
        headers = {"Location": quote(moved(path), safe=_IN_PATHS) + (f"?{query}" if query else "")}
    return Response(orjson.dumps(problem, default=str), problem["status"], headers, MEDIA_TYPE)


def pointer(parts: Iterable[str | int]) -> str:
    """Return the RFC 6901 pointer to a place in a body; the empty string is the body as a whole."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


async def _refused(request: Request, error: Exception) -> Response:
    return render(error, request.scope["path"], request.scope["query_string"].decode("latin-1"))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, "bad_request")
    detail = "there is nothing at this address" if error.detail == "Not Found" else error.detail
    problem = ServiceError(detail, code=code)
    problem.headers = error.headers  # type: ignore[attr-defined]
    return render(problem, request.scope["path"])


async def _database(request: Request, error: Exception) -> Response:
    seconds = outage.retry_after(error)
    if seconds is not None:
        _log.warning("database_unavailable", error=type(error).__name__, retry_after=seconds)
        return render(DatabaseAway(seconds), request.scope["path"])
    if outage.is_out_of_range(error):
        _log.warning("value_out_of_range", exc_info=error)
        return render(OutOfRange("a value is out of the range that can be stored"), request.scope["path"])
    raise error


async def _validation_failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if all(fault["loc"][0] == "path" for fault in faults):
        return render(NotFound("there is nothing at this address: an id in it is malformed"), request.scope["path"])
    return render(invalid(faults), request.scope["path"])


def invalid(faults: Sequence[Any], *, within: tuple[str, ...] = ()) -> Invalid:
    """Return the error that pydantic's faults amount to; ``within`` is put before each location (``("body",)`` for a bare model)."""
    errors = [{"pointer": _where((*within, *fault["loc"])), "detail": _why(fault)} for fault in faults[:_MOST_ERRORS]]
    first = errors[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    problem = Invalid(first["pointer"], f"{first['pointer'] or 'the body'}: {first['detail']}{more}")
    problem.extra["errors"] = errors
    return problem


def _where(location: Sequence[str | int]) -> str:
    place, *rest = location
    match place:
        case "query":
            return f"?{rest[0]}" if rest else "?"
        case "header":
            return f"header:{str(rest[0]).title()}" if rest else "header"
        case "body":
            # Pydantic marks a fault in a mapping's key so; the pointer names the key anyway.
            return pointer(part for part in rest if part != "[key]")
        case _:
            return ":".join(str(part) for part in location)


def _why(fault: Mapping[str, Any]) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "unknown field"
        case "missing":
            return "is required"
        case _:
            text: str = fault["msg"]
            return text.removeprefix("Value error, ")
