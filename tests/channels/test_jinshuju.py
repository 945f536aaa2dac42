from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.channels import jinshuju
from service.channels.contract import ChannelConfig, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, SECRET, channel_of, post, stored, to_body
from tests.channels.documented.jinshuju import BODY, ENTRY, sample


def refusal(request: Request, channel: ChannelConfig) -> str:
    with pytest.raises(Refusal) as caught:
        jinshuju.verify(request, channel)
    return caught.value.code


def edited(**changes: object) -> bytes:
    return to_body(ENTRY | {"entry": ENTRY["entry"] | changes})


def test_the_documented_entry_is_translated_field_by_field() -> None:
    one = sample()
    channel = replace(one.channel, mapping={"full_name": "entry.field_1"})
    (submitted,) = jinshuju.translate(stored(one.request, channel), channel).submissions
    assert not submitted.revises
    assert submitted.fields == {
        "full_name": "张三",
        "phone": "+8613800138000",
        "external_ids": {"jinshuju": "Oet50U/HgdvvZx9"},
        "occurred_at": datetime(2022, 8, 23, 5, 34, 17, 873000, tzinfo=UTC),
        "channel": "a-channel",
        "attributes": {
            "form": "Oet50U",
            "form_name": "测试表单",
            "serial_number": 1,
            "field_1": "张三",
            "creator_name": "someone",
            "info_remote_ip": "113.200.81.42",
        },
    }


def test_an_edited_entry_is_news_and_revises_the_first() -> None:
    channel = channel_of("jinshuju")
    later = post(edited(mobile="13900139000", updated_at="2022-08-24T05:00:00Z"))
    assert jinshuju.dedupe_key(later, channel) != jinshuju.dedupe_key(post(BODY), channel)
    (submitted,) = jinshuju.translate(later, channel).submissions
    assert submitted.revises
    assert submitted.fields["external_ids"] == {"jinshuju": "Oet50U/HgdvvZx9"}
    assert submitted.fields["phone"] == "+8613900139000"
    assert submitted.fields["occurred_at"] == datetime(2022, 8, 24, 5, tzinfo=UTC)


def test_the_same_entry_again_is_a_duplicate_and_the_next_is_not() -> None:
    channel = channel_of("jinshuju")
    key = jinshuju.dedupe_key(post(BODY), channel)
    assert jinshuju.dedupe_key(post(to_body(dict(reversed(ENTRY.items())))), channel) == key
    assert jinshuju.dedupe_key(post(edited(token="other")), channel) != key


def test_the_address_must_have_the_secret() -> None:
    channel = channel_of("jinshuju")
    assert jinshuju.secret_in_url(channel.settings)
    assert refusal(post(BODY), channel) == "unsigned"
    assert refusal(post(BODY, url_secret=OTHER_SECRET), channel) == "wrong_secret"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"entry":[]}', b'{"entry":"x"}'])
def test_what_has_no_entry_is_refused(body: bytes) -> None:
    assert refusal(post(body, url_secret=SECRET), channel_of("jinshuju")) == "malformed_body"
