from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post, to_body

LEAD = {
    "ucid": 26854321,
    "ucName": "示例账户",
    "pageId": 9012345678901234567,
    "clueId": "5f1e6b0a9d",
    "solutionTypeName": "表单",
    "cluePhoneNumber": "13800138000,010-88886666",
    "flowChannelName": "搜索推广",
    "formDetail": [
        {"type": "name", "name": "您的称呼", "value": "张三"},
        {"type": "email", "name": "邮箱", "value": "zhangsan@example.com"},
        {"type": "radio", "name": "预算", "value": "10万"},
    ],
    "commitTime": "2026-01-01 10:00:00",
    "ip": "203.0.113.7",
    "url": "https://www.example.com/page?utm_source=baidu&bd_vid=8",
    "area": "山东 济南",
    "areaProvince": "山东",
    "keyword": "英语培训",
    "planId": 612345678,
    "token": SECRET,
}
BODY = to_body(LEAD)


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body), channel_of("baidu"), signed=False, secret_words=[SECRET])
