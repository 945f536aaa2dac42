from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post, to_body

ENTRY = {
    "form": "Oet50U",
    "form_name": "测试表单",
    "entry": {
        "token": "HgdvvZx9",
        "serial_number": 1,
        "field_1": "张三",
        "x_field_1": "",
        "mobile": "13800138000",
        "creator_name": "someone",
        "created_at": "2022-08-23T05:34:17.873Z",
        "updated_at": "2022-08-23T05:34:17.873Z",
        "info_remote_ip": "113.200.81.42",
    },
}
BODY = to_body(ENTRY)


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body, url_secret=SECRET), channel_of("jinshuju"), signed=False)
