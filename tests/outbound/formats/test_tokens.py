"""Access tokens that run out, against a stand-in that gives out new ones."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

import pytest

from service.outbound.formats import google_offline_conversions as google
from service.outbound.formats import meta_capi as meta
from service.outbound.formats import tokens as tokens_module
from service.outbound.formats.contract import Outcome
from service.outbound.formats.tokens import Tokens
from service.outbound.sending.sender import Sender
from tests.outbound.receivers import Receive


def answering(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d Said\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body


def settings(url: str, **more: Any) -> google.Settings:
    given = {
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "1//r",
        "token_url": url,
        "customer_id": "1",
    } | more
    return google.Settings(**given, developer_token="d", conversion_actions={"won": "7"})


async def test_it_works(sender: Sender, receive: Receive) -> None:
    receiver = await receive(answering(b'{"access_token":"ya29.new","expires_in":3599,"token_type":"Bearer"}'))
    tokens, chosen = Tokens(sender.send), settings(receiver.url("/token"))
    fresh = await asyncio.gather(*(tokens.fresh(google, chosen) for _ in range(20)))
    assert {one.access_token for one in fresh} == {"ya29.new"}
    assert len(receiver.bodies) == 1
    assert parse_qs(receiver.bodies[0].decode()) == {
        "grant_type": ["refresh_token"], "client_id": ["c"], "client_secret": ["s"], "refresh_token": ["1//r"],
    }  # fmt: skip
    assert chosen.access_token is None
    assert tokens._fetching == {}


async def test_others_have_tokens_of_their_own(sender: Sender, receive: Receive) -> None:
    receiver = await receive(answering(b'{"access_token":"t","expires_in":3599}'))
    tokens = Tokens(sender.send)
    for refresh_token in ("one", "other", "one"):
        await tokens.fresh(google, settings(receiver.url(), refresh_token=refresh_token))
    assert len(receiver.bodies) == 2


async def test_one_that_has_run_out_is_fetched_anew(
    sender: Sender, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = await receive(answering(b'{"access_token":"t","expires_in":3599}'))
    tokens, chosen, now = Tokens(sender.send), settings(receiver.url()), 1000.0
    monkeypatch.setattr(tokens_module, "monotonic", lambda: now)
    await tokens.fresh(google, chosen)
    now += 3599 - 121
    await tokens.fresh(google, chosen)
    assert len(receiver.bodies) == 1
    now += 2
    await tokens.fresh(google, chosen)
    assert len(receiver.bodies) == 2


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error":"invalid_grant"}', "token_rejected"),
        (401, b'{"error":"invalid_client"}', "token_rejected"),
        (500, b"", "token_not_fetched"),
        (200, b"<html>", "token_not_fetched"),
        (200, b'{"access_token":"a\\nb"}', "token_not_fetched"),
        (200, b'{"access_token":7}', "token_not_fetched"),
    ],
)
async def test_none_is_given(status: int, body: bytes, code: str, sender: Sender, receive: Receive) -> None:
    receiver = await receive(answering(body, status))
    assert await Tokens(sender.send).fresh(google, settings(receiver.url())) == Outcome("retry", code)


async def test_where_none_need_be_fetched(sender: Sender) -> None:
    chosen = meta.Settings(access_token="a")
    assert await Tokens(sender.send).fresh(meta, chosen) is chosen
