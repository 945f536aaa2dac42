from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import AsyncClient, Response
from standardwebhooks.webhooks import Webhook

from service.core.ids import new_id

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Deliver = Callable[..., Awaitable[Response]]


def signed(body: bytes, *, secret: str = SECRET, message: str | None = None, at: float | None = None) -> dict[str, str]:
    """Return the headers a sender makes with the library the standard's authors publish."""
    message = message or f"msg_{new_id().hex}"
    moment = datetime.fromtimestamp(int(at or time.time()), UTC)
    return {
        "content-type": "application/json",
        "webhook-id": message,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, moment, body.decode()),
    }


@pytest.fixture
async def web(client: AsyncClient) -> str:
    """Make the channel "web" of Standard Webhooks."""
    made = await client.post("/v1/channels", json={"key": "web", "vendor": "standard-webhooks", "secret": SECRET})
    assert made.status_code == 201, made.text
    return "web"


@pytest.fixture
async def form(client: AsyncClient) -> str:
    """Make the generic channel "form"."""
    made = await client.post("/v1/channels", json={"key": "form", "vendor": "generic", "secret": "correct-horse"})
    assert made.status_code == 201, made.text
    return "form"


@pytest.fixture
def deliver(client: AsyncClient, web: str) -> Deliver:
    """Deliver somebody's data to "web", signed."""

    async def send(data: Any, **known: Any) -> Response:
        body = json.dumps({"type": "lead.submitted", "data": data}).encode()
        headers = signed(body, **known)
        return await client.post(f"/v1/intake/{web}", content=body, headers=headers)

    return send
