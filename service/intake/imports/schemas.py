"""What goes in and out over HTTP, for imports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from service.channels.values import Timezone

KindName = Literal["leads", "transitions", "activities", "spend"]
Mode = Literal["create", "update", "upsert"]
StatusName = Literal["uploading", "waiting", "running", "done", "failed", "canceled", "reverting", "reverted"]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(examples=["DE"])]


class ImportOptions(BaseModel):
    """How a file is to be read. Only ``kind`` has to be said; what the columns mean is found by their names."""

    model_config = ConfigDict(extra="forbid")

    kind: KindName = "leads"
    mode: Annotated[Mode, Field(description="`create` refuses people who are known, `update` those who are not")] = (
        "upsert"
    )
    dry_run: Annotated[bool, Field(description="Report what would happen, and change nothing")] = False
    name: Annotated[ShortText | None, Field(description="For people: the file's name")] = None
    mapping: Annotated[
        dict[str, str | None],
        Field(max_length=1000, description="Column → field, or `ignore`; the others are taken by their names"),
    ] = {}
    channel: Annotated[ShortText | None, Field(description="Of rows that name none")] = None
    campaign: Annotated[ShortText | None, Field(description="Of rows that name none")] = None
    tags: Annotated[list[ShortText], Field(max_length=50, description="Given to every lead")] = []
    system: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"), Field(description="Whose ids these are")
    ] = "external"
    on_match: Annotated[
        Literal["overwrite", "attach"],
        Field(
            description="A person who is known: the row's values replace the lead's (`overwrite`), or the row is a new contact, a "
            "touchpoint that only fills blanks (`attach`)"
        ),
    ] = "overwrite"
    clean: Annotated[bool, Field(description="Act on the verdict: clean a valid lead, disqualify an invalid one")] = (
        True
    )
    default_region: Annotated[Region | None, Field(description="Of phone numbers in national notation")] = None
    tz: Timezone = "UTC"
    date_order: Annotated[Literal["dmy", "mdy"] | None, Field(description="How 3/4/2026 is meant")] = None
    encoding: Annotated[str | None, Field(max_length=40, description="Found out if absent")] = None
    delimiter: Annotated[
        str | None, StringConstraints(min_length=1, max_length=1), Field(description="Found out if absent")
    ] = None
    allow_skip: Annotated[bool, Field(description="Transitions may skip stages")] = True
    events: Annotated[
        dict[str, str], Field(max_length=200, description="The file's word for an event or a stage → ours")
    ] = {}

    def columns(self) -> dict[str, Any]:
        """Return what the table has columns for, and the rest as ``options``."""
        given = self.model_dump(mode="json")
        own = {name: given.pop(name) for name in ("kind", "mode", "dry_run", "name")}
        return own | {"options": given}


class ImportQuery(BaseModel):
    """The same, as parameters of the address; ``options`` and ``mapping`` are JSON."""

    model_config = ConfigDict(extra="forbid")

    kind: KindName | None = None
    mode: Mode | None = None
    dry_run: bool | None = None
    name: ShortText | None = None
    channel: ShortText | None = None
    campaign: ShortText | None = None
    system: str | None = None
    on_match: Literal["overwrite", "attach"] | None = None
    clean: bool | None = None
    default_region: Region | None = None
    tz: Timezone | None = None
    date_order: Literal["dmy", "mdy"] | None = None
    encoding: str | None = None
    delimiter: str | None = None
    allow_skip: bool | None = None
    mapping: Annotated[str | None, Field(description='As JSON: `{"Mail": "email", "Note": "ignore"}`')] = None
    options: Annotated[str | None, Field(description="Any of the others as one JSON object")] = None


class ImportOut(BaseModel):
    """An import and how far it is. A row is counted under one of ``created, updated, unchanged, failed`` when it is done."""

    id: UUID
    kind: KindName
    mode: Mode
    dry_run: bool
    name: str | None
    status: StatusName
    detail: str | None
    format: Literal["csv", "ndjson"]
    encoding: str | None
    delimiter: str | None
    columns: list[dict[str, Any]] | None
    options: dict[str, Any]
    bytes: int
    rows_total: int
    rows_done: int
    created: int
    updated: int
    unchanged: int
    failed: int
    warnings: int
    actor: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    errors: str
    rows: str


class FaultOut(BaseModel):
    """What was wrong with a row: it was refused (``error``), or taken without the field (``warning``)."""

    row: int
    field: str | None
    code: str
    detail: str
    severity: Literal["error", "warning"]


class ColumnOut(BaseModel):
    """A column of a file, and the field it would be taken for."""

    name: str
    field: str | None
    why: Literal["mapping", "name", "spelling", "rest", "ignored"]
    samples: list[str]


class SuggestionOut(BaseModel):
    """How a file would be read."""

    kind: KindName
    format: Literal["csv", "ndjson"]
    encoding: str
    delimiter: str | None
    columns: list[ColumnOut]
    missing: list[str]
