from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from pydantic import ValidationError

from service.channels import wechat
from service.channels.contract import ChannelConfig, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, STAMP, again, channel_of, get, post, stored, to_body
from tests.channels.documented.wechat import APP, BODY, OPENID, plain_query, plain_sample, sample
from tests.channels.documented.wecom import AES_KEY, encrypt, envelope, query

PLAIN = channel_of("wechat")
SAFE = channel_of("wechat", encoding_aes_key=AES_KEY, app_id=APP)
# The vendor's own examples.
TOKEN = "AAAAA"
ASKED = {
    "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696",
    "timestamp": "1714036504",
    "nonce": "1514711492",
    "echostr": "4375120948345356249",
}
PUSHED = {
    "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
    "timestamp": "1714112445",
    "nonce": "415670741",
    "encrypt_type": "aes",
    "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
}
ENCRYPTED = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7v"
    "JVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb"
    "6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)


def refusal(request: Request, channel: ChannelConfig) -> str:
    with pytest.raises(Refusal) as caught:
        (wechat.verify if request.method == "POST" else wechat.handshake)(request, channel)
    return caught.value.code


def message(kind: str, **fields: object) -> Request:
    sent = {"FromUserName": OPENID, "CreateTime": 1767225600, "MsgType": "event", "Event": kind} | fields
    return post(to_body(sent), query=plain_query())


def test_the_vendors_example_of_a_handshake() -> None:
    request = replace(get(urlencode(ASKED)), received_at=datetime.fromtimestamp(1714036504, UTC))
    for channel in (PLAIN, SAFE):
        reply = wechat.handshake(request, replace(channel, secrets=(TOKEN,)))
        assert reply == (200, b"4375120948345356249", "text/plain")
    assert refusal(request, PLAIN) == "bad_signature"
    assert (
        refusal(replace(request, received_at=datetime(2026, 3, 1, tzinfo=UTC)), replace(PLAIN, secrets=(TOKEN,)))
        == "stale"
    )


def test_a_handshake_echoes_nothing_but_plain_texts() -> None:
    assert refusal(get(plain_query(echostr="<script>")), PLAIN) == "malformed_body"
    assert refusal(get(plain_query()), PLAIN) == "malformed_body"
    assert refusal(get("echostr=1"), PLAIN) == "unsigned"


def test_the_vendors_example_of_a_message_in_safe_mode() -> None:
    channel = replace(
        channel_of("wechat", encoding_aes_key="A" * 43, app_id="wxba5fad812f8e6fb9"),
        secrets=(TOKEN,),
    )
    body = json.dumps({"ToUserName": "gh_97417a04a28d", "Encrypt": ENCRYPTED}).encode()
    request = post(body, query=urlencode(PUSHED), received_at=datetime.fromtimestamp(1714112445, UTC))
    wechat.verify(request, channel)
    (activity,) = wechat.translate(stored(request, channel), channel).activities
    assert activity.kind == "debug_demo"
    assert activity.person == {"external_ids": {"wechat": OPENID}}
    assert activity.data == {"debug_str": "hello world"}
    assert activity.occurred_at == datetime.fromtimestamp(1714112445, UTC)
    tampered = again(request, body=body.replace(b"+qdx1", b"+qdx2"))
    assert refusal(tampered, channel) == "bad_signature"


@pytest.mark.parametrize("one", [sample(), plain_sample()], ids=["safe", "plain"])
def test_a_follower_is_translated_field_by_field(one: object) -> None:
    request, channel = one.request, one.channel  # type: ignore[attr-defined]
    wechat.verify(again(request), channel)
    (submitted,) = wechat.translate(stored(again(request), channel), channel).submissions
    assert submitted.fields == {
        "campaign": "fair",
        "consent": {"wechat": True},
        "external_ids": {"wechat": OPENID},
        "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
        "channel": "a-channel",
        "attributes": {"account": "gh_97417a04a28d"},
    }


def test_unfollowing_takes_the_consent_back() -> None:
    meaning = wechat.translate(message("unsubscribe"), PLAIN)
    (change,) = meaning.consent_changes
    assert (change.purpose, change.granted) == ("wechat", False)
    assert change.person == {"external_ids": {"wechat": OPENID}}
    assert not meaning.submissions


def test_what_people_do_and_write_are_activities() -> None:
    (clicked,) = wechat.translate(message("CLICK", EventKey="menu-1"), PLAIN).activities
    assert (clicked.kind, clicked.data) == ("CLICK", {"EventKey": "menu-1"})
    (written,) = wechat.translate(message("", MsgType="text", Content="你好", MsgId=2**63), PLAIN).activities
    assert (written.kind, written.data) == ("text", {"Content": "你好"})


@pytest.mark.parametrize("kind", ["MASSSENDJOBFINISH", "TEMPLATESENDJOBFINISH"])
def test_reports_on_what_we_sent_are_ignored(kind: str) -> None:
    assert wechat.translate(message(kind), PLAIN).ignored


def test_safe_mode_takes_nothing_less() -> None:
    encrypted = encrypt(BODY, APP)
    # The plain signature does not cover the body, and does not count.
    assert refusal(post(envelope(encrypted), media="text/xml", query=plain_query()), SAFE) == "unsigned"
    assert refusal(post(BODY, media="text/xml", query=plain_query()), SAFE) == "malformed_body"
    other_app = encrypt(BODY, "wx-somebody-else")
    assert refusal(post(envelope(other_app), media="text/xml", query=query(other_app)), SAFE) == "bad_signature"


def test_plain_mode_checks_token_and_time() -> None:
    wechat.verify(plain_sample().request, PLAIN)
    for wrong in (plain_query(OTHER_SECRET), plain_query("")):
        for secrets in (PLAIN.secrets, (), ("",)):
            assert refusal(post(BODY, query=wrong), replace(PLAIN, secrets=secrets)) == "bad_signature"
    assert refusal(post(BODY, query=plain_query(stamp=str(int(STAMP) - 301))), PLAIN) == "stale"
    encrypted = envelope(encrypt(BODY, APP))
    assert refusal(post(encrypted, media="text/xml", query=plain_query()), PLAIN) == "malformed_body"


@pytest.mark.parametrize("body", [b"", b"<xml/>", b"{}", b"[]", b"[", b"<xml><FromUserName/></xml>", b"\xff"])
def test_a_malformed_message_is_refused(body: bytes) -> None:
    assert refusal(post(body, query=plain_query()), PLAIN) == "malformed_body"


def test_a_message_is_recognised_by_its_id_and_an_event_by_who_and_when() -> None:
    written = message("", MsgType="text", MsgId=2**63 + 1)
    assert wechat.dedupe_key(written, PLAIN) == "message:9223372036854775809"
    keys = [wechat.dedupe_key(message(kind), PLAIN) for kind in ("subscribe", "unsubscribe", "subscribe")]
    assert keys[0] == keys[2] != keys[1]
    assert wechat.dedupe_key(message("subscribe", CreateTime=1767225601), PLAIN) != keys[0]


def test_safe_mode_needs_to_know_the_account() -> None:
    with pytest.raises(ValidationError, match="AppID"):
        channel_of("wechat", encoding_aes_key=AES_KEY)
    assert wechat.secret_fault("") is not None


def test_the_answer_is_success() -> None:
    assert wechat.reply("1", PLAIN) == (200, b"success", "text/plain")
