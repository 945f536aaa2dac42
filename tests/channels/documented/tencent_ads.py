from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post, to_body

LEAD = {
    "account_id": 25610,
    "leads_id": 9007199254740993,
    "outer_leads_id": "outer-1",
    "click_id": "wx0abcdef",
    "leads_name": "张三",
    "leads_telephone": "13800138000",
    "tel_location": "广东深圳",
    "leads_area": "广东省",
    "leads_email": "zhangsan@example.com",
    "leads_wechat": "zhangsan88",
    "bundle": '{"职位":"经理","预算":"10万"}',
    "leads_create_time": "2026-01-01 10:00:00",
    "leads_type": "LEADS_TYPE_FORM",
    "campaign_id": 123456,
    "adgroup_name": "",
}
BODY = to_body(LEAD)


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body, url_secret=SECRET), channel_of("tencent-ads"), signed=False)
