from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post

BODY = b'{"email":"ada@example.com","First Name":"Ada","tel":"+44 20 7946 0000","utm_source":"news","shoe size":7}'


def sample(body: bytes = BODY) -> Sample:
    request = post(body, {"x-channel-secret": SECRET})
    return Sample(request, channel_of("generic"), signed=False, secret_words=[SECRET])
