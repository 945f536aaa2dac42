from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.channels import tencent_wenjuan
from service.channels.contract import ChannelConfig, Refusal, Request
from tests.channels.deliveries import OTHER_SECRET, SECRET, channel_of, post, stored, to_body
from tests.channels.documented.tencent_wenjuan import BODY, EVENT, sample

CHANNEL = channel_of("tencent-wenjuan")


def refusal(request: Request, channel: ChannelConfig = CHANNEL) -> str:
    with pytest.raises(Refusal) as caught:
        tencent_wenjuan.verify(request, channel)
    return caught.value.code


def event(action: str, **payload: object) -> Request:
    return post(to_body(EVENT | {"action": action, "payload": EVENT["payload"] | payload}))


def test_the_documented_answer_is_translated_field_by_field() -> None:
    one = sample()
    (submitted,) = tencent_wenjuan.translate(stored(one.request, one.channel), one.channel).submissions
    assert not submitted.revises
    fields = dict(submitted.fields)
    attributes = fields.pop("attributes")
    assert fields == {
        "full_name": "张三",
        "phone": "+8613800138000",
        "country": "CN",
        "region": "广东省",
        "external_ids": {"tencent-wenjuan": "5356056/7"},
        # The answer's own time, in Beijing.
        "occurred_at": datetime(2020, 2, 9, 3, 58, 39, tzinfo=UTC),
        "channel": "a-channel",
    }
    assert attributes["兴趣"] == ["A"]
    assert attributes["respondent_id"] == 60000000001


def test_a_changed_answer_revises_the_first() -> None:
    (submitted,) = tencent_wenjuan.translate(event("answer.update"), CHANNEL).submissions
    assert submitted.revises
    assert submitted.fields["external_ids"] == {"tencent-wenjuan": "5356056/7"}
    assert submitted.fields["occurred_at"] == datetime(2021, 1, 26, 6, tzinfo=UTC)


def test_a_deleted_answer_is_an_activity_and_no_erasure() -> None:
    meaning = tencent_wenjuan.translate(event("answer.delete"), CHANNEL)
    (activity,) = meaning.activities
    assert (activity.kind, activity.person) == ("answer.delete", {"external_ids": {"tencent-wenjuan": "5356056/7"}})
    assert not meaning.erasures


@pytest.mark.parametrize("request_", [event("survey.update"), event("answer.create", answer_id=None), post(b"{}")])
def test_other_events_and_the_test_push_are_ignored(request_: Request) -> None:
    assert tencent_wenjuan.translate(request_, CHANNEL).ignored


@pytest.mark.parametrize(
    "answers",
    [
        [{"id": "q-1", "title": "手机", "value": "13800138000"}],
        {"title": "手机", "answer": "13800138000"},
        [{"questions": {"title": "手机", "options": [{"text": "13800138000"}]}}],
    ],
)
def test_answers_are_read_in_other_shapes_too(answers: object) -> None:
    (submitted,) = tencent_wenjuan.translate(event("answer.create", answer=answers), CHANNEL).submissions
    assert submitted.fields["phone"] == "+8613800138000"


def test_an_event_is_recognised_by_its_id() -> None:
    assert tencent_wenjuan.dedupe_key(post(BODY), CHANNEL) == f"event:{EVENT['id']}"
    other = to_body(EVENT | {"id": "44cc555f-056f-4242-a97c-46f3e7d2016f"})
    assert tencent_wenjuan.dedupe_key(post(other), CHANNEL) != tencent_wenjuan.dedupe_key(post(BODY), CHANNEL)


def test_the_address_must_have_the_secret() -> None:
    assert refusal(post(BODY)) == "unsigned"
    assert refusal(post(BODY, url_secret=OTHER_SECRET)) == "wrong_secret"
    assert refusal(post(b"[]", url_secret=SECRET)) == "malformed_body"
