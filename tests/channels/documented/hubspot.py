from __future__ import annotations

from tests.channels.deliveries import STAMP_MS, Sample, channel_of, hmac_base64, post

ACCESS_TOKEN = "pat-eu1-a-token"
URI = b"https://leads.example.com/v1/intake/a-channel"
BODY = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation",'
    b'"attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]'
)
ANSWER = (
    b'{"id":"123","properties":{"email":"ada@example.com","firstname":"Ada","lastname":"Lovelace","company":"Acme","phone":null,'
    b'"jobtitle":"CTO","numemployees":"50","hs_object_id":"123","createdate":"2019-07-26T04:00:00Z"},'
    b'"createdAt":"2019-07-26T04:00:00Z","archived":false}'
)


def sample(body: bytes = BODY) -> Sample:
    signature = hmac_base64(b"POST" + URI + body + STAMP_MS.encode())
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": STAMP_MS}
    channel = channel_of("hubspot", access_token=ACCESS_TOKEN)
    return Sample(post(body, headers), channel, fetched={"123": ANSWER}, secret_words=[ACCESS_TOKEN])
