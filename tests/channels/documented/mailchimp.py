from __future__ import annotations

from urllib.parse import urlencode

from tests.channels.deliveries import SECRET, Sample, channel_of, post

SUBSCRIBE = {
    "type": "subscribe",
    "fired_at": "2009-03-26 21:35:57",
    "data[id]": "8a25ff1d98",
    "data[list_id]": "a6b5da1054",
    "data[email]": "api@mailchimp.com",
    "data[email_type]": "html",
    "data[merges][EMAIL]": "api@mailchimp.com",
    "data[merges][FNAME]": "Mailchimp",
    "data[merges][LNAME]": "API",
    "data[merges][INTERESTS]": "Group1,Group2",
    "data[ip_opt]": "10.20.10.30",
    "data[ip_signup]": "10.20.10.30",
}
BODY = urlencode(SUBSCRIBE).encode()


def sample(body: bytes = BODY) -> Sample:
    request = post(body, media="application/x-www-form-urlencoded", url_secret=SECRET)
    return Sample(request, channel_of("mailchimp"), signed=False)
