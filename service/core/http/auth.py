"""Who is calling, whether they may, and how often: the bearer key of every address under ``/v1`` except the intake."""

from __future__ import annotations

import hmac
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import FastAPI, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core import clock, context, keys, store
from service.core.errors import ServiceError
from service.core.http.rates import WINDOW, RateLimiter
from service.core.http.unit import connect

_REALM: Final = 'Bearer realm="lead-lifecycle"'
_TRUSTED_SECONDS: Final = 5.0
_TOUCHED_EVERY: Final = timedelta(minutes=1)
_MOST_KEYS: Final = 10_000
_LONGEST: Final = 256


class Unauthenticated(ServiceError):
    """There is no key, or it is not one of ours, or not any more."""

    code = "unauthenticated"

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        super().__init__(detail)
        self.headers = {"WWW-Authenticate": f'{_REALM}, error="{error}"' if error else _REALM}


class Forbidden(ServiceError):
    """The key is good, but not for this."""

    code = "forbidden"

    def __init__(self, scope: str) -> None:
        super().__init__(f"the key lacks the scope {scope}", scope=scope)
        self.headers = {"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'}


class RateLimited(ServiceError):
    """The key has used up what it may do at once."""

    code = "rate_limited"

    def __init__(self, per_minute: int, seconds: int) -> None:
        super().__init__(f"more than {per_minute} requests per minute; try again in {seconds} s")
        self.headers = {"Retry-After": str(seconds)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose key this request carries."""

    key_id: UUID
    name: str
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Tell whether the key has a scope; ``admin`` has all."""
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    expires_at: datetime | None
    trusted_until: float


class KeyRing:
    """The keys this process has verified in the last five seconds, and how often each was used. One per application."""

    def __init__(self, engine: AsyncEngine, *, rate_limit: int) -> None:
        self._engine = engine
        self._known: dict[bytes, _Known] = {}
        self._limiter = RateLimiter(rate_limit) if rate_limit else None
        self._policy = f'"default";q={rate_limit};w={WINDOW:.0f}'.encode()

    async def identify(self, token: str) -> Caller:
        """Return whose token this is, or raise `Unauthenticated`."""
        digest = keys.digest(token)
        known = self._known.get(digest)
        if known is None or known.trusted_until <= time.monotonic():
            known = await self._look_up(token, digest)
        if known.expires_at is not None and known.expires_at <= clock.now():
            raise Unauthenticated("the key has expired", error="invalid_token")
        return known.caller

    async def _look_up(self, token: str, digest: bytes) -> _Known:
        self._known.pop(digest, None)
        prefix = keys.prefix_of(token)
        if prefix is None:
            raise Unauthenticated("this is not a key", error="invalid_token")
        now = clock.now()
        async with aclosing(await connect(self._engine, isolation="AUTOCOMMIT")) as connection:
            row = await store.key_by_prefix(connection, prefix)
            if row is None or not hmac.compare_digest(row["hash"], digest):
                raise Unauthenticated("the key is unknown", error="invalid_token")
            if row["revoked_at"] is not None:
                raise Unauthenticated("the key was revoked", error="invalid_token")
            if row["last_used_at"] is None or now - row["last_used_at"] > _TOUCHED_EVERY:
                await store.touch_key(connection, row["id"], now)
        caller = Caller(key_id=row["id"], name=row["name"], scopes=frozenset(row["scopes"]))
        if len(self._known) >= _MOST_KEYS:
            self._known.clear()
        known = _Known(caller, row["expires_at"], time.monotonic() + _TRUSTED_SECONDS)
        self._known[digest] = known
        return known

    def count(self, caller: Caller) -> None:
        """Count a request of the caller's and owe its answer the rate headers, or raise `RateLimited`."""
        if self._limiter is None:
            return
        allowance = self._limiter.take(caller.key_id, time.monotonic())
        if exchange := context.current():
            state = f'"default";r={allowance.remaining};t={allowance.seconds}'.encode()
            exchange.headers += ((b"ratelimit-policy", self._policy), (b"ratelimit", state))
        if not allowance.allowed:
            raise RateLimited(self._limiter.per_minute, allowance.seconds)


class _Guard(SecurityBase):
    """The dependency that asks for a scope. `ServiceRoute` has admitted the caller before, so that no stranger's body is parsed."""

    def __init__(self, needed: str) -> None:
        self.needed = needed
        self.model = HTTPBearer(description="A key from `leads keys create`, sent as `Authorization: Bearer leads_…`")
        self.scheme_name = "key"

    async def __call__(self, request: Request) -> Caller:
        caller: Caller | None = request.scope.get("service.caller")
        if caller is None:
            caller = await admit(request, self.needed)
        elif not caller.may(self.needed):
            raise Forbidden(self.needed)
        return caller


def require(scope: str) -> Any:
    """Return the dependency that admits keys with this scope and gives the `Caller`; put it on the route or on its `APIRouter`."""
    assert scope in keys.SCOPES, f"unknown scope {scope}"
    return Security(_Guard(scope), scopes=[scope])


def scope_needed(dependant: Dependant) -> str | None:
    """Return the scope the first guard of a route asks for, or None when it has no guard."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, _Guard):
            return dependency.call.needed
        if (found := scope_needed(dependency)) is not None:
            return found
    return None


async def admit(request: Request, needed: str) -> Caller:
    """Return the caller when the key is good, not used too often, and has the scope; raise the refusal otherwise."""
    ring = _ring(request.app)
    caller = await ring.identify(_token(request.scope["headers"]))
    request.scope["service.caller"] = caller
    if exchange := context.current():
        exchange.key_id = str(caller.key_id)
    ring.count(caller)
    if not caller.may(needed):
        raise Forbidden(needed)
    return caller


async def still_may(request: Request, needed: str) -> bool:
    """Tell whether the key that a long answer began with is good yet; does not count as a request."""
    try:
        return (await _ring(request.app).identify(_token(request.scope["headers"]))).may(needed)
    except Unauthenticated:
        return False


def _ring(app: FastAPI) -> KeyRing:
    ring: KeyRing | None = getattr(app.state, "key_ring", None)
    if ring is None:
        ring = app.state.key_ring = KeyRing(app.state.engine, rate_limit=app.state.settings.rate_limit)
    return ring


def _token(headers: list[tuple[bytes, bytes]]) -> str:
    given = [value for name, value in headers if name == b"authorization"]
    if not given:
        raise Unauthenticated("send a key as Authorization: Bearer leads_…")
    scheme, _, token = given[0].partition(b" ")
    token = token.strip(b" ")
    if len(given) > 1 or scheme.lower() != b"bearer" or len(token) > _LONGEST or not token.isascii():
        raise Unauthenticated("the Authorization header is malformed", error="invalid_request")
    return token.decode("ascii")
