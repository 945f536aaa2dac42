from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.channels import wenjuanxing
from service.channels.contract import ChannelConfig, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, SECRET, channel_of, post, stored, to_body
from tests.channels.documented.wenjuanxing import ANSWER, BODY, sample, sign


def refusal(request: Request, channel: ChannelConfig) -> str:
    with pytest.raises(Refusal) as caught:
        wenjuanxing.verify(request, channel)
    return caught.value.code


def changed(**changes: object) -> Request:
    return post(to_body(ANSWER | changes))


def test_the_documented_answer_is_translated_field_by_field() -> None:
    one = sample()
    channel = replace(one.channel, mapping={"full_name": "q2"})
    (submitted,) = wenjuanxing.translate(stored(one.request, channel), channel).submissions
    assert submitted.fields == {
        # The survey's name is not the person's.
        "full_name": "测试",
        "campaign": "spring",
        "external_ids": {"wenjuanxing": "101812480275"},
        "occurred_at": datetime(2016, 8, 23, 2, 1, 59, tzinfo=UTC),
        "channel": "a-channel",
        "attributes": {
            "survey": "问卷名称",
            "activity": "5657754",
            "timetaken": "528",
            "q1": "1",
            "q2": "测试",
            "q3": "1,2",
            "totalvalue": "15",
            "index": "1",
        },
    }


def test_a_mapped_number_is_completed() -> None:
    channel = replace(channel_of("wenjuanxing"), mapping={"phone": "q1"})
    (submitted,) = wenjuanxing.translate(changed(q1="138-0013-8000"), channel).submissions
    assert submitted.fields["phone"] == "+8613800138000"


def test_without_a_mapping_the_surveys_name_is_nobodys() -> None:
    (submitted,) = wenjuanxing.translate(post(BODY), channel_of("wenjuanxing")).submissions
    assert "full_name" not in submitted.fields


def test_the_sign_covers_survey_number_and_key() -> None:
    channel = channel_of("wenjuanxing")
    wenjuanxing.verify(post(BODY), channel)
    wenjuanxing.verify(changed(sign=sign().upper()), channel)
    wenjuanxing.verify(changed(activity=5657754, index=1), channel)
    assert refusal(changed(index="2"), channel) == "bad_signature"
    assert refusal(changed(activity="5657755"), channel) == "bad_signature"
    assert refusal(changed(sign=sign(key=OTHER_SECRET)), channel) == "bad_signature"
    assert refusal(changed(sign=""), channel) == "unsigned"
    assert refusal(changed(index=None), channel) == "malformed_body"


def test_a_sign_without_a_key_is_no_sign() -> None:
    unkeyed = changed(sign=sign(key=""))
    for secrets in ((), ("",), (SECRET,)):
        assert refusal(unkeyed, channel_of("wenjuanxing", secrets=secrets)) == "bad_signature"
    assert wenjuanxing.secret_fault("")


def test_an_answer_is_recognised_by_its_id() -> None:
    channel = channel_of("wenjuanxing")
    assert wenjuanxing.dedupe_key(post(BODY), channel) == "join:101812480275"
    assert wenjuanxing.dedupe_key(changed(joinid=101812480275), channel) == "join:101812480275"
    assert wenjuanxing.dedupe_key(changed(joinid=None), channel) == "index:5657754/1"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"content=AES"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(post(body), channel_of("wenjuanxing")) == "malformed_body"
