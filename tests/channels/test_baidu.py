from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from service.channels import baidu
from service.channels.contract import ChannelConfig, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, SECRET, again, channel_of, post, stored, to_body
from tests.channels.documented.baidu import BODY, LEAD, sample


def refusal(request: Request, channel: ChannelConfig) -> str:
    with pytest.raises(Refusal) as caught:
        baidu.verify(request, channel)
    return caught.value.code


def key_of(**changes: object) -> str | None:
    return baidu.dedupe_key(post(to_body(LEAD | changes)), channel_of("baidu"))


def test_the_documented_lead_is_translated_field_by_field() -> None:
    one = sample()
    (submitted,) = baidu.translate(stored(one.request, one.channel), one.channel).submissions
    fields = dict(submitted.fields)
    attributes = fields.pop("attributes")
    assert fields == {
        "full_name": "张三",
        "phone": "+8613800138000, +861088886666",
        "email": "zhangsan@example.com",
        "region": "山东",
        "campaign": "612345678",
        "utm": {"source": "baidu", "term": "英语培训"},
        "external_ids": {"baidu": "5f1e6b0a9d"},
        # Ten o'clock in Beijing.
        "occurred_at": datetime(2026, 1, 1, 2, tzinfo=UTC),
        "channel": "a-channel",
    }
    assert attributes["预算"] == "10万"
    assert attributes["solutionTypeName"] == "表单"
    assert attributes["pageId"] == "9012345678901234567"
    assert "token" not in attributes


def test_the_second_push_is_news_and_revises_the_first() -> None:
    enriched = to_body(LEAD | {"wechatAccount": "zhangsan88", "clueUserMsgCount": 4})
    assert baidu.dedupe_key(post(enriched), channel_of("baidu")) != key_of()
    (submitted,) = baidu.translate(post(enriched), channel_of("baidu")).submissions
    assert submitted.revises
    assert submitted.fields["external_ids"] == {"baidu": "5f1e6b0a9d"}
    assert submitted.fields["attributes"]["wechatAccount"] == "zhangsan88"


def test_the_same_push_again_is_a_duplicate_even_after_a_rotation() -> None:
    reordered = dict(reversed(LEAD.items()))
    assert baidu.dedupe_key(post(to_body(reordered)), channel_of("baidu")) == key_of(token=OTHER_SECRET) == key_of()


def test_the_token_is_in_the_body_and_must_be_ours() -> None:
    channel = channel_of("baidu")
    baidu.verify(post(BODY), channel)
    assert refusal(post(to_body(LEAD | {"token": OTHER_SECRET})), channel) == "wrong_secret"
    for nothing in ("", None, 0, [SECRET], {"token": SECRET}):
        assert refusal(post(to_body(LEAD | {"token": nothing})), channel) == "unsigned"
        assert refusal(post(to_body(LEAD | {"token": nothing})), channel_of("baidu", secrets=("",))) == "unsigned"


def test_a_previous_token_counts_while_a_rotation_lasts() -> None:
    baidu.verify(post(BODY), channel_of("baidu", secrets=(OTHER_SECRET, SECRET)))


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"token=x"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(post(body), channel_of("baidu")) == "malformed_body"


def test_the_token_is_not_stored_and_the_rest_is() -> None:
    one = sample()
    kept = stored(one.request, one.channel)
    assert SECRET.encode() not in kept.body
    assert json.loads(kept.body) == LEAD | {"token": "[redacted]"}
    assert baidu.translate(kept, one.channel) == baidu.translate(again(one.request), one.channel)


def test_both_answers_are_spoken() -> None:
    assert baidu.reply("1", channel_of("baidu")) == (200, b'{"code":0,"message":"success"}', "application/json")
    assert baidu.reply("1", channel_of("baidu", reply="text")) == (200, b"success", "text/plain")
