"""The requests that the load generator sends: believable people, each of them new."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FIRST = ["Ada", "Grace", "Linus", "Mary", "Wei", "Fatima", "José", "Anna", "Chen", "Olu"]
LAST = ["Lovelace", "Hopper", "Meyer", "Zhang", "Silva", "Kowalska", "Okafor", "Tanaka", "Smith", "Rossi"]
CHANNELS = ["organic_search", "paid_search", "social", "email", "referral", "trade_fair"]
SECRET = base64.b64encode(b"a benchmark needs no real secret").decode()


def people(count: int, label: str) -> Iterator[dict[str, Any]]:
    """Yield the bodies of new leads; no two calls with different labels share a person."""
    chance = random.Random(label)
    for number in range(count):
        first, last = chance.choice(FIRST), chance.choice(LAST)
        yield {
            "email": f"{label}.{number}@example{chance.randrange(5000)}.com",
            "first_name": first,
            "last_name": last,
            "job_title": "Head of Purchasing",
            "company": {"name": f"{last} {chance.randrange(900)} GmbH", "country": "DE"},
            "channel": chance.choice(CHANNELS),
            "campaign": f"campaign {chance.randrange(12)}",
            "utm": {"source": "newsletter", "medium": "email"},
        }


def get(path: str, key: str = "") -> bytes:
    """Return a raw HTTP request without a body."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *([f"Authorization: Bearer {key}"] if key else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return a raw HTTP request."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def plain(path: str, bodies: Iterable[dict[str, Any]], key: str = "") -> Iterator[bytes]:
    """Yield JSON posts."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for body in bodies:
        yield post(path, json.dumps(body).encode(), headers)


def signed(path: str, bodies: Iterable[dict[str, Any]], label: str) -> Iterator[bytes]:
    """Yield deliveries signed as Standard Webhooks wants it; they go stale after five minutes."""
    secret, timestamp = base64.b64decode(SECRET), str(int(time.time()))
    for number, person in enumerate(bodies):
        body, message_id = json.dumps(person).encode(), f"msg_{label}_{number}"
        digest = hmac.digest(secret, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
        signature = f"v1,{base64.b64encode(digest).decode()}"
        yield post(
            path,
            body,
            {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signature},
        )


def write(path: Path, requests: Iterable[bytes]) -> Path:
    """Write requests the way replay.lua reads them."""
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%d\n" % len(request))
            file.write(request)
    return path
