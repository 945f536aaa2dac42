from __future__ import annotations

from tests.channels.deliveries import Sample, channel_of, hmac_hex, post

VERIFY_TOKEN = "a verify token of ours"
ACCESS_TOKEN = "EAAB-page-token"
BODY = (
    rb'{"object":"page","entry":[{"id":153125381133,"time":1438292065,"changes":['
    rb'{"field":"leadgen","value":{"leadgen_id":123123123123,"page_id":123123123,"form_id":12312312312,"adgroup_id":12312312312,'
    rb'"ad_id":12312312312,"created_time":1440120384,"note":"M\u00fcnchen"}},'
    rb'{"field":"leadgen","value":{"leadgen_id":9223372036854775807123,"page_id":123123123,"form_id":12312312312,"adgroup_id":0,"ad_id":0,'
    rb'"created_time":1440120384}}]}]}'
)
ANSWER = (
    b'{"created_time":"2015-02-28T08:49:14+0000","id":"123123123123","ad_id":"777","form_id":"12312312312","campaign_id":"42",'
    b'"campaign_name":"Spring","platform":"ig","is_organic":false,"field_data":[{"name":"car_make","values":["Honda","Kia"]},'
    b'{"name":"full_name","values":["Joe Example"]},{"name":"email","values":["joe@example.com"]}],'
    b'"custom_disclaimer_responses":[{"checkbox_key":"newsletter","is_checked":"1"},{"checkbox_key":"calls","is_checked":""}]}'
)
TEST_ANSWER = (
    b'{"created_time":"2015-02-28T08:49:14+0000","id":"2","field_data":[{"name":"email","values":["test@meta.com"]},'
    b'{"name":"full_name","values":["<test lead: dummy data for full_name>"]}]}'
)


def sample(body: bytes = BODY) -> Sample:
    request = post(body, {"x-hub-signature-256": f"sha256={hmac_hex(body)}"})
    channel = channel_of("meta", verify_token=VERIFY_TOKEN, access_token=ACCESS_TOKEN)
    fetched = {"123123123123": ANSWER, "9223372036854775807123": TEST_ANSWER}
    return Sample(request, channel, fetched=fetched, secret_words=[VERIFY_TOKEN, ACCESS_TOKEN])
