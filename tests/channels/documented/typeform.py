from __future__ import annotations

from tests.channels.deliveries import Sample, channel_of, hmac_base64, post, to_body

RESPONSE = {
    "form_id": "lT4Z3j",
    "token": "a3a12ec67a1365927098a606107fac15",
    "submitted_at": "2018-01-18T18:17:02Z",
    "landed_at": "2018-01-18T18:07:02Z",
    "calculated": {"score": 9},
    "variables": [
        {"key": "score", "type": "number", "number": 4},
        {"key": "name", "type": "text", "text": "typeform"},
    ],
    "hidden": {"user_id": "abc123456", "utm_source": "newsletter"},
    "definition": {
        "id": "lT4Z3j",
        "title": "Webhooks example",
        "fields": [
            {
                "id": "DlXFaesGBpoF",
                "title": "What's it like where you live?",
                "type": "long_text",
                "ref": "where_you_live",
            },
            {
                "id": "SMEUb7VJz92Q",
                "title": "Please give us your email address.",
                "type": "email",
                "ref": "readable_email",
            },
            {"id": "JwWggjAKtOkA", "title": "First name", "type": "short_text", "ref": "01GRC8GR2017M6WW347T86VV39"},
            {"id": "PNe8ZKBK8C2Q", "title": "Which pictures do you like?", "type": "picture_choice", "ref": "pictures"},
            {"id": "k6TP9oLGgHjl", "title": "Favorite city?", "type": "multiple_choice", "ref": "favorite_city"},
            {
                "id": "RUqkXSeXBXSd",
                "title": "Newsletter",
                "type": "yes_no",
                "ref": "1e0b8f0a-5f2c-4a4e-9d5e-0a2b3c4d5e6f",
            },
        ],
    },
    "answers": [
        {"type": "text", "text": "It's cold right now!", "field": {"id": "DlXFaesGBpoF", "type": "long_text"}},
        {"type": "email", "email": "laura@example.com", "field": {"id": "SMEUb7VJz92Q", "type": "email"}},
        {"type": "text", "text": "Laura", "field": {"id": "JwWggjAKtOkA", "type": "short_text"}},
        {
            "type": "choices",
            "choices": {"labels": ["London", "Sydney"], "other": "Rome"},
            "field": {"id": "PNe8ZKBK8C2Q", "type": "picture_choice"},
        },
        {"type": "choice", "choice": {"label": "London"}, "field": {"id": "k6TP9oLGgHjl", "type": "multiple_choice"}},
        {"type": "boolean", "boolean": True, "field": {"id": "RUqkXSeXBXSd", "type": "yes_no"}},
    ],
}
BODY = to_body({"event_id": "LtWXD3crgy", "event_type": "form_response", "form_response": RESPONSE})


def sample(body: bytes = BODY) -> Sample:
    return Sample(post(body, {"typeform-signature": "sha256=" + hmac_base64(body)}), channel_of("typeform"))
