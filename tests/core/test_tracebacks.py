from __future__ import annotations

import io

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.core.database import transaction
from service.core.tracebacks import discreet, write_discreet


def caught() -> BaseException:
    try:
        try:
            int("ada@example.com")
        except ValueError as cause:
            raise LookupError("grace@example.com") from cause
    except LookupError as error:
        return error
    raise AssertionError


def test_it_says_where_and_what_kind_but_not_whom() -> None:
    told = discreet((None, caught(), None))
    assert "builtins.ValueError" in told
    assert told.endswith("builtins.LookupError")
    assert "in caught" in told
    assert "grace@" not in told.replace('raise LookupError("grace@example.com")', "")
    assert "invalid literal" not in told
    out = io.StringIO()
    write_discreet(out, (None, caught(), None))
    assert "builtins.LookupError" in out.getvalue()


async def test_the_database_is_not_quoted(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as error:
        async with transaction(engine) as connection:
            await connection.execute(text("SELECT CAST(:whom AS integer)::text::uuid"), {"whom": 7})
    assert "SQLSTATE 22P02" in discreet(error.value)
    assert "[parameters" not in str(error.value) or "hidden" in str(error.value)
