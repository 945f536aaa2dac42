"""API keys: how they are made, listed and revoked. A token is shown once; only its SHA-256 is kept.

A token is ``leads_<8 characters that name the key>_<43 characters of secret>``. An operator's own secret (the bootstrap key) may have
any other form; it is then found by the beginning of its hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core import clock, store
from service.core.errors import Invalid, NotFound
from service.core.ids import new_id

SCOPES: Final = ("leads:read", "leads:write", "stats:read", "activities:write", "admin")

_TOKEN: Final = re.compile(r"leads_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
_FOREIGN: Final = re.compile(r"[\x21-\x7e]{20,200}")
_PREFIX_LETTERS: Final = string.ascii_lowercase + string.digits


def digest(token: str) -> bytes:
    """Return the SHA-256 of a token: 32 bytes, what is stored. The token has 256 random bits, so no salt and no stretching."""
    return hashlib.sha256(token.encode()).digest()


def prefix_of(token: str) -> str | None:
    """Return the prefix a token is found by, or None when it cannot be one of ours."""
    if match := _TOKEN.fullmatch(token):
        return match[1]
    return f"own-{digest(token).hex()[:12]}" if _FOREIGN.fullmatch(token) else None


async def create_key(
    connection: AsyncConnection,
    name: str,
    scopes: Sequence[str],
    *,
    expires_at: datetime | None = None,
    secret: str | None = None,
) -> tuple[dict[str, Any], str]:
    """Create a key and return its row and its token; ``secret`` is a token of the operator's own making."""
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise Invalid("/scopes", f"unknown scope {unknown[0]}; there are {', '.join(SCOPES)}")
    if not scopes:
        raise Invalid("/scopes", f"a key needs a scope: {', '.join(SCOPES)}")
    token = secret or _new_token()
    prefix = prefix_of(token)
    if prefix is None:
        raise Invalid("/secret", "a key has 20 to 200 printable ASCII characters without spaces")
    row = {
        "id": new_id(),
        "name": name,
        "prefix": prefix,
        "hash": digest(token),
        "scopes": sorted(set(scopes)),
        "created_at": clock.now(),
        "expires_at": expires_at,
        "revoked_at": None,
        "last_used_at": None,
    }
    await store.insert_key(connection, row)
    return row, token


async def list_keys(connection: AsyncConnection) -> list[dict[str, Any]]:
    """Return every key, oldest first, without its hash."""
    return [{name: value for name, value in row.items() if name != "hash"} for row in await store.list_keys(connection)]


async def revoke_key(connection: AsyncConnection, key: UUID | str) -> None:
    """Revoke a key, named by its id or its prefix; every process refuses it within five seconds."""
    if isinstance(key, str):
        row = await store.key_by_prefix(connection, key)
        key_id = row["id"] if row else None
    else:
        key_id = key
    if key_id is None or not await store.revoke_key(connection, key_id, clock.now()):
        raise NotFound("there is no such key, or it is revoked already")


async def any_key_exists(connection: AsyncConnection) -> bool:
    """Tell whether a key was ever made, revoked ones included."""
    return await store.any_key(connection)


def _new_token() -> str:
    name = "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(8))
    return f"leads_{name}_{secrets.token_urlsafe(32)}"
