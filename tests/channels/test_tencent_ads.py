from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from service.channels import tencent_ads
from service.channels.contract import ChannelConfig, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, SECRET, channel_of, post, stored, to_body
from tests.channels.documented.tencent_ads import BODY, LEAD, sample

FORM = "application/x-www-form-urlencoded"


def refusal(request: Request, channel: ChannelConfig) -> str:
    with pytest.raises(Refusal) as caught:
        tencent_ads.verify(request, channel)
    return caught.value.code


def test_the_documented_lead_is_translated_field_by_field() -> None:
    one = sample()
    (submitted,) = tencent_ads.translate(stored(one.request, one.channel), one.channel).submissions
    fields = dict(submitted.fields)
    attributes = fields.pop("attributes")
    assert fields == {
        "full_name": "张三",
        "phone": "+8613800138000",
        "email": "zhangsan@example.com",
        "job_title": "经理",
        "region": "广东省",
        "campaign": "123456",
        # One beyond what a double can hold.
        "external_ids": {"tencent-ads": "9007199254740993"},
        "occurred_at": datetime(2026, 1, 1, 2, tzinfo=UTC),
        "channel": "a-channel",
    }
    assert attributes["预算"] == "10万"
    assert attributes["leads_type"] == "LEADS_TYPE_FORM"
    assert attributes["click_id"] == "wx0abcdef"


def test_a_form_says_the_same_as_json() -> None:
    channel = channel_of("tencent-ads")
    form = post(urlencode(LEAD).encode(), media=FORM, url_secret=SECRET)
    tencent_ads.verify(form, channel)
    assert tencent_ads.dedupe_key(form, channel) == tencent_ads.dedupe_key(post(BODY), channel)
    (by_form,), (by_json,) = (tencent_ads.translate(one, channel).submissions for one in (form, post(BODY)))
    assert by_form.fields["external_ids"] == by_json.fields["external_ids"]
    assert by_form.fields["phone"] == by_json.fields["phone"]


def test_the_older_name_of_the_number_is_read_too() -> None:
    body = to_body({"leads_id": 1, "leads_tel": "13800138000", "leads_create_time": 1767225600})
    (submitted,) = tencent_ads.translate(post(body), channel_of("tencent-ads")).submissions
    assert submitted.fields["phone"] == "+8613800138000"
    assert submitted.fields["occurred_at"] == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("bundle", ["", "{", "[]", "text", None, 7])
def test_answers_that_cannot_be_read_do_no_harm(bundle: object) -> None:
    (submitted,) = tencent_ads.translate(
        post(to_body(LEAD | {"bundle": bundle})), channel_of("tencent-ads")
    ).submissions
    assert submitted.fields["full_name"] == "张三"


def test_the_address_must_have_the_secret() -> None:
    channel = channel_of("tencent-ads")
    assert tencent_ads.secret_in_url(channel.settings)
    assert refusal(post(BODY), channel) == "unsigned"
    assert refusal(post(BODY, url_secret=OTHER_SECRET), channel) == "wrong_secret"
    assert refusal(post(BODY, {"x-channel-secret": SECRET}), channel) == "unsigned"
    assert tencent_ads.secret_fault("short")


@pytest.mark.parametrize("body", [b"", b"[]", b"1"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(post(body, url_secret=SECRET), channel_of("tencent-ads")) == "malformed_body"


def test_a_lead_is_recognised_by_its_id() -> None:
    channel = channel_of("tencent-ads")
    assert tencent_ads.dedupe_key(post(BODY), channel) == "lead:9007199254740993"
    neighbour = to_body(LEAD | {"leads_id": LEAD["leads_id"] - 1})
    assert tencent_ads.dedupe_key(post(neighbour), channel) == "lead:9007199254740992"


def test_the_answer_is_the_one_that_is_set() -> None:
    assert tencent_ads.reply("1", channel_of("tencent-ads")) == (
        200,
        b'{"code":0,"message":"success"}',
        "application/json",
    )
    assert tencent_ads.reply("1", channel_of("tencent-ads", reply="ok")) == (200, b"ok", "text/plain")
