from __future__ import annotations

from typing import Any

from tests.channels.deliveries import SECRET, Sample, channel_of, post, to_body

EVENT: dict[str, Any] = {
    "id": "33cc555f-056f-4242-a97c-46f3e7d2016f",
    "object": "Answer",
    "action": "answer.create",
    "created_at": "2021-01-26 14:00:00",
    "payload": {
        "survey_id": 5356056,
        "survey_hash": "abc1",
        "answer_id": 7,
        "respondent_id": 60000000001,
        "started_at": "2020-02-09 11:55:30",
        "ended_at": "2020-02-09 11:58:39",
        "country": "中国",
        "province": "广东省",
        "city": "深圳市",
        "answer": [
            {
                "id": "p-1",
                "questions": [
                    {"id": "q-1", "type": "text", "title": "姓名", "text": "张三"},
                    {"id": "q-2", "type": "text", "title": "手机", "text": "13800138000"},
                    {
                        "id": "q-3",
                        "type": "checkbox",
                        "title": "兴趣",
                        "options": [{"id": "o-1", "text": "A", "checked": 1}, {"id": "o-2", "text": "B", "checked": 0}],
                    },
                ],
            }
        ],
    },
}
BODY = to_body(EVENT)


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body, url_secret=SECRET), channel_of("tencent-wenjuan"), signed=False)
