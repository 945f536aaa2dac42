"""Endpoints: made, read, changed and deleted by people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict, Invalid, NotFound
from service.core.ids import new_id
from service.outbound.catalogue import EVENT_TYPES
from service.outbound.delivering.endpoint import Choose
from service.outbound.endpoints import store
from service.outbound.endpoints.schemas import EndpointCreate, EndpointPatch
from service.outbound.following_store import end_of_feed
from service.outbound.formats.contract import Format
from service.outbound.formats.registry import FORMATS
from service.outbound.sending.guard import Guard
from service.outbound.sending.targets import AddressRefused
from service.outbound.signing import SecretRefused, new_secret, parse_secret

OVERLAP: Final = timedelta(hours=24)
_SHOWN: Final = ("event_types", "segment", "filters", "format", "settings")
_PLAIN: Final = ("description", "concurrency", "rate")


class EndpointNotFound(NotFound):
    """There is no endpoint of this id."""

    code = "endpoint_not_found"


class EndpointDisabled(Conflict):
    """Nothing is sent to an endpoint that is off."""

    code = "endpoint_disabled"


async def create_endpoint(
    connection: AsyncConnection, given: EndpointCreate, *, now: datetime, guard: Guard, choose: Choose
) -> dict[str, Any]:
    """Add an endpoint that hears of everything from now on; raises `Invalid`. The answer has the secret, this once."""
    secret = checked_secret(given.secret)
    check_url(given.url, guard)
    values = given.model_dump(include={*_PLAIN, *_SHOWN, "url", "status"})
    await _check(connection, values, choose)
    position, sequence, event_id = await end_of_feed(connection)
    row = await store.insert_endpoint(
        connection,
        {
            **values,
            **_off(given.status, now),
            "id": new_id(),
            "secret": secret,
            "position": position,
            "sequence": sequence,
            "event_id": event_id,
            "created_at": now,
            "updated_at": now,
            "revision": 1,
            "lease_token": 0,
            "failures": 0,
            "probes": 0,
        },
    )
    return endpoint_out(row) | {"secret": secret}


async def read_endpoint(connection: AsyncConnection, endpoint_id: UUID, *, now: datetime) -> dict[str, Any]:
    """Return an endpoint with its figures and its replays; raises `EndpointNotFound`."""
    row = await existing_endpoint(connection, endpoint_id)
    found = await store.figures_of(connection, endpoint_id)
    since: datetime | None = found["undecided_since"]
    lag = max((now - since).total_seconds(), 0.0) if since is not None else 0.0
    figures = {"waiting": found["waiting"], "failed": found["failed"], "lag_seconds": lag}
    return endpoint_out(row) | {"figures": figures, "replays": await store.open_replays(connection, endpoint_id)}


async def change_endpoint(
    connection: AsyncConnection, endpoint_id: UUID, patch: EndpointPatch, *, now: datetime, guard: Guard, choose: Choose
) -> dict[str, Any]:
    """Apply a merge patch; raises `EndpointNotFound`, `Invalid`. Its worker goes by it within a second."""
    row = await existing_endpoint(connection, endpoint_id, lock=True)
    given = patch.model_dump(exclude_unset=True)
    values: dict[str, Any] = {name: given[name] for name in (*_PLAIN, *_SHOWN, "url") if name in given}
    if "url" in given:
        check_url(given["url"], guard)
    if "settings" in given or given.get("format", row["format"]) != row["format"]:
        kept = row["settings"] if given.get("format", row["format"]) == row["format"] else {}
        values["settings"] = _merged(kept, given.get("settings"))
    if values.keys() & set(_SHOWN):
        checked = {name: values.get(name, row[name]) for name in _SHOWN}
        await _check(connection, checked, choose)
        values |= checked
    if "status" in given and given["status"] != row["status"]:
        values |= {"status": given["status"], **_off(given["status"], now), **_FRESH}
    return endpoint_out(await store.update_endpoint(connection, endpoint_id, values | {"updated_at": now}))


async def delete_endpoint(connection: AsyncConnection, endpoint_id: UUID, *, now: datetime) -> None:
    """Delete an endpoint: nothing more is sent; raises `EndpointNotFound`."""
    await existing_endpoint(connection, endpoint_id, lock=True)
    await store.update_endpoint(connection, endpoint_id, {"deleted_at": now, "updated_at": now})


async def rotate_secret(
    connection: AsyncConnection, endpoint_id: UUID, given: str | None, *, now: datetime
) -> dict[str, Any]:
    """Give an endpoint another secret; for a day both sign. The answer has the new one, this once."""
    row = await existing_endpoint(connection, endpoint_id, lock=True)
    secret = checked_secret(given)
    if secret == row["secret"]:
        raise Invalid("/secret", "is the endpoint's secret already")
    rotated = {"secret": secret, "previous_secret": row["secret"], "previous_secret_until": now + OVERLAP}
    row = await store.update_endpoint(connection, endpoint_id, rotated | {"updated_at": now})
    return endpoint_out(row) | {"secret": secret}


async def existing_endpoint(connection: AsyncConnection, endpoint_id: UUID, *, lock: bool = False) -> dict[str, Any]:
    """Return an endpoint's row; raises `EndpointNotFound`."""
    row = await store.read_endpoint(connection, endpoint_id, lock=lock)
    if row is None:
        raise EndpointNotFound(f"there is no webhook endpoint {endpoint_id}")
    return row


