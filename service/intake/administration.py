"""Channels: made, read, changed and deleted by people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.channels.contract import Adapter
from service.channels.mapping import mapping_fault
from service.channels.registry import ADAPTERS
from service.cleaning import normalise
from service.cleaning.submission import Submission
from service.core.errors import Conflict, Invalid, NotFound
from service.intake import fetch_store, store
from service.intake.figures import figures_of
from service.intake.schemas import ChannelCreate, ChannelPatch, Defaults, Policy

_Fault = tuple[str, str]
_MERGED = ("settings", "mapping", "defaults", "policy")


class ChannelExists(Conflict):
    """There is a channel of this key already."""

    code = "channel_exists"


class ChannelNotFound(NotFound):
    """There is no channel of this key."""


async def create_channel(
    connection: AsyncConnection, given: ChannelCreate, *, now: datetime, base: str
) -> dict[str, Any]:
    """Create a channel; raises `Invalid` naming what is wrong with it, `ChannelExists`."""
    adapter = ADAPTERS.get(given.vendor)
    if adapter is None:
        raise Invalid("/vendor", f"There is no such vendor. Vendors: {', '.join(ADAPTERS)}.")
    made = None if given.secret else adapter.new_secret()
    secret = given.secret or made
    if secret is None:
        raise Invalid("/secret", f"{adapter.title} makes the secret itself: copy it from there.")
    row = {
        **given.model_dump(include={"key", "vendor", "name", "enabled"}),
        **_checked(adapter, given.model_dump(exclude_none=True)),
        "secret": secret,
        "previous_secret": None,
        "previous_secret_until": None,
        "created_at": now,
        "updated_at": now,
        "deleted_at": None,
    }
    _refuse([("/secret", fault)] if (fault := adapter.secret_fault(secret)) else [])
    stored = await store.insert_channel(connection, row)
    if stored is None:
        raise ChannelExists(f"There is a channel {given.key!r} already.")
    return channel_out(stored, base=base, made=made) | {"secret": made}


async def read_channel(
    connection: AsyncConnection, key: str, *, now: datetime, base: str, since: datetime | None = None
) -> dict[str, Any]:
    """Return a channel with its figures; raises `ChannelNotFound`."""
    row = await existing_channel(connection, key)
    figures = await figures_of(connection, key, now=now, since=since)
    return channel_out(row, base=base) | {"figures": figures, "silent_since": _silent_since(row, figures)}


async def change_channel(
    connection: AsyncConnection, key: str, patch: ChannelPatch, *, now: datetime, base: str
) -> dict[str, Any]:
    """Apply a merge patch; raises `ChannelNotFound`, `Invalid`. A new secret starts a rotation."""
    row = await existing_channel(connection, key, lock=True)
    adapter = ADAPTERS[row["vendor"]]
    given = patch.model_dump(exclude_unset=True)
    values: dict[str, Any] = {name: given[name] for name in ("name", "enabled") if name in given}
    if "secret" in given:
        values |= _rotation(adapter, row, given["secret"], now + timedelta(hours=patch.secret_overlap_hours))
    values |= _checked(
        adapter, {name: _merge(row[name], given[name]) if name in given else row[name] for name in _MERGED}
    )
    if values["settings"] != row["settings"]:
        await fetch_store.hasten(connection, key, now=now)
    return channel_out(await store.update_channel(connection, key, values | {"updated_at": now}), base=base)


async def delete_channel(connection: AsyncConnection, key: str, *, now: datetime) -> None:
    """Delete a channel: nothing comes in any more, what came in stays; raises `ChannelNotFound`."""
    await existing_channel(connection, key, lock=True)
    await store.update_channel(connection, key, {"deleted_at": now, "updated_at": now})


def channel_out(row: Mapping[str, Any], *, base: str, made: str | None = None) -> dict[str, Any]:
    """Return a channel as the API shows it; ``made`` is a secret that was made for it just now."""
    adapter = ADAPTERS[row["vendor"]]
    settings = adapter.Settings.model_validate(row["settings"])
    address = f"{base}/v1/intake/{row['key']}"
    sample = adapter.sample(address, settings)
    return {
        **row,
        "has_secret": bool(row["secret"]),
        "settings": _readable(settings),
        "intake_url": f"{address}/{made or '{secret}'}" if adapter.secret_in_url(settings) else address,
        "setup": adapter.setup,
        "curl": f"SECRET='{made}'; {sample}" if made else sample,
    }


def _silent_since(row: Mapping[str, Any], figures: Mapping[str, Any]) -> datetime | None:
    """Return since when a channel that was reported is silent; None once it has spoken again."""
    last: datetime | None = figures["last_received_at"]
    return last if last is not None and last == row["silent_since"] else None


async def existing_channel(connection: AsyncConnection, key: str, *, lock: bool = False) -> dict[str, Any]:
    """Return a channel's row; raises `ChannelNotFound`."""
    row = await store.channel_by_key(connection, key, lock=lock)
    if row is None:
        raise ChannelNotFound(f"There is no channel {key[:63]!r}.")
    return row


def _checked(adapter: Adapter, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings, mapping, defaults and policy as they are stored, or refuse them all at once."""
    faults: list[_Fault] = []
    checked = {
        name: _modelled(model, given[name], name, faults)
        for name, model in (("settings", adapter.Settings), ("defaults", Defaults), ("policy", Policy))
    }
    for field, expression in given["mapping"].items():
        if fault := mapping_fault(field, expression):
            faults.append((f"/mapping/{_escaped(field)}", fault))
    faults += _default_faults(checked["defaults"])
    _refuse(faults)
    return checked | {"mapping": given["mapping"]}


def _modelled(model: type[BaseModel], value: Any, name: str, faults: list[_Fault]) -> dict[str, Any]:
    try:
        return model.model_validate(value).model_dump(mode="json", exclude_none=True)
    except ValidationError as error:
        faults += [
            ("/".join(["", name, *(_escaped(str(part)) for part in fault["loc"])]), fault["msg"])
            for fault in error.errors(include_url=False, include_input=False)
        ]
        return {}


def _default_faults(defaults: Mapping[str, Any]) -> list[_Fault]:
    given = {name: defaults[name] for name in ("country", "company_domain") if name in defaults}
    names = {"/company/country": "/defaults/country", "/company/domain": "/defaults/company_domain"}
    return [(names.get(fault.pointer, fault.pointer), fault.detail) for fault in normalise(Submission(**given)).faults]


def _refuse(faults: list[_Fault]) -> None:
    if faults:
        error = Invalid(*faults[0])
        error.extra["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in faults]
        raise error


def _rotation(adapter: Adapter, row: Mapping[str, Any], secret: str, until: datetime) -> dict[str, Any]:
    if fault := adapter.secret_fault(secret):
        raise Invalid("/secret", fault)
    if secret == row["secret"]:
        return {}
    return {"secret": secret, "previous_secret": row["secret"], "previous_secret_until": until}


def _merge(target: Mapping[str, Any], patch: Mapping[str, Any] | None) -> dict[str, Any]:
    """Apply RFC 7396 to objects: null removes, objects are merged, everything else replaces."""
    merged = dict(target)
    for name, value in (patch if patch is not None else dict.fromkeys(target)).items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            inner = merged.get(name)
            merged[name] = _merge(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _readable(settings: BaseModel) -> dict[str, Any]:
    """Return the settings without those that are write-only."""
    schema = type(settings).model_json_schema().get("properties", {})
    values: dict[str, Any] = settings.model_dump(mode="json")
    return {name: value for name, value in values.items() if not schema.get(name, {}).get("writeOnly")}


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
