"""The channels this process knows, for two seconds at a time: so that a delivery costs no query."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from service.channels.contract import Adapter, ChannelConfig
from service.channels.registry import ADAPTERS
from service.cleaning.rules import DEFAULT_RULES, Rules, rules_of
from service.core import clock
from service.core.errors import NotFound
from service.core.http.unit import connect
from service.intake import store

TTL_SECONDS: Final = 2.0
# A delivery that fails to verify makes us look again, for its secret may be newer than what we know; not more often than this.
_LOOK_AGAIN_SECONDS: Final = 0.25
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class UnknownChannel(NotFound):
    """There is no such channel, or it is switched off."""

    code = "unknown_channel"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as the intake uses it."""

    config: ChannelConfig
    adapter: Adapter
    policy: Mapping[str, Any]
    rules: Rules = DEFAULT_RULES
    loaded_at: float = 0.0


def channel_of(row: Mapping[str, Any], *, now: datetime, loaded_at: float = 0.0) -> Channel:
    """Return a stored channel; its previous secret counts until its time is up."""
    adapter = ADAPTERS[row["vendor"]]
    known = [row["secret"]]
    if row["previous_secret_until"] is not None and row["previous_secret_until"] > now:
        known.append(row["previous_secret"])
    rules = rules_of(row["policy"].get("cleaning", {}))
    config = ChannelConfig(
        key=row["key"],
        vendor=row["vendor"],
        secrets=tuple(secret for secret in known if secret),
        settings=adapter.Settings.model_validate(row["settings"]),
        mapping=row["mapping"],
        defaults=row["defaults"],
        honeypots=rules.honeypots,
    )
    return Channel(config, adapter, row["policy"], rules, loaded_at)


class Directory:
    """Channels by key. Changes made by other processes are seen within two seconds, new channels at once."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._known: dict[str, Channel] = {}
        self._loading: dict[str, asyncio.Task[Channel]] = {}

    async def find(self, key: str) -> Channel:
        """Return the channel; raises `UnknownChannel`."""
        channel = self._known.get(key)
        if channel is not None and time.monotonic() - channel.loaded_at < TTL_SECONDS:
            return channel
        if _KEY.fullmatch(key) is None:
            raise UnknownChannel("There is no such channel.")
        loading = self._loading.get(key)
        if loading is None:
            # One query for all who wait; it belongs to none of them, so none of them can cancel it.
            loading = self._loading[key] = asyncio.create_task(self._load(key))
            loading.add_done_callback(lambda _: self._loading.pop(key, None))
        return await asyncio.shield(loading)

    async def newer(self, channel: Channel) -> Channel | None:
        """Return the channel as it is now if the one in hand may be out of date, else None."""
        if time.monotonic() - channel.loaded_at < _LOOK_AGAIN_SECONDS:
            return None
        self.forget(channel.config.key)
        return await self.find(channel.config.key)

    def knows(self, key: str) -> bool:
        """Tell whether somebody has asked for this channel and it is there."""
        return key in self._known

    def forget(self, key: str) -> None:
        """Look the channel up again when it is next asked for."""
        self._known.pop(key, None)

    async def _load(self, key: str) -> Channel:
        self._known.pop(key, None)
        connection = await connect(self._engine)
        try:
            row = await store.channel_by_key(connection, key)
        finally:
            await connection.close()
        if row is None or not row["enabled"]:
            raise UnknownChannel("There is no such channel.")
        channel = self._known[key] = channel_of(row, now=clock.now(), loaded_at=time.monotonic())
        return channel
