"""A small service of notes, built with the kit exactly as the rooms use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import pytest
import structlog
from fastapi import APIRouter, Body, FastAPI, Query, Request, Response
from httpx import ASGITransport, AsyncClient
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import health
from service.core.database import fetch, transaction
from service.core.errors import Conflict, NotFound
from service.core.http import auth, problems
from service.core.http.etags import IfMatch, strong
from service.core.http.limits import BodyLimit
from service.core.http.paging import Page, Paging, paginate
from service.core.http.routing import Connection, ReadConnection, ServiceRoute, mount
from service.core.ids import new_id
from service.core.telemetry import Telemetry
from service.settings import Settings


class Owner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str


class NoteCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = Field(max_length=2000)
    owner: Owner | None = None
    attributes: dict[str, Any] = {}


class NoteOut(BaseModel):
    id: UUID
    text: str
    version: int


class Teapot(Exception):
    """An error of a pure room: the same shape, another base."""

    code = "transition_refused"

    def __init__(self) -> None:
        self.detail = "it is a teapot"
        self.extra = {"allowed": ["pour"]}


@dataclass
class Knobs:
    """What a test may turn: the route waits for `gate`, then raises `error`, if they are set."""

    gate: asyncio.Event | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    # Statements are counted, so that a test can tell that an operation did not run again.
    runs: int = 0


router = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["notes"])
writer = auth.require("leads:write")


@router.post("/notes", status_code=201, dependencies=[writer], response_model=NoteOut)
async def create_note(
    body: NoteCreate, request: Request, response: Response, connection: Connection, dry_run: bool = False
) -> Any:
    knobs: Knobs = request.app.state.knobs
    knobs.runs += 1
    row = {"id": new_id(), "text": body.text, "version": 1}
    await connection.execute(text("INSERT INTO notes VALUES (:id, :text, :version)"), row)
    knobs.started.set()
    if knobs.gate is not None:
        await knobs.gate.wait()
    if knobs.error is not None:
        raise knobs.error
    response.headers["Location"] = f"/v1/notes/{row['id']}"
    return row


@router.get("/notes", dependencies=[auth.require("leads:read")], response_model=Page[NoteOut])
async def list_notes(
    request: Request,
    response: Response,
    connection: ReadConnection,
    paging: Paging,
    q: Annotated[str | None, Query()] = None,
) -> Any:
    filters = {"q": q}
    after = paging.after(filters, UUID)
    rows = await fetch(
        connection,
        text(
            "SELECT * FROM notes WHERE (CAST(:after AS uuid) IS NULL OR id > :after)"
            " AND (CAST(:q AS text) IS NULL OR text LIKE '%' || :q || '%') ORDER BY id LIMIT :limit"
        ),
        after=after[0] if after else None,
        q=q,
        limit=paging.limit + 1,
    )
    return paginate(
        rows, request=request, response=response, paging=paging, filters=filters, key=lambda row: [row["id"]]
    )


@router.get("/notes/{note_id}", dependencies=[auth.require("leads:read")], response_model=NoteOut)
async def read_note(note_id: UUID, response: Response, connection: ReadConnection) -> Any:
    rows = await fetch(connection, text("SELECT * FROM notes WHERE id = :id"), id=note_id)
    if not rows:
        raise NotFound("no such note")
    response.headers["ETag"] = strong(rows[0]["version"])
    return rows[0]


@router.patch("/notes/{note_id}", dependencies=[writer], response_model=NoteOut)
async def patch_note(note_id: UUID, body: NoteCreate, if_match: IfMatch, connection: Connection) -> Any:
    rows = await fetch(connection, text("SELECT * FROM notes WHERE id = :id FOR UPDATE"), id=note_id)
    if_match.check(rows[0]["version"])
    statement = text("UPDATE notes SET text = :text, version = version + 1 WHERE id = :id RETURNING *")
    return (await fetch(connection, statement, id=note_id, text=body.text))[0]


@router.post("/anything", dependencies=[writer])
async def anything(body: Annotated[Any, Body()]) -> Any:
    return {"body": body}


@router.post("/read/batch", dependencies=[writer])
async def read_whole(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@router.get("/teapot")
async def teapot() -> None:
    raise Teapot


@router.get("/taken")
async def taken() -> None:
    raise Conflict("somebody else has it", allowed=["wait"])


@router.get("/numbers/{number}")
async def number(number: int, connection: ReadConnection) -> Any:
    return (await fetch(connection, text("SELECT CAST(:number AS integer) + 1 AS more"), number=number))[0]


@router.get("/bug")
async def bug() -> None:
    raise ZeroDivisionError("a secret in a message")


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """Log lines as in production; structlog's own default prints the variables of every frame of a traceback."""
    # Another test's application may have left a factory of loggers that take bytes.
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.ExceptionRenderer(),
            structlog.processors.JSONRenderer(),
        ]
    )
    yield
    structlog.reset_defaults()


@pytest.fixture
def knobs() -> Knobs:
    return Knobs()


@pytest.fixture
async def notes(settings: Settings, engine: AsyncEngine, knobs: Knobs) -> FastAPI:
    """The application; `settings` and `engine` are read from its state, as in the real one."""
    async with transaction(engine) as connection:
        await connection.execute(text("CREATE TABLE notes (id uuid PRIMARY KEY, text text, version integer)"))
    app = FastAPI()
    app.state.settings, app.state.engine, app.state.knobs = settings, engine, knobs
    app.add_middleware(BodyLimit, settings=settings)
    app.add_middleware(Telemetry, settings=settings)
    problems.install(app, extra_errors=(Teapot,))
    mount(app, router, health.router)
    return app


@pytest.fixture
async def api(notes: FastAPI, key: Callable[..., Awaitable[str]]) -> AsyncIterator[AsyncClient]:
    """A client of the notes with a key that may read and write."""
    headers = {"Authorization": f"Bearer {await key('leads:read', 'leads:write')}"}
    async with caller(notes, headers) as client:
        yield client


@pytest.fixture
async def stranger(notes: FastAPI) -> AsyncIterator[AsyncClient]:
    """A client of the notes without a key."""
    async with caller(notes, {}) as client:
        yield client


def caller(app: FastAPI, headers: dict[str, str]) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://notes.test", headers=headers)


@pytest.fixture
def count(engine: AsyncEngine) -> Callable[[], Awaitable[int]]:
    """Count the notes that were committed."""

    async def counted() -> int:
        async with transaction(engine) as connection:
            return (await fetch(connection, text("SELECT count(*) AS n FROM notes")))[0]["n"]

    return counted
