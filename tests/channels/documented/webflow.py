from __future__ import annotations

from tests.channels.deliveries import STAMP_MS, Sample, channel_of, hmac_hex, post

BODY = (
    b'{"triggerType":"form_submission","payload":{"name":"Contact Us","siteId":"65427cf400e02b306eaa049c","data":{"First Name":"Zaphod",'
    b'"Last Name":"Beeblebrox","email":"zaphod@heartofgold.ai","Phone Number":15550000000,"Heads":"two"},"schema":[{"fieldName":"First Name",'
    b'"fieldType":"FormTextInput","fieldElementId":"285042f7-d554-dc7f-102c-aa10d6a2d2c4"}],"submittedAt":"2022-09-14T12:35:16.117Z",'
    b'"id":"6321ca84df3949bfc6752327","formId":"65429eadebe8a9f3a30f62d0","formElementId":"4e038d2c-6a1e-4953-7be9-a59a2b453177"}}'
)


def sample(body: bytes = BODY) -> Sample:
    headers = {"x-webflow-timestamp": STAMP_MS, "x-webflow-signature": hmac_hex(STAMP_MS.encode() + b":" + body)}
    return Sample(post(body, headers), channel_of("webflow"))
