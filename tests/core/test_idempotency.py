"""A POST that is sent twice happens once, whatever happens in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from service.core import clock
from service.core.database import transaction
from service.core.errors import Conflict, Invalid, NotFound
from service.core.http import auth, idempotency
from tests.core.conftest import Knobs

NOTE = {"text": "once"}


def keyed(key: str = "k-1") -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_it_works(api: AsyncClient, knobs: Knobs, count):
    first = await api.post("/v1/notes", json=NOTE, headers=keyed())
    again = await api.post("/v1/notes", json=NOTE, headers=keyed('"k-1"'))

    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert (await count(), knobs.runs) == (1, 1)


async def test_another_request_under_the_same_key_is_refused(api: AsyncClient, count):
    await api.post("/v1/notes", json=NOTE, headers=keyed())

    for response in (
        await api.post("/v1/notes", json={"text": "other"}, headers=keyed()),
        await api.post("/v1/notes?dry_run=true", json=NOTE, headers=keyed()),
        await api.post("/v1/anything", json=NOTE, headers=keyed()),
    ):
        assert response.status_code == 422
        assert response.json()["code"] == "idempotency_key_reused"
        assert response.json()["errors"][0]["pointer"] == "header:Idempotency-Key"
    assert await count() == 1


async def test_keys_belong_to_their_caller(api: AsyncClient, notes, key, count):
    await api.post("/v1/notes", json=NOTE, headers=keyed())
    response = await api.post(
        "/v1/notes", json={"text": "mine"}, headers=keyed() | {"Authorization": f"Bearer {await key('leads:write')}"}
    )

    assert response.status_code == 201
    assert await count() == 2


async def test_twenty_at_once_have_one_effect(api: AsyncClient, knobs: Knobs, count):
    responses = await asyncio.gather(*(api.post("/v1/notes", json=NOTE, headers=keyed()) for _ in range(20)))

    assert {response.status_code for response in responses} <= {201, 409}
    made = [response for response in responses if response.status_code == 201]
    assert len({response.content for response in made}) == 1
    assert sum("idempotency-replayed" not in response.headers for response in made) == 1
    assert all(r.json()["code"] == "idempotency_in_progress" for r in responses if r.status_code == 409)
    assert await count() == 1


async def test_a_request_still_running_is_said_to_be(api: AsyncClient, knobs: Knobs, count):
    knobs.gate = asyncio.Event()
    first = asyncio.create_task(api.post("/v1/notes", json=NOTE, headers=keyed()))
    await knobs.started.wait()

    busy = await api.post("/v1/notes", json=NOTE, headers=keyed())
    other = asyncio.create_task(api.post("/v1/notes", json=NOTE, headers=keyed("k-2")))
    knobs.gate.set()

    assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_in_progress")
    assert busy.headers["retry-after"] == "1"
    assert ((await first).status_code, (await other).status_code) == (201, 201)
    assert (await api.post("/v1/notes", json=NOTE, headers=keyed())).content == (await first).content
    assert await count() == 2


@pytest.mark.parametrize("error", [Conflict("taken", allowed=["x"]), NotFound("gone")])
async def test_a_refusal_is_an_answer_and_undoes_what_was_done(api: AsyncClient, knobs: Knobs, count, error):
    knobs.error = error
    first = await api.post("/v1/notes", json=NOTE, headers=keyed())
    knobs.error = None
    again = await api.post("/v1/notes", json=NOTE, headers=keyed())

    assert first.status_code == again.status_code in {404, 409}
    assert again.content == first.content
    assert again.headers["content-type"] == "application/problem+json"
    assert again.headers["idempotency-replayed"] == "true"
    assert (await count(), knobs.runs) == (0, 1)


@pytest.mark.parametrize("error", [Invalid("/text", "too blue"), auth.Forbidden("admin"), ConnectionResetError()])
async def test_faults_of_sending_are_not_kept(api: AsyncClient, knobs: Knobs, count, error):
    knobs.error = error
    first = await api.post("/v1/notes", json=NOTE, headers=keyed())
    knobs.error = None
    again = await api.post("/v1/notes", json=NOTE, headers=keyed())

    assert first.status_code in {422, 403, 503}
    assert again.status_code == 201
    assert (await count(), knobs.runs) == (1, 2)


async def test_a_malformed_body_leaves_the_key_free(api: AsyncClient, count):
    assert (await api.post("/v1/notes", json={"txt": "x"}, headers=keyed())).status_code == 422
    assert (await api.post("/v1/notes", json=NOTE, headers=keyed())).status_code == 201
    assert await count() == 1


async def test_a_bug_keeps_nothing(api: AsyncClient, knobs: Knobs, count):
    knobs.error = ZeroDivisionError()
    assert (await api.post("/v1/notes", json=NOTE, headers=keyed())).status_code == 500
    knobs.error = None
    assert (await api.post("/v1/notes", json=NOTE, headers=keyed())).status_code == 201
    assert await count() == 1


async def test_a_caller_who_leaves_keeps_nothing_and_blocks_nothing(api: AsyncClient, knobs: Knobs, count, engine):
    knobs.gate = asyncio.Event()
    gone = asyncio.create_task(api.post("/v1/notes", json=NOTE, headers=keyed()))
    await knobs.started.wait()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    knobs.gate = None

    assert await count() == 0
    assert engine.pool.checkedout() == 0
    assert (await api.post("/v1/notes", json=NOTE, headers=keyed())).status_code == 201


@pytest.mark.parametrize(
    "given", ["", '""', " ", "a b", "a" * 256, '"' + "a" * 256 + '"', "tab\tinside", "käse", '"open']
)
async def test_a_malformed_key_is_refused(api: AsyncClient, count, given):
    headers = {b"idempotency-key": given.encode("latin-1")}
    response = await api.post("/v1/notes", json=NOTE, headers=headers)

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "header:Idempotency-Key"
    assert await count() == 0


@pytest.mark.parametrize(
    "given", ["a", '"a b"', "a" * 255, '"' + "a" * 255 + '"', "550e8400-e29b-41d4-a716-446655440000", '"a\\"b"']
)
async def test_a_sane_key_is_taken(api: AsyncClient, given):
    assert (await api.post("/v1/notes", json=NOTE, headers=keyed(given))).status_code == 201
    assert (await api.post("/v1/notes", json=NOTE, headers=keyed(given))).headers["idempotency-replayed"] == "true"


async def test_after_a_day_the_key_is_free_again(api: AsyncClient, engine, count):
    await api.post("/v1/notes", json=NOTE, headers=keyed())
    async with transaction(engine) as connection:
        await connection.execute(text("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 second'"))

    other = await api.post("/v1/notes", json={"text": "tomorrow"}, headers=keyed())
    again = await api.post("/v1/notes", json={"text": "tomorrow"}, headers=keyed())

    assert (other.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert await count() == 2


async def test_old_answers_are_forgotten(api: AsyncClient, engine):
    for number in range(3):
        await api.post("/v1/notes", json=NOTE, headers=keyed(f"k-{number}"))

    async with transaction(engine) as connection:
        assert await idempotency.forget_expired(connection, clock.now()) == 0
        tomorrow = clock.now() + timedelta(hours=25)
        assert await idempotency.forget_expired(connection, tomorrow, limit=2) == 2
        assert await idempotency.forget_expired(connection, tomorrow, limit=2) == 1


async def test_other_methods_ignore_it(api: AsyncClient):
    assert "idempotency-replayed" not in (await api.get("/v1/notes", headers=keyed())).headers


async def test_an_answer_kept_behind_our_back_wins(api: AsyncClient, knobs: Knobs, count, engine):
    """The one moment the lock does not cover: it was taken after another's commit that the claim's statement did not see."""
    await api.post("/v1/anything", json={}, headers=keyed("template"))
    knobs.gate = asyncio.Event()
    late = asyncio.create_task(api.post("/v1/notes", json=NOTE, headers=keyed()))
    await knobs.started.wait()
    async with transaction(engine) as connection:
        await connection.execute(
            text(
                "INSERT INTO idempotency_keys SELECT key_id, 'k-1', fingerprint, status, headers, body, created_at"
                " FROM idempotency_keys"
            )
        )
    knobs.gate.set()

    assert ((await late).status_code, (await late).json()["code"]) == (409, "idempotency_in_progress")
    assert await count() == 0
