from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from service.channels import feiyu
from service.channels.contract import ChannelConfig, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, SECRET, STAMP, STAMP_MS, again, channel_of, post, stored, to_body
from tests.channels.documented.feiyu import BODY, LEAD, sample

TOKEN = "feiyu-token"


def refusal(request: Request, channel: ChannelConfig) -> str:
    with pytest.raises(Refusal) as caught:
        feiyu.verify(request, channel)
    return caught.value.code


def signed(*parts: str, notation: str = "base64", stamp: str = STAMP, body: bytes = BODY) -> Request:
    digest = hmac.new(SECRET.encode(), "".join(parts).encode(), hashlib.sha256)
    texts = {
        "base64": base64.b64encode(digest.digest()).decode(),
        "hex": digest.hexdigest(),
        "base64-of-hex": base64.b64encode(digest.hexdigest().encode()).decode(),
    }
    return post(body, {"signature": texts[notation], "timestamp": stamp})


def test_the_documented_lead_is_translated_field_by_field() -> None:
    one = sample()
    (submitted,) = feiyu.translate(stored(one.request, one.channel), one.channel).submissions
    fields = dict(submitted.fields)
    attributes = fields.pop("attributes")
    assert fields == {
        "full_name": "张三",
        "phone": "+8613800138000",
        "email": "zhangsan@example.com",
        "region": "山东",
        "campaign": "春季计划",
        "utm": {"source": "douyin", "medium": "feed"},
        "external_ids": {"feiyu": "6844135238911680519"},
        "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
        "channel": "a-channel",
    }
    assert attributes["weixin"] == "zhangsan88"
    assert attributes["city_name"] == "济南"
    assert attributes["remark_dict"] == {"意向车型": "轿车"}
    # Beyond 2^53: exact, as text.
    assert attributes["ad_id"] == "1700000000000000001"
    assert "qq" not in attributes


@pytest.mark.parametrize("status", ["广告预览", "营销预览"])
def test_the_lead_of_a_preview_is_a_test(status: str) -> None:
    body = to_body(LEAD | {"clue_convert_status": status})
    (submitted,) = feiyu.translate(post(body), channel_of("feiyu")).submissions
    assert submitted.fields["test"] is True


def test_a_large_id_that_is_a_number_stays_exact() -> None:
    (submitted,) = feiyu.translate(post(to_body(LEAD | {"id": 2**63 + 1})), channel_of("feiyu")).submissions
    assert submitted.fields["external_ids"] == {"feiyu": "9223372036854775809"}


def test_the_place_may_be_one_text() -> None:
    body = to_body({"id": "1", "telphone": "13800138000", "location": "山东+济南"})
    (submitted,) = feiyu.translate(post(body), channel_of("feiyu")).submissions
    assert submitted.fields["region"] == "山东"
    assert submitted.fields["attributes"]["city_name"] == "济南"


def test_the_token_may_come_under_either_name_and_must_be_ours() -> None:
    channel = channel_of("feiyu")
    feiyu.verify(post(BODY, {"access-token": SECRET}), channel)
    assert refusal(post(BODY), channel) == "unsigned"
    assert refusal(post(BODY, {"access_token": OTHER_SECRET}), channel) == "wrong_secret"
    # A secret address is no proof where a token is expected.
    assert refusal(post(BODY, url_secret=SECRET), channel) == "unsigned"


@pytest.mark.parametrize("notation", ["base64", "hex", "base64-of-hex"])
@pytest.mark.parametrize("stamp", [STAMP, STAMP_MS])
def test_a_signature_is_checked_as_it_is_set(notation: str, stamp: str) -> None:
    channel = channel_of("feiyu", proof="signature", token=TOKEN, notation=notation, signed="timestamp+token+id")
    feiyu.verify(signed(stamp, TOKEN, LEAD["id"], notation=notation, stamp=stamp), channel)
    assert refusal(signed(LEAD["id"], TOKEN, stamp, notation=notation, stamp=stamp), channel) == "bad_signature"


def test_a_signature_is_of_one_lead_and_of_one_time() -> None:
    channel = channel_of("feiyu", proof="signature", token=TOKEN)
    good = signed(LEAD["id"], TOKEN, STAMP)
    feiyu.verify(good, channel)
    assert refusal(again(good, body=to_body(LEAD | {"id": "2"})), channel) == "bad_signature"
    assert refusal(again(good, body=to_body({"name": "nobody"})), channel) == "malformed_body"
    assert refusal(again(good, headers=good.headers | {"timestamp": str(int(STAMP) + 1)}), channel) == "bad_signature"
    late = str(int(STAMP) - 301)
    assert refusal(signed(LEAD["id"], TOKEN, late, stamp=late), channel) == "stale"
    assert refusal(post(BODY, {"access_token": SECRET}), channel) == "unsigned"


def test_signatures_need_a_token() -> None:
    with pytest.raises(ValidationError, match="token"):
        channel_of("feiyu", proof="signature")


def test_the_address_may_be_the_secret() -> None:
    channel = channel_of("feiyu", proof="url")
    assert feiyu.secret_in_url(channel.settings)
    feiyu.verify(post(BODY, url_secret=SECRET), channel)
    assert refusal(post(BODY, {"access_token": SECRET}), channel) == "unsigned"


def test_the_answer_is_the_one_set_at_feiyu() -> None:
    assert feiyu.reply("1", channel_of("feiyu")).body == b'{"code":0,"message":"success"}'
    other = channel_of("feiyu", reply_code_key="status", reply_message_key="msg", reply_code="200")
    assert json.loads(feiyu.reply("1", other).body) == {"status": "200", "msg": "success"}


def test_a_lead_is_recognised_by_its_id() -> None:
    channel = channel_of("feiyu")
    key = feiyu.dedupe_key(post(BODY), channel)
    assert key == "clue:6844135238911680519"
    assert feiyu.dedupe_key(post(to_body(LEAD | {"id": "2"})), channel) != key
    nameless = [feiyu.dedupe_key(post(to_body({"name": name})), channel) for name in ("a", "b", "a")]
    assert nameless[0] == nameless[2] != nameless[1]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(post(body, {"access_token": SECRET}), channel_of("feiyu")) == "malformed_body"


def test_the_names_of_fields_may_be_the_customers_own() -> None:
    channel = channel_of("feiyu", id_key="clue_id")
    mapped = ChannelConfig("a-channel", "feiyu", (SECRET,), channel.settings, mapping={"phone": "lianxi"})
    (submitted,) = feiyu.translate(post(to_body({"clue_id": 7, "lianxi": "138 0013 8000"})), mapped).submissions
    assert submitted.fields["phone"] == "+8613800138000"
    assert submitted.fields["external_ids"] == {"feiyu": "7"}
