"""Who may call, and how often."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text

from service.core import clock, keys
from service.core.database import transaction
from service.core.http import auth
from service.core.http.rates import RateLimiter
from service.core.ids import new_id
from tests.core.conftest import caller


def forget(app: FastAPI) -> None:
    """Let the process forget the keys it has verified, as it does by itself after five seconds."""
    app.state.key_ring._known.clear()


async def make(engine, *scopes, **options):
    async with transaction(engine) as connection:
        return await keys.create_key(connection, "a key", scopes, **options)


async def read(app: FastAPI, token: str):
    async with caller(app, {"Authorization": f"Bearer {token}"}) as client:
        return await client.get("/v1/notes")


async def test_it_works(notes, engine):
    row, token = await make(engine, "leads:read")

    assert token.startswith(f"leads_{row['prefix']}_")
    assert len(token) == 6 + 8 + 1 + 43
    assert (await read(notes, token)).status_code == 200


async def test_only_the_hash_is_stored(engine):
    _, token = await make(engine, "leads:read")

    async with transaction(engine) as connection:
        stored = str((await connection.execute(text("SELECT k::text FROM api_keys AS k"))).all())
        listed = str(await keys.list_keys(connection))
    assert token.split("_", 2)[2] not in stored + listed


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer leads_aaaaaaaa_" + "x" * 43,
        "Bearer leads_aaaaaaaa_short",
        "Bearer two words of it, more than twenty",
        "Bearer " + "x" * 100_000,
        "Bearer " + "x" * 60_000,
        "Bearer k\xe4se-k\xe4se-k\xe4se-k\xe4se-k\xe4se",
        "Bearer \xff\xfe",
        "leads_aaaaaaaa_" + "x" * 43,
        "Bearer ' OR 1=1 -- aaaaaaaaaaaaaaaaa",
    ],
)
async def test_a_bad_header_is_401(stranger: AsyncClient, header):
    headers = {} if header is None else {b"authorization": header.encode("latin-1")}
    response = await stranger.get("/v1/notes", headers=headers)

    assert response.status_code == (431 if header and len(header) > 65_536 else 401)
    assert response.headers["content-type"] == "application/problem+json"
    if response.status_code == 401:
        assert response.json()["code"] == "unauthenticated"
        assert response.headers["www-authenticate"].startswith('Bearer realm="lead-lifecycle"')
        assert "ratelimit" not in response.headers


async def test_two_keys_at_once_are_401(notes, engine):
    _, token = await make(engine, "admin")
    async with caller(notes, {}) as client:
        twice = [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]
        assert (await client.get("/v1/notes", headers=twice)).status_code == 401


async def test_the_scheme_is_read_without_case(notes, engine):
    _, token = await make(engine, "leads:read")
    async with caller(notes, {"Authorization": f"bEARER {token}"}) as client:
        assert (await client.get("/v1/notes")).status_code == 200


async def test_strangers_are_refused_before_their_body_is_read(stranger: AsyncClient):
    response = await stranger.post("/v1/notes", content=b"{not json", headers={"Content-Type": "text/plain"})

    assert response.status_code == 401


async def test_a_key_without_the_scope_is_403_and_names_it(notes, engine, count):
    _, token = await make(engine, "leads:read", "stats:read")
    async with caller(notes, {"Authorization": f"Bearer {token}"}) as client:
        response = await client.post("/v1/notes", json={"text": "x"})

    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert response.json()["scope"] == "leads:write"
    assert 'scope="leads:write"' in response.headers["www-authenticate"]
    assert "ratelimit" in response.headers
    assert await count() == 0


async def test_admin_may_do_everything(notes, engine):
    _, token = await make(engine, "admin")

    assert (await read(notes, token)).status_code == 200


async def test_a_secret_that_was_tampered_with_is_401(notes, engine):
    _, token = await make(engine, "admin")
    other = "A" if token[-5] != "A" else "B"

    assert (await read(notes, token[:-5] + other + token[-4:])).status_code == 401


async def test_an_expired_key_is_401_even_when_it_was_just_verified(notes, engine):
    _, token = await make(engine, "leads:read", expires_at=clock.now() + timedelta(seconds=0.4))

    assert (await read(notes, token)).status_code == 200
    await asyncio.sleep(0.5)
    assert "expired" in (await read(notes, token)).json()["detail"]


async def test_a_revoked_key_is_401_once_the_process_looks_again(notes, engine):
    row, token = await make(engine, "leads:read")
    assert (await read(notes, token)).status_code == 200
    async with transaction(engine) as connection:
        await keys.revoke_key(connection, row["prefix"])

    forget(notes)
    assert "revoked" in (await read(notes, token)).json()["detail"]


async def test_verified_keys_are_not_looked_up_for_five_seconds(notes, engine):
    _, token = await make(engine, "leads:read")
    await read(notes, token)
    async with transaction(engine) as connection:
        await connection.execute(text("DELETE FROM api_keys"))

    assert (await read(notes, token)).status_code == 200
    known = notes.state.key_ring._known
    assert all(auth._TRUSTED_SECONDS == 5 for _ in known)
    forget(notes)
    assert (await read(notes, token)).status_code == 401


async def test_when_a_key_was_last_used_is_remembered(notes, engine):
    _, token = await make(engine, "leads:read")
    await read(notes, token)

    async with transaction(engine) as connection:
        (row,) = await keys.list_keys(connection)
    assert clock.now() - row["last_used_at"] < timedelta(seconds=10)


async def test_an_operators_own_secret_works(notes, engine):
    row, token = await make(engine, "admin", secret="correct-horse-battery-staple")

    assert token == "correct-horse-battery-staple"
    assert "correct" not in row["prefix"]
    assert (await read(notes, token)).status_code == 200


async def test_keys_are_refused_a_scope_that_does_not_exist(engine):
    for scopes in (["leads:reed"], []):
        with pytest.raises(Exception, match="scope"):
            await make(engine, *scopes)


async def test_revoking_what_is_not_there(engine):
    row, _ = await make(engine, "admin")
    async with transaction(engine) as connection:
        assert await keys.any_key_exists(connection)
        await keys.revoke_key(connection, row["id"])
        for key in (row["id"], row["prefix"], "nothing", new_id()):
            with pytest.raises(Exception, match="no such key"):
                await keys.revoke_key(connection, key)


async def test_answers_tell_what_is_left(notes, engine, settings):
    notes.state.settings = settings.model_copy(update={"rate_limit": 3})
    _, token = await make(engine, "leads:read")
    answers = [await read(notes, token) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit"] for answer in answers[:3]] == [
        f'"default";r={r};t={t}' for r, t in ((2, 20), (1, 40), (0, 60))
    ]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"default";q=3;w=60'}
    assert answers[3].json()["code"] == "rate_limited"
    assert 0 < int(answers[3].headers["retry-after"]) <= 20


async def test_one_key_does_not_use_up_anothers(notes, engine, settings):
    notes.state.settings = settings.model_copy(update={"rate_limit": 1})
    (_, mine), (_, yours) = await make(engine, "leads:read"), await make(engine, "leads:read")

    assert [(await read(notes, token)).status_code for token in (mine, mine, yours)] == [200, 429, 200]


async def test_zero_switches_the_limit_off(notes, engine, settings):
    notes.state.settings = settings.model_copy(update={"rate_limit": 0})
    _, token = await make(engine, "leads:read")

    assert "ratelimit" not in (await read(notes, token)).headers


def test_what_was_used_up_comes_back_evenly():
    limiter, key = RateLimiter(60), new_id()

    assert [limiter.take(key, 100.0).allowed for _ in range(61)] == [True] * 60 + [False]
    assert not limiter.take(key, 100.9).allowed
    assert limiter.take(key, 101.0).allowed
    assert not limiter.take(key, 101.0).allowed
    assert limiter.take(key, 1000.0).remaining == 59
