from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post, to_body

LEAD = {
    "id": "6844135238911680519",
    "adv_id": 1658374567890123777,
    "adv_name": "示例广告主",
    "name": "张三",
    "telphone": "13800138000",
    "weixin": "zhangsan88",
    "qq": "",
    "email": "zhangsan@example.com",
    "gender": "男",
    "age": "30",
    "city_name": "济南",
    "province_name": "山东",
    "location": "山东+济南",
    "address": "历下区",
    "create_time": "1767225600",
    "external_url": "https://www.example.com/page?utm_source=douyin&utm_medium=feed",
    "ad_id": 1700000000000000001,
    "ad_name": "春季计划",
    "promotion_name": "",
    "clue_source": "1",
    "clue_type": 0,
    "app_name": "抖音",
    "remark_dict": {"意向车型": "轿车"},
    "clue_convert_status": "合法转化",
}
BODY = to_body(LEAD)


def sample(body: bytes = BODY) -> Sample:
    request = post(body, {"access_token": SECRET})
    return Sample(request, channel_of("feiyu"), signed=False, secret_words=[SECRET])
