"""Leads that name a company and have no domain of it: they may be of the account, which is for a person to say."""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from service.cleaning.companies import company_key
from service.nurture.accounts import people_store

_COMPARED: Final = 500
_SHOWN: Final = 20


async def possible_people(connection: AsyncConnection, name: str | None) -> list[dict[str, Any]]:
    """Return leads whose company has this name but for its legal form, case and accents, and no domain; the newest ones."""
    key = company_key(name) if name else None
    if name is None or key is None:
        return []
    rows = await people_store.read_naming(connection, _words(name, key), limit=_COMPARED)
    same = [row for row in rows if company_key(row["company_name"]) == key]
    return [
        {"lead_id": row["id"], "full_name": row["full_name"], "company_name": row["company_name"]}
        for row in same[:_SHOWN]
    ]


def _words(name: str, key: str) -> str:
    """Return a query for names of this key: its words as they are written; of a name in Chinese, which is one word, its beginning."""
    keys = {word: company_key(word) for word in re.findall(r"\w+", name.casefold())}
    telling = [(word, part) for word, part in keys.items() if part and part in key.split()]
    return " & ".join(f"'{word}'" if part.isascii() else f"'{part}':*" for word, part in telling)
