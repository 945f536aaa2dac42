"""Imports over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from service.core import clock
from service.core.http.answers import json_answer
from service.core.http.auth import Caller, require
from service.core.http.negotiation import prefers_csv
from service.core.http.paging import Page, Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute, StreamingRoute
from service.intake.imports import asking, store
from service.intake.imports.receiving import receive
from service.intake.imports.reverting import begin_revert
from service.intake.imports.schemas import FaultOut, ImportOut, ImportQuery, KindName, StatusName, SuggestionOut
from service.intake.imports.suggesting import suggest
from service.intake.imports.uploads import upload_of

uploads: Final = APIRouter(prefix="/v1", tags=["imports"], route_class=StreamingRoute)
router: Final = APIRouter(prefix="/v1", tags=["imports"], route_class=ServiceRoute)

_FILE: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
_FORM: Final[dict[str, Any]] = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "options": {"type": "string", "description": "The options as JSON"},
        },
    }
}
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": _FILE, "application/x-ndjson": _FILE, "multipart/form-data": _FORM},
    }
}
_REPORT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}}}
    }
}
Importer = Annotated[Caller, require("leads:write")]
Options = Annotated[ImportQuery, Query()]
Reader = require("leads:read")


@uploads.post(
    "/imports",
    operation_id="create_import",
    summary="Import a file",
    status_code=202,
    response_model=ImportOut,
    openapi_extra=_BODY,
)
async def create_import(request: Request, query: Options, by: Importer) -> Response:
    """CSV or NDJSON, as the body or as a form's file, however large: it streams in. A worker does the rest; the answer says where to look."""
    upload = await upload_of(request, query)
    engine, actor = request.app.state.engine, f"key:{by.name}"
    row = await receive(engine, upload.blocks, upload.options, format=upload.format, actor=actor)
    return json_answer(asking.import_out(row), status=202, headers={"Location": f"/v1/imports/{row['id']}"})


@uploads.post(
    "/imports/suggest",
    operation_id="suggest_import",
    summary="How a file would be read",
    response_model=SuggestionOut,
    openapi_extra=_BODY,
    dependencies=[Reader],
)
async def suggest_import(request: Request, query: Options) -> Response:
    """Name the field that each column is taken for, by its header, with samples; a part of the file is enough, nothing is stored."""
    upload = await upload_of(request, query)
    return json_answer(await suggest(upload.blocks, upload.options, format=upload.format))


async def _filters(kind: KindName | None = None, status: StatusName | None = None) -> dict[str, Any]:
    return {"kind": kind, "status": status}


@router.get("/imports", operation_id="list_imports", summary="List imports", dependencies=[Reader])
async def list_imports(
    connection: ReadConnection,
    request: Request,
    response: Response,
    paging: Paging,
    filters: Annotated[dict[str, Any], Depends(_filters)],
) -> Page[ImportOut]:
    """Return imports, the latest first."""
    before = paging.after(filters, UUID)
    rows = await store.list_imports(connection, **filters, before=before[0] if before else None, limit=paging.limit + 1)
    page = paginate(
        rows, request=request, response=response, paging=paging, filters=filters, key=lambda row: [row["id"]]
    )
    return Page[ImportOut].model_validate(page | {"data": [asking.import_out(row) for row in page["data"]]})


@router.get(
    "/imports/{import_id}",
    operation_id="get_import",
    summary="Read an import",
    response_model=ImportOut,
    dependencies=[Reader],
)
async def get_import(connection: ReadConnection, import_id: UUID) -> Response:
    """Return how far an import is and what its rows came to."""
    return json_answer(asking.import_out(await asking.read_import(connection, import_id)))


@router.get(
    "/imports/{import_id}/errors",
    operation_id="list_import_errors",
    summary="What was wrong with an import's rows",
    response_model=Page[FaultOut],
    responses=_REPORT,
    dependencies=[Reader],
)
async def list_import_errors(
    connection: ReadConnection, request: Request, response: Response, import_id: UUID, paging: Paging
) -> Any:
    """Return a page; with `Accept: text/csv` or `application/x-ndjson` the whole error file. Row 1 is the header."""
    if (as_csv := _file_wanted(request)) is not None:
        await asking.read_import(connection, import_id)
        return _file(asking.fault_file(request.app.state.engine, import_id, as_csv=as_csv), as_csv=as_csv)
    return await _fault_page(connection, request, response, import_id, paging)


@router.get(
    "/imports/{import_id}/rows",
    operation_id="get_import_rows",
    summary="What became of every row of an import",
    response_class=Response,
    responses=_REPORT,
    dependencies=[Reader],
)
async def get_import_rows(connection: ReadConnection, request: Request, import_id: UUID) -> Response:
    """Return a file, NDJSON or as `Accept: text/csv` asks: `row, result, lead_id`."""
    await asking.read_import(connection, import_id)
    as_csv = bool(_file_wanted(request))
    return _file(asking.row_file(request.app.state.engine, import_id, as_csv=as_csv), as_csv=as_csv)


@router.post(
    "/imports/{import_id}/cancel", operation_id="cancel_import", summary="Stop an import", response_model=ImportOut
)
async def cancel_import(connection: Connection, import_id: UUID, by: Importer) -> Response:
    """What is done of it stays, and can be reverted."""
    del by
    return json_answer(asking.import_out(await asking.cancel(connection, import_id, now=clock.now())))


@router.post(
    "/imports/{import_id}/revert",
    operation_id="revert_import",
    summary="Take an import back",
    status_code=202,
    response_model=ImportOut,
)
async def revert_import(connection: Connection, import_id: UUID, by: Importer) -> Response:
    """Leads that it made go (410), those it changed are as they were. Refused with 409 and their ids if something has built on some."""
    del by
    return json_answer(asking.import_out(await begin_revert(connection, import_id)), status=202)


def _file_wanted(request: Request) -> bool | None:
    """Return whether a file is wanted as CSV (True), as lines of JSON (False), or no file at all (None)."""
    accept = request.headers.get("accept", "")
    if prefers_csv(accept):
        return True
    return False if "ndjson" in accept.lower() else None


def _file(pieces: Any, *, as_csv: bool) -> Response:
    kind, ending = ("text/csv; charset=utf-8", "csv") if as_csv else ("application/x-ndjson", "ndjson")
    headers = {"Content-Disposition": f'attachment; filename="report.{ending}"', "Vary": "Accept"}
    return StreamingResponse(pieces, media_type=kind, headers=headers)


async def _fault_page(
    connection: ReadConnection, request: Request, response: Response, import_id: UUID, paging: Paging
) -> dict[str, Any]:
    filters = {"import_id": str(import_id)}
    after = paging.after(filters, int, int)
    place = (after[0], after[1]) if after else None
    rows = await asking.faults(connection, import_id, after=place, limit=paging.limit + 1)
    page = paginate(
        rows,
        request=request,
        response=response,
        paging=paging,
        filters=filters,
        key=lambda row: [row["number"], row["place"]],
    )
    return page | {"data": [row["fault"] for row in page["data"]]}