def endpoint_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an endpoint as the API shows it."""
    settings = FORMATS[row["format"]].Settings.model_validate(row["settings"])
    return {**row, "settings": _readable(settings), "paused_until": row["resume_at"] if row["probes"] else None}


def check_types(types: Iterable[str], pointer: str, form: Format | None = None) -> None:
    """Raise `Invalid` for a type of event that there is not, or that a format cannot tell."""
    for place, type_ in enumerate(types):
        if type_ not in EVENT_TYPES:
            raise Invalid(f"{pointer}/{place}", f"there is no event type {type_}; there are {', '.join(EVENT_TYPES)}")
        if form is not None and form.types is not None and type_ not in form.types:
            raise Invalid(f"{pointer}/{place}", f"the format {form.name} can tell only {', '.join(form.types)}")


def check_url(url: str, guard: Guard) -> None:
    """Raise `Invalid` for an address that nothing would ever be sent to. What counts is the guard at each connection."""
    try:
        guard.gate_for(url)
    except AddressRefused as refusal:
        raise Invalid("/url", str(refusal), code="address_refused") from None


def checked_secret(given: str | None) -> str:
    """Return a secret that was given, or a new one; raises `Invalid`."""
    if given is None:
        return new_secret()
    try:
        parse_secret(given)
    except SecretRefused as refusal:
        raise Invalid("/secret", str(refusal)) from None
    return given


async def _check(connection: AsyncConnection, values: dict[str, Any], choose: Choose) -> None:
    """Check what belongs together, and write the settings as they are kept."""
    form = FORMATS.get(values["format"])
    if form is None:
        raise Invalid("/format", f"There is no such format. Formats: {', '.join(FORMATS)}.")
    check_types(values["event_types"], "/event_types", form)
    values["event_types"] = list(dict.fromkeys(values["event_types"]))
    values["filters"] = values["filters"] or None
    values["settings"] = _checked_settings(form.Settings, values["settings"])
    try:
        await choose(connection, values["segment"], values["filters"])
    except Invalid as fault:
        pointer = fault.extra["errors"][0]["pointer"]
        raise Invalid(pointer.replace("?segment", "/segment"), fault.detail, code=fault.code) from None


def _checked_settings(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return model.model_validate(given).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        pointers = ["/".join(["/settings", *(_escaped(str(part)) for part in fault["loc"])]) for fault in faults]
        refusal = Invalid(pointers[0], faults[0]["msg"])
        refusal.extra["errors"] = [
            {"pointer": pointer, "detail": fault["msg"]} for pointer, fault in zip(pointers, faults, strict=True)
        ]
        raise refusal from None


def _merged(kept: Mapping[str, Any], patch: Mapping[str, Any] | None) -> dict[str, Any]:
    """Apply RFC 7396 to settings: null removes, all else replaces; null for the whole removes all."""
    merged = {**kept, **patch} if patch is not None else {}
    return {name: value for name, value in merged.items() if value is not None}


_FRESH: Final = {"failing_since": None, "failures": 0, "probes": 0, "resume_at": None}


def _off(status: str, now: datetime) -> dict[str, Any]:
    disabled = status == "disabled"
    return {"disabled_reason": "by_request" if disabled else None, "disabled_at": now if disabled else None}


def _readable(settings: BaseModel) -> dict[str, Any]:
    """Return the settings without those that are write-only."""
    schema = type(settings).model_json_schema().get("properties", {})
    values: dict[str, Any] = settings.model_dump(mode="json")
    return {name: value for name, value in values.items() if not schema.get(name, {}).get("writeOnly")}


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
