from __future__ import annotations

from tests.channels.deliveries import Sample, channel_of, hmac_hex, post

ACCESS_TOKEN = "AQV-member-token"
BODY = (
    b'{"type":"LEAD_ACTION","leadGenFormResponse":"urn:li:leadGenFormResponse:abc-1","leadGenForm":'
    b'"urn:li:versionedLeadGenForm:(urn:li:leadGenForm:123,1)","owner":{"sponsoredAccount":"urn:li:sponsoredAccount:522529623"},'
    b'"associatedEntity":{"sponsoredCreative":"urn:li:sponsoredCreative:1"},"leadType":"SPONSORED","leadAction":"CREATED",'
    b'"occurredAt":1699999999999}'
)
ANSWER = (
    b'{"owner":{"sponsoredAccount":"urn:li:sponsoredAccount:522529623"},"leadType":"SPONSORED","id":"abc-1","submittedAt":1699999999000,'
    b'"testLead":false,"leadMetadata":{"sponsoredLeadMetadata":{"campaign":"urn:li:sponsoredCampaign:360035215"}},'
    b'"formResponse":{"consentResponses":[{"accepted":true,"consentId":5}],"answers":['
    b'{"questionId":1,"answerDetails":{"textQuestionAnswer":{"answer":"Ada"}}},'
    b'{"questionId":2,"answerDetails":{"textQuestionAnswer":{"answer":"ada@example.com"}}},'
    b'{"questionId":3,"answerDetails":{"multipleChoiceAnswer":{"options":[2]}}},'
    b'{"questionId":4,"answerDetails":{"textQuestionAnswer":{"answer":"in May"}}}]},'
    b'"form":{"id":123,"name":"Spring form","hiddenFields":[{"name":"utm_source","value":"linkedin"}],"content":{"questions":['
    b'{"questionId":1,"name":"First name","predefinedField":"FIRST_NAME"},{"questionId":2,"name":"Your mail","predefinedField":"EMAIL"},'
    b'{"questionId":3,"name":"Plan"}]}}}'
)


def sample(body: bytes = BODY) -> Sample:
    request = post(body, {"x-li-signature": hmac_hex(b"hmacsha256=" + body)})
    channel = channel_of("linkedin", access_token=ACCESS_TOKEN)
    return Sample(request, channel, fetched={"response": ANSWER}, secret_words=[ACCESS_TOKEN])
