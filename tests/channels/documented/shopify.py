from __future__ import annotations

from tests.channels.deliveries import Sample, channel_of, hmac_base64, post

BODY = (
    b'{"id":706405506930370084,"email":"bob@example.com","created_at":"2026-02-28T12:00:00Z","first_name":"Bob","last_name":"Norman",'
    b'"phone":null,"tags":"loyal, vip","note":"likes tea","email_marketing_consent":{"state":"subscribed","opt_in_level":"confirmed_opt_in",'
    b'"consent_updated_at":"2026-02-28T12:00:00Z"},"sms_marketing_consent":{"state":"pending"},"default_address":{"company":"Acme",'
    b'"phone":"+16135550127","country_code":"CA","province":"Ontario","city":"Ottawa"}}'
)


def sample(body: bytes = BODY, topic: str = "customers/create", **headers: str) -> Sample:
    sent = {
        "x-shopify-hmac-sha256": hmac_base64(body),
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": "acme.myshopify.com",
        "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        "x-shopify-event-id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
        "x-shopify-triggered-at": "2026-02-28T12:00:00.123Z",
        **headers,
    }
    return Sample(post(body, sent), channel_of("shopify"))
