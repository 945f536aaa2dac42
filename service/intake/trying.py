"""Trying a channel: what would become of a delivery, found out by the very code that processes it, and then undone.

Nothing is stored and nothing is counted: all of it happens behind a savepoint, which is rolled back. Signatures are not asked for; who may
try a channel may change it too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.contract import Activity, ConsentChange, Fetch, Refusal, Request, Submitted
from service.cleaning.submission import Cleaned
from service.core.errors import Invalid
from service.core.ids import new_id
from service.intake.administration import existing_channel
from service.intake.directory import Channel, channel_of
from service.intake.jobs import Job, Part, Place
from service.intake.processing import carry_out, understand
from service.intake.trial_schemas import TrialCreate
from service.leads.reading import read_lead

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_HIDDEN: Final = "***"


async def try_channel(connection: AsyncConnection, key: str, given: TrialCreate, *, now: datetime) -> dict[str, Any]:
    """Return what would become of a delivery; raises `ChannelNotFound`, `Invalid` for a payload that cannot be sent."""
    channel = channel_of(await existing_channel(connection, key), now=now)
    request = _request(given, now)
    try:
        job = Job(_row(request, channel), channel)
    except Refusal as refusal:
        return _told("refused", refusal.code, refusal.detail)
    understand(job, {name: _bytes(answer) for name, answer in given.fetched.items()})
    parts, cleaned = dict(job.parts), dict(job.cleaned)
    async with connection.begin_nested() as undone:
        await carry_out(connection, [job], now=now)
        leads = [await _lead(connection, lead_id, job) for lead_id in job.written()["lead_ids"]]
        await undone.rollback()
    told = _told(job.status, job.reason, job.detail)
    created = {entry["lead_id"] for entry in job.outcome.values() if entry["result"] == "created"}
    return told | {
        "dedupe_key": job.row["dedupe_key"],
        "parts": [_part_out(place, part, cleaned.get(place), job, created) for place, part in parts.items()],
        "leads": leads,
        "fetch": [_fetch_out(one, channel) for one in job.fetch],
    }


def _told(status: str, reason: str | None, detail: str | None) -> dict[str, Any]:
    nothing: dict[str, Any] = {"dedupe_key": None, "parts": [], "leads": [], "fetch": []}
    return {"status": status, "reason": reason, "detail": detail, **nothing}


def _request(given: TrialCreate, now: datetime) -> Request:
    headers = {name.lower(): value for name, value in given.headers.items()}
    media = given.content_type or headers.get("content-type") or _guessed(given.payload)
    body = _body(given.payload, media)
    return Request("POST", headers | {"content-type": media}, given.query, body, now)


def _guessed(payload: Any) -> str:
    """Return the media type of a payload that was given without one: text tells by how it begins."""
    if not isinstance(payload, str) or payload.lstrip()[:1] in {"{", "["}:
        return _JSON
    return "text/xml" if payload.lstrip().startswith("<") else _FORM


def _body(payload: Any, media: str) -> bytes:
    if isinstance(payload, str) or not media.startswith(_FORM):
        return _bytes(payload)
    if not isinstance(payload, dict):
        raise Invalid("/payload", "A form is an object of names and values, or the text of one.")
    return urlencode(payload, doseq=True).encode()


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).encode()


def _row(request: Request, channel: Channel) -> dict[str, Any]:
    """Return the delivery as it would be stored: without its secrets."""
    adapter, config = channel.adapter, channel.config
    stored = adapter.redact(request, config)
    return {
        "id": new_id(),
        "channel": config.key,
        "received_at": request.received_at,
        "method": request.method,
        "headers": stored.headers,
        "query": stored.query,
        "body": stored.body,
        "dedupe_key": None,
        "outcome": [],
        "lead_ids": [],
    }


async def _lead(connection: AsyncConnection, lead_id: UUID, job: Job) -> dict[str, Any]:
    """Return a lead as it would be; one that would be created has no id yet, one that would be erased nothing else."""
    results = {entry["result"] for entry in job.outcome.values() if entry["lead_id"] == lead_id}
    if "erased" in results:
        return {"id": lead_id}
    return await read_lead(connection, lead_id) | ({"id": None} if "created" in results else {})


def _part_out(place: Place, part: Part, cleaned: Cleaned | None, job: Job, created: set[UUID]) -> dict[str, Any]:
    entry = dict(job.outcome.get(place) or {})
    if entry.get("lead_id") in created:
        entry["lead_id"] = None
    # A delivery that came before as a whole has one outcome for all of its parts.
    result = entry.get("result") or ("duplicate" if job.status == "duplicate" else job.status)
    return {
        "kind": place.kind,
        "index": place.number,
        "result": result,
        **{name: entry.get(name) for name in ("lead_id", "code", "detail", "duplicate_of")},
        "matched_by": entry.get("matched_by") or [],
        "mapped": _mapped(part),
        "cleaned": _present(asdict(cleaned.submission)) if cleaned else None,
        "verdict": cleaned.verdict if cleaned else None,
        "reasons": list(cleaned.reasons) if cleaned else [],
        "faults": [{"pointer": fault.pointer, "detail": fault.detail} for fault in cleaned.faults] if cleaned else [],
    }


def _mapped(part: Part) -> dict[str, Any]:
    """Return what the vendor's adapter and the channel's mapping made of a part of the delivery."""
    if isinstance(part, Submitted):
        return {**part.fields}
    if isinstance(part, Activity):
        return {"person": part.person, "kind": part.kind, "occurred_at": part.occurred_at, "data": part.data}
    if isinstance(part, ConsentChange):
        return {
            "person": part.person,
            "purpose": part.purpose,
            "granted": part.granted,
            "occurred_at": part.occurred_at,
        }
    return {"person": part.person}


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known, without what is ours and not the person's."""
    ours = {"delivery_id", "auto_clean", "revises"}
    return {name: value for name, value in fields.items() if name not in ours and value not in (None, "", {}, (), [])}


def _fetch_out(fetch: Fetch, channel: Channel) -> dict[str, Any]:
    """Return what would be asked for; secrets in it are not shown."""
    settings = channel.config.settings
    schema = type(settings).model_json_schema().get("properties", {})
    hidden = {getattr(settings, name) for name, known in schema.items() if known.get("writeOnly")}
    hidden |= set(channel.config.secrets)
    query = {name: _HIDDEN if value in hidden else value for name, value in fetch.query.items()}
    return {"name": fetch.name, "path": fetch.path, "query": query}
