from __future__ import annotations

from tests.channels.deliveries import SECRET, Sample, channel_of, post

BODY = (
    '{"lead_id":"Cj0KCQjwit_8BRCoARIsAIx3Rj7g-AeL6z35IWb6VYiZUygtTfwD3hDlgSGmY-XTTlK3lfV1wcuIwIAaAmMxEALw_wcB",'
    '"campaign_id":123456,"adgroup_id":0,"creative_id":0,'
    '"gcl_id":"Cj0KCQjwit_8BRCoARIsAIx3Rj7g-AeL6z35IWb6VYiZUygtTfwD3hDlgSGmY-XTTlK3lfV1wcuIwIAaAmMxEALw_wcB",'
    '"user_column_data":[{"column_name":"Full Name","string_value":"FirstName LastName","column_id":"FULL_NAME"},'
    '{"column_name":"User Phone","string_value":"1-650-555-0123","column_id":"PHONE_NUMBER"},'
    '{"column_name":"User Email","string_value":"test@example.com","column_id":"EMAIL"}],'
    f'"api_version":"1.0","form_id":123456789,"google_key":"{SECRET}","is_test":true}}'
).encode()


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body), channel_of("google-ads"), signed=False)
