from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest
from pydantic import ValidationError

from service.channels import wecom
from service.channels.contract import ChannelConfig, Fetch, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, SECRET, STAMP, again, channel_of, get, post, stored, to_body
from tests.channels.documented.wecom import (
    AES_KEY,
    BODY,
    CONTACT,
    CORP,
    CUSTOMER,
    encrypt,
    envelope,
    query,
    sample,
)

OTHER_KEY = "A" * 43
CHANNEL = channel_of("wecom", encoding_aes_key=AES_KEY, corp_id=CORP)
# The vendor's own example.
TOKEN = "QDG6eK"
ECHO = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
ASKED = {"msg_signature": "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "timestamp": "1409659589", "nonce": "263014780"}
THEN = datetime.fromtimestamp(1409659589, UTC)


def refusal(request: Request, channel: ChannelConfig = CHANNEL) -> str:
    with pytest.raises(Refusal) as caught:
        (wecom.verify if request.method == "POST" else wecom.handshake)(request, channel)
    return caught.value.code


def delivery(message: bytes) -> Request:
    encrypted = encrypt(message)
    return post(envelope(encrypted), media="text/xml", query=query(encrypted))


def event(*changes: tuple[str, str]) -> Request:
    text = BODY.decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return delivery(text.encode())


@pytest.mark.parametrize("echo", [quote(ECHO, safe=""), ECHO], ids=["escaped", "bare plus"])
def test_the_vendors_example_of_a_handshake(echo: str) -> None:
    request = replace(get(f"{urlencode(ASKED)}&echostr={echo}"), received_at=THEN)
    reply = wecom.handshake(request, replace(CHANNEL, secrets=(TOKEN,)))
    # Bare text: no quotes, no line feed.
    assert reply == (200, b"1616140317555161061", "text/plain")


def test_a_handshake_is_refused_when_it_is_not_ours() -> None:
    asked = replace(get(urlencode(ASKED | {"echostr": ECHO})), received_at=THEN)
    ours = replace(CHANNEL, secrets=(TOKEN,))
    assert refusal(asked, CHANNEL) == "bad_signature"
    assert refusal(replace(asked, query=asked.query.replace("263014780", "263014781")), ours) == "bad_signature"
    assert refusal(replace(asked, query=""), ours) == "unsigned"
    assert refusal(replace(asked, received_at=datetime(2026, 3, 1, tzinfo=UTC)), ours) == "stale"
    other_corp = replace(ours, settings=ours.settings.model_copy(update={"corp_id": "ww1"}))
    assert refusal(asked, other_corp) == "bad_signature"


def test_a_handshake_does_not_decrypt_messages() -> None:
    encrypted = encrypt(BODY)
    assert refusal(get(query(encrypted, echostr=encrypted))) == "malformed_body"


def test_the_documented_event_asks_for_the_customer_and_is_translated_field_by_field() -> None:
    one = sample()
    wecom.verify(one.request, one.channel)
    kept = stored(one.request, one.channel)
    assert wecom.translate(kept, one.channel).fetch == (
        Fetch("contact", "/cgi-bin/externalcontact/get", {"external_userid": CUSTOMER}, anonymous=True),
    )
    (submitted,) = wecom.translate(replace(kept, fetched=one.fetched), one.channel).submissions
    assert submitted.fields == {
        "full_name": "李四",
        "job_title": "Manager",
        "company_name": "腾讯科技有限公司",
        "phone": "+8613800000001, +8613000000002",
        "tags": ("重点客户",),
        "campaign": "spring",
        "external_ids": {"wecom": CUSTOMER},
        "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
        "channel": "a-channel",
        "attributes": {
            "user_id": "zhangsan",
            "change_type": "add_external_contact",
            "remark": "李部长",
            "add_way": "3",
            "unionid": "ozynqsulJFCZ2z1aYeS8h-nuasdAAA",
        },
    }


def test_without_a_fetch_the_event_alone_makes_the_lead() -> None:
    (submitted,) = wecom.translate(event(), CHANNEL).submissions
    assert submitted.fields["external_ids"] == {"wecom": CUSTOMER}
    assert submitted.fields["campaign"] == "spring"
    # Whoever has it can write to the customer.
    assert "WELCOME" not in str(submitted.fields)


@pytest.mark.parametrize("answer", [{"errcode": 42001, "errmsg": "access_token expired"}, {"errcode": -1}])
def test_an_error_of_the_vendors_is_said(answer: object) -> None:
    one = sample()
    with pytest.raises(Refusal) as caught:
        wecom.translate(replace(one.request, fetched={"contact": to_body(answer)}), one.channel)
    assert caught.value.code == "fetch_failed"
    assert str(answer["errcode"]) in caught.value.detail  # type: ignore[index]


def test_a_customer_who_breaks_off_is_an_activity() -> None:
    meaning = wecom.translate(event(("add_external_contact", "del_follow_user")), CHANNEL)
    (activity,) = meaning.activities
    assert (activity.kind, activity.person) == ("del_follow_user", {"external_ids": {"wecom": CUSTOMER}})
    assert activity.data == {"user_id": "zhangsan"}
    assert activity.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_what_is_about_members_is_ignored() -> None:
    assert wecom.translate(event(("change_external_contact", "enter_agent")), CHANNEL).ignored
    assert wecom.translate(delivery(b"<xml><MsgType>text</MsgType><MsgId>1</MsgId></xml>"), CHANNEL).ignored


def test_only_what_was_signed_and_encrypted_for_us_counts() -> None:
    good = sample().request
    wecom.verify(again(good), CHANNEL)
    assert refusal(again(good, body=envelope(encrypt(BODY + b" ")))) == "bad_signature"
    assert refusal(again(good), replace(CHANNEL, secrets=(OTHER_SECRET,))) == "bad_signature"
    assert refusal(again(good), replace(CHANNEL, secrets=("",))) == "bad_signature"
    assert refusal(again(good, query="")) == "unsigned"
    for encrypted in (encrypt(BODY, "ww-somebody-else"), encrypt(BODY, key=OTHER_KEY), encrypt(BODY)[:-4] + "AAA="):
        sent = post(envelope(encrypted), media="text/xml", query=query(encrypted))
        assert refusal(sent) == "bad_signature"
    encrypted = encrypt(BODY)
    late = query(encrypted, stamp=str(int(STAMP) - 301))
    assert refusal(post(envelope(encrypted), media="text/xml", query=late)) == "stale"


@pytest.mark.parametrize("encrypted", ["", "AAAA", "!", "AA==", "A" * 64])
def test_what_cannot_be_decrypted_is_refused(encrypted: str) -> None:
    sent = post(envelope(encrypted), media="text/xml", query=query(encrypted))
    assert refusal(sent) in {"bad_signature", "malformed_body"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml/>",
        b"<xml>",
        b"text",
        b"{}",
        b'<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>',
        b"<xml><Encrypt><a/></Encrypt></xml>",
    ],
)
def test_a_malformed_envelope_is_refused(body: bytes) -> None:
    assert refusal(post(body, media="text/xml", query=query(""))) == "malformed_body"


