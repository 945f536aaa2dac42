from __future__ import annotations

from tests.channels.deliveries import Sample, channel_of, hmac_base64, post, to_body

OPTIONS = [
    {"id": "ec321dc4-b50d-4270-8df0-0e38c898762a", "text": "Not started"},
    {"id": "e7bfbbc6-c2e6-4821-8670-72ed1cb31cd5", "text": "In progress"},
]
FIELDS = [
    {"key": "question_mVGEg3_8b57", "label": "utm_campaign", "type": "HIDDEN_FIELDS", "value": "newsletter"},
    {"key": "question_3EKz4n", "label": "Text", "type": "INPUT_TEXT", "value": "Hello"},
    {"key": "question_w4Q4Xn", "label": "Email", "type": "INPUT_EMAIL", "value": "alice@example.com"},
    {"key": "question_3jZaa3", "label": "Where to call?", "type": "INPUT_PHONE_NUMBER", "value": "+32491223344"},
    {
        "key": "question_3qL4Gm",
        "label": "Multiple choice",
        "type": "MULTIPLE_CHOICE",
        "value": ["e7bfbbc6-c2e6-4821-8670-72ed1cb31cd5"],
        "options": OPTIONS,
    },
    {
        "key": "question_wQ1K7w",
        "label": "Checkboxes",
        "type": "CHECKBOXES",
        "value": ["cb33303b-4e9d-4bb3-8b51-f16acbf573fe"],
        "options": [{"id": "cb33303b-4e9d-4bb3-8b51-f16acbf573fe", "text": "Swimming"}, {"id": "x", "text": "Chess"}],
    },
    {
        "key": "question_wQ1K7w_cb33303b-4e9d-4bb3-8b51-f16acbf573fe",
        "label": "Checkboxes (Swimming)",
        "type": "CHECKBOXES",
        "value": True,
    },
    {"key": "question_wQ1K7w_x", "label": "Checkboxes (Chess)", "type": "CHECKBOXES", "value": False},
]
EVENT = {
    "eventId": "a4cb511e-d513-4fa5-baee-b815d718dfd1",
    "eventType": "FORM_RESPONSE",
    "createdAt": "2023-06-28T15:00:21.889Z",
    "data": {
        "responseId": "2wgx4n",
        "submissionId": "2wgx4n",
        "respondentId": "dwQKYm",
        "formId": "VwbNEw",
        "formName": "Webhook payload",
        "createdAt": "2023-06-28T15:00:21.000Z",
        "fields": FIELDS,
    },
}
BODY = to_body(EVENT)


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body, {"tally-signature": hmac_base64(body)}), channel_of("tally"))
