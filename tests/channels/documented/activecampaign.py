from __future__ import annotations

from urllib.parse import urlencode

from tests.channels.deliveries import SECRET, Sample, channel_of, post

SUBSCRIBE = {
    "type": "subscribe",
    "date_time": "2026-02-20T08:30:00-06:00",
    "initiated_from": "public",
    "initiated_by": "contact",
    "list": "3",
    "contact[id]": "9007199254740993",
    "contact[email]": "ada@example.com",
    "contact[first_name]": "Ada",
    "contact[last_name]": "Lovelace",
    "contact[phone]": "+442079460000",
    "contact[tags]": "vip, fair",
    "contact[fields][7]": "blue",
}
BODY = urlencode(SUBSCRIBE).encode()


def sample(body: bytes = BODY) -> Sample:
    request = post(body, media="application/x-www-form-urlencoded", url_secret=SECRET)
    return Sample(request, channel_of("activecampaign"), signed=False)