def test_a_key_that_was_replaced_still_reads() -> None:
    channel = channel_of("wecom", encoding_aes_key=OTHER_KEY, previous_encoding_aes_key=AES_KEY, corp_id=CORP)
    wecom.verify(sample().request, channel)


def test_an_event_is_recognised_and_its_neighbour_is_not() -> None:
    key = wecom.dedupe_key(event(), CHANNEL)
    assert wecom.dedupe_key(event(("<State><![CDATA[spring]]></State>", "")), CHANNEL) == key
    # Both from "sys", in the same second.
    assert wecom.dedupe_key(event((CUSTOMER, "wo-another")), CHANNEL) != key
    assert wecom.dedupe_key(event(("1767225600", "1767225601")), CHANNEL) != key
    message = delivery(b"<xml><FromUserName>a</FromUserName><MsgId>1234567890123456</MsgId></xml>")
    assert wecom.dedupe_key(message, CHANNEL) == "message:1234567890123456"


def test_what_must_be_set_is_set() -> None:
    for settings in (
        {},
        {"corp_id": CORP},
        {"encoding_aes_key": AES_KEY},
        {"corp_id": CORP, "encoding_aes_key": "short"},
    ):
        with pytest.raises(ValidationError):
            wecom.Settings.model_validate(settings)
    assert wecom.secret_fault("") is not None
    assert wecom.secret_fault("abc") is not None
    assert wecom.secret_fault(SECRET) is None


def test_the_answer_is_empty() -> None:
    assert wecom.reply("1", CHANNEL)[:2] == (200, b"")


def test_a_token_is_asked_for_with_the_customer() -> None:
    channel = channel_of("wecom", encoding_aes_key=AES_KEY, corp_id=CORP, fetch=True, access_token="at-1")
    (question,) = wecom.translate(event(), channel).fetch
    assert question.query == {"external_userid": CUSTOMER, "access_token": "at-1"}
    assert CONTACT["external_contact"]["external_userid"] == CUSTOMER  # type: ignore[index]
