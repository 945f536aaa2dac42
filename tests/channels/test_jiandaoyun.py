from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.channels import jiandaoyun
from service.channels.contract import ChannelConfig, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, STAMP, again, channel_of, post, stored, to_body
from tests.channels.documented.jiandaoyun import BODY, NONCE, RECORD, sample, sign

CHANNEL = channel_of("jiandaoyun")
KNOWN = "4be35b348ad2b4d121905b06c4e2cc1cd543dbca"


def refusal(request: Request, channel: ChannelConfig = CHANNEL) -> str:
    with pytest.raises(Refusal) as caught:
        jiandaoyun.verify(request, channel)
    return caught.value.code


def operation(name: str, **changes: object) -> Request:
    return post(to_body(RECORD | {"op": name, "data": RECORD["data"] | changes}))


def test_the_documented_record_is_translated_field_by_field() -> None:
    one = sample()
    channel = replace(one.channel, mapping={"full_name": "data._widget_1"})
    (submitted,) = jiandaoyun.translate(stored(one.request, channel), channel).submissions
    assert not submitted.revises
    fields = dict(submitted.fields)
    attributes = fields.pop("attributes")
    assert fields == {
        "full_name": "张三",
        "phone": "+8613800138000",
        "email": "zhangsan@example.com",
        "external_ids": {"jiandaoyun": "595f0e0d8a3ea0c0e5b1a001"},
        "occurred_at": datetime(2026, 1, 1, 2, tzinfo=UTC),
        "channel": "a-channel",
    }
    assert attributes["formName"] == "客户登记"
    # The member of staff who typed it in is not the person.
    assert "creator" not in attributes


def test_a_known_answer() -> None:
    # sha1sum of "0f5ade:{}:test-secret:1498586609".
    request = post(
        b"{}",
        {"x-jdy-signature": KNOWN},
        query="timestamp=1498586609&nonce=0f5ade",
        received_at=datetime.fromtimestamp(1498586609, UTC),
    )
    jiandaoyun.verify(request, channel_of("jiandaoyun", secrets=("test-secret",)))


def test_body_nonce_time_and_secret_are_signed() -> None:
    good = sample().request
    jiandaoyun.verify(again(good), CHANNEL)
    assert refusal(again(good, body=good.body + b" ")) == "bad_signature"
    assert refusal(again(good, query=f"timestamp={STAMP}&nonce=other")) == "bad_signature"
    assert refusal(again(good, query=f"timestamp={int(STAMP) + 1}&nonce={NONCE}")) == "bad_signature"
    assert refusal(again(good, query=f"nonce={NONCE}")) == "unsigned"
    assert refusal(again(good, headers={})) == "unsigned"
    wrong = sign(BODY, secret=OTHER_SECRET)
    assert refusal(again(good, headers={"x-jdy-signature": wrong})) == "bad_signature"


def test_an_old_delivery_is_stale() -> None:
    stamp = str(int(STAMP) - 301)
    headers = {"x-jdy-signature": sign(BODY, stamp)}
    assert refusal(post(BODY, headers, query=f"timestamp={stamp}&nonce={NONCE}")) == "stale"


def test_a_delivery_is_recognised_by_its_id() -> None:
    good = sample().request
    assert jiandaoyun.dedupe_key(good, CHANNEL) == "delivery:7d38cdd689735b008b3c702edd92eea2"
    bare = again(good, headers={})
    assert jiandaoyun.dedupe_key(bare, CHANNEL) == jiandaoyun.dedupe_key(again(bare), CHANNEL)


@pytest.mark.parametrize("name", ["data_update", "data_recover"])
def test_a_record_that_comes_again_revises_the_first(name: str) -> None:
    (submitted,) = jiandaoyun.translate(operation(name, updateTime="2026-02-01T00:00:00Z"), CHANNEL).submissions
    assert submitted.revises
    if name == "data_update":
        assert submitted.fields["occurred_at"] == datetime(2026, 2, 1, tzinfo=UTC)


def test_a_deleted_record_is_an_activity_and_no_erasure() -> None:
    meaning = jiandaoyun.translate(operation("data_remove"), CHANNEL)
    (activity,) = meaning.activities
    assert activity.kind == "data_remove"
    assert activity.person == {"external_ids": {"jiandaoyun": "595f0e0d8a3ea0c0e5b1a001"}}
    assert not meaning.erasures


@pytest.mark.parametrize("body", [{"op": "form_update", "data": {"_id": "1"}}, {"op": "data_create"}, {}, {"op": 7}])
def test_what_is_about_no_record_is_ignored(body: object) -> None:
    assert jiandaoyun.translate(post(to_body(body)), CHANNEL).ignored
