"""Access tokens that run out, against a stand-in that gives out new ones."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from service.outbound.formats import google_offline_conversions as google
from service.outbound.formats.outcomes import outcome_of
from service.outbound.sending import tokens as tokens_module
from service.outbound.sending.answers import Outgoing
from service.outbound.sending.sender import Sender
from tests.outbound.receivers import OK, Receive, Receiver


def answering(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d Said\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body


def asking(giver: Receiver, who: str = "r") -> Outgoing:
    return Outgoing(
        giver.url("/token"), {"content-type": "application/x-www-form-urlencoded"}, f"refresh_token={who}".encode()
    )


async def test_it_works(sender: Sender, receive: Receive) -> None:
    giver = await receive(answering(b'{"access_token":"ya29.new","expires_in":3599,"token_type":"Bearer"}'))
    receiver = await receive(OK)
    outgoing = Outgoing(receiver.url(), {"x": "y"}, b"{}", asking(giver))
    answers = await asyncio.gather(*(sender.send(outgoing) for _ in range(10)))
    assert all(answer.ok for answer in answers)
    assert giver.bodies == [b"refresh_token=r"]
    assert len(receiver.heads) == 10
    assert all("authorization: bearer ya29.new\r\n" in head.lower() and "x: y" in head for head in receiver.heads)
    assert sender._tokens._fetching == {}


async def test_others_have_tokens_of_their_own(sender: Sender, receive: Receive) -> None:
    giver, receiver = await receive(answering(b'{"access_token":"t","expires_in":3599}')), await receive(OK)
    for who in ("one", "other", "one"):
        await sender.send(Outgoing(receiver.url(), {}, b"", asking(giver, who)))
    assert len(giver.bodies) == 2


async def test_one_that_has_run_out_is_fetched_anew(
    sender: Sender, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    giver, receiver, now = (
        await receive(answering(b'{"access_token":"t","expires_in":3599}')),
        await receive(OK),
        1000.0,
    )
    monkeypatch.setattr(tokens_module, "monotonic", lambda: now)
    outgoing = Outgoing(receiver.url(), {}, b"", asking(giver))
    await sender.send(outgoing)
    now += 3599 - 121
    await sender.send(outgoing)
    assert len(giver.bodies) == 1
    now += 2
    await sender.send(outgoing)
    assert len(giver.bodies) == 2


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error":"invalid_grant"}', "token_rejected"),
        (401, b'{"error":"invalid_client"}', "token_rejected"),
        (500, b"", "token_not_fetched"),
        (200, b"<html>", "token_not_fetched"),
        (200, b"[]", "token_not_fetched"),
        (200, b'{"access_token":"a\\nb"}', "token_not_fetched"),
        (200, b'{"access_token":7}', "token_not_fetched"),
    ],
)
async def test_none_is_given(status: int, body: bytes, code: str, sender: Sender, receive: Receive) -> None:
    giver, receiver = await receive(answering(body, status)), await receive(OK)
    answer = await sender.send(Outgoing(receiver.url(), {}, b"", asking(giver)))
    assert (answer.error, answer.status, receiver.connections) == (code, None, 0)
    assert (outcome_of(answer).verdict, google.outcome_of(answer).code) == ("retry", code)


async def test_who_gives_them_out_may_not_be_anybody(sender: Sender, receive: Receive) -> None:
    receiver = await receive(OK)
    elsewhere = Outgoing("http://169.254.169.254/token", {}, b"")
    answer = await sender.send(Outgoing(receiver.url(), {}, b"", elsewhere))
    assert (answer.error, receiver.connections) == ("token_not_fetched", 0)


async def test_googles(sender: Sender, receive: Receive) -> None:
    giver, receiver = await receive(answering(b'{"access_token":"ya29.new","expires_in":3599}')), await receive(OK)
    settings = google.Settings(
        client_id="c", client_secret="s", refresh_token="1//r", token_url=giver.url("/token"), customer_id="1", developer_token="d",
        conversion_actions={"won": "7"},
    )  # fmt: skip
    headers = google.headers_of({}, settings, body=b"", secrets=[], attempted_at=datetime.now(UTC))
    assert (await sender.send(Outgoing(receiver.url(), headers, b"", google.token_request(settings)))).ok
    assert parse_qs(giver.bodies[0].decode()) == {
        "grant_type": ["refresh_token"], "client_id": ["c"], "client_secret": ["s"], "refresh_token": ["1//r"],
    }  # fmt: skip
    assert "authorization: bearer ya29.new\r\n" in receiver.heads[0].lower()
    assert receiver.heads[0].lower().count("authorization:") == 1
