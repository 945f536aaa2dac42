"""What the schemes of verification share: constant time, and never an empty secret."""

from __future__ import annotations

import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

from service.channels.contract import Refusal, Request, Stored

TOLERANCE_SECONDS: Final = 300
_REDACTED: Final = "[redacted]"
_CREDENTIALS: Final = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "access_token", "access-token"}
)
_MAX_DIGITS: Final = 13
_MAX_SIGNATURES: Final = 20
_MAX_SECRET: Final = 200
_VISIBLE: Final = re.compile(r"[!-~]+")
_PLACE: Final = re.compile(r"\{(ts|body|method|uri)\}")


@dataclass(frozen=True, slots=True)
class Scheme:
    """One vendor's way to sign a request with HMAC, keyed with the secret's UTF-8.

    ``template`` says what is signed, of ``{ts} {body} {method} {uri}`` and literal text; ``header`` carries ``prefix`` and the signature, or
    with ``labels`` pairs such as ``t=…,v1=…``: the label of the timestamp, then that of the signatures. Otherwise a timestamp is in
    ``stamp_header``; it counts ``per_second`` units in a second.
    """

    header: str
    template: str = "{body}"
    prefix: str = ""
    algorithm: Literal["sha256", "sha1"] = "sha256"
    notation: Literal["hex", "base64"] = "hex"
    labels: tuple[str, str] | None = None
    stamp_header: str | None = None
    per_second: int = 1


def check_hmac(scheme: Scheme, request: Request, secrets: Iterable[str]) -> None:
    """Raise `Refusal` unless the request is signed by one of the secrets and, where the scheme has a time, fresh."""
    header = request.headers.get(scheme.header)
    if not header:
        raise Refusal("unsigned", f"The header {scheme.header!r} is missing.")
    stamp, given = _parts(scheme, header, request)
    if stamp is not None:
        check_fresh(stamp, request.received_at, per_second=scheme.per_second)
    signed = signed_bytes(scheme, request, stamp or "")
    if not is_signed(scheme, signed, given, secrets):
        raise Refusal("bad_signature", "No signature of the request is by this channel's secret.")


def signed_bytes(scheme: Scheme, request: Request, stamp: str) -> bytes:
    """Return what the vendor signed: the template with the request in it."""
    if scheme.template == "{body}":
        return request.body
    values = {"ts": stamp, "method": request.method, "uri": request.public_url if "{uri}" in scheme.template else ""}
    pieces = (
        text.encode() if not is_place else request.body if text == "body" else values[text].encode("latin-1", "replace")
        for text, is_place in _pieces(scheme.template)
    )
    return b"".join(pieces)


def is_signed(scheme: Scheme, signed: bytes, given: Iterable[str], secrets: Iterable[str]) -> bool:
    """Return whether one of the given signatures is by one of the secrets; an empty secret signs nothing."""
    candidates = [one.encode("utf-8", "surrogatepass") for one in given][:_MAX_SIGNATURES]
    found = False
    for secret in secrets:
        if not secret:
            continue
        expected = signature(scheme, signed, secret)
        for one in candidates:
            found |= hmac.compare_digest(one, expected)
    return found


def signature(scheme: Scheme, signed: bytes, secret: str) -> bytes:
    """Return the signature of ``signed`` in the scheme's notation, with its prefix."""
    digest = hmac.digest(secret.encode(), signed, scheme.algorithm)
    text = binascii.hexlify(digest) if scheme.notation == "hex" else binascii.b2a_base64(digest, newline=False)
    return scheme.prefix.encode() + text


def labelled(header: str) -> dict[str, list[str]]:
    """Return ``t=1,v1=a,v1=b`` as {"t": ["1"], "v1": ["a", "b"]}."""
    found: dict[str, list[str]] = {}
    for pair in header.split(",")[:_MAX_SIGNATURES]:
        name, _, value = pair.strip().partition("=")
        found.setdefault(name, []).append(value)
    return found


def signed_curl(scheme: Scheme, address: str, body: str, *, headers: Iterable[str] = ()) -> str:
    """Return a shell line that signs ``body`` (without single quotes) as the vendor does and sends it, with openssl and curl."""
    stamped = scheme.labels is not None or scheme.stamp_header is not None
    ms = "000" if scheme.per_second == 1000 else ""
    places = {"ts": "${ts}", "body": "${body}", "method": "POST", "uri": address}
    signed = _PLACE.sub(lambda place: places[place[1]], scheme.template)
    encode = "od -An -vtx1 | tr -d ' \\n'" if scheme.notation == "hex" else "openssl base64 -A"
    proof = f"{scheme.header}: {scheme.prefix}$signature"
    if scheme.labels is not None:
        proof = f"{scheme.header}: {scheme.labels[0]}=$ts,{scheme.labels[1]}=$signature"
    lines = [*headers, proof, *([f"{scheme.stamp_header}: $ts"] if scheme.stamp_header else [])]
    if not any(line.startswith("content-type:") for line in lines):
        lines.insert(0, "content-type: application/json")
    sent = " ".join(f'-H "{line}"' for line in lines)
    return (
        f"body='{body}'; {f'ts=$(date +%s){ms}; ' if stamped else ''}"
        f'signature=$(printf %s "{signed}" | openssl dgst -{scheme.algorithm} -hmac "$SECRET" -binary | {encode}); '
        f"curl -sS '{address}' {sent} --data-binary \"$body\""
    )


def _parts(scheme: Scheme, header: str, request: Request) -> tuple[str | None, list[str]]:
    """Return the timestamp, or None where the scheme has none, and the signatures."""
    if scheme.labels is not None:
        pairs = labelled(header)
        stamps = pairs.get(scheme.labels[0], [])
        if len(stamps) != 1:
            raise Refusal("bad_signature", f"The header {scheme.header!r} must have one {scheme.labels[0]}=…")
        return stamps[0], pairs.get(scheme.labels[1], [])
    if scheme.stamp_header is None:
        return None, [header]
    stamp = request.headers.get(scheme.stamp_header)
    if not stamp:
        raise Refusal("unsigned", f"The header {scheme.stamp_header!r} is missing.")
    return stamp, [header]


@lru_cache(maxsize=64)
def _pieces(template: str) -> tuple[tuple[str, bool], ...]:
    """Return the template's literal texts and the names of its places, in order, each with whether it is a place."""
    return tuple((text, index % 2 == 1) for index, text in enumerate(_PLACE.split(template)) if text)


def text_secret_fault(secret: str, *, at_least: int = 8) -> str | None:
    """Return why this cannot be a shared secret or an HMAC key, or None."""
    if not (at_least <= len(secret) <= _MAX_SECRET and _VISIBLE.fullmatch(secret)):
        return f"Must be {at_least} to {_MAX_SECRET} visible ASCII characters."
    return None


def any_equal(given: str, secrets: Iterable[str]) -> bool:
    """Return whether the text is one of the secrets, without telling by its time how close it came."""
    found = False
    candidate = given.encode("utf-8", "surrogatepass")
    for secret in secrets:
        found |= bool(secret) and hmac.compare_digest(candidate, secret.encode())
    return found


def check_fresh(stamp: str, now: datetime, *, per_second: int = 1) -> None:
    """Refuse a timestamp (unix time as text, ``per_second`` units in a second) that is no number or more than five minutes away from now."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _MAX_DIGITS):
        raise Refusal("bad_signature", "The timestamp is not a whole number.")
    if abs(now.timestamp() - int(stamp) / per_second) > TOLERANCE_SECONDS:
        raise Refusal("stale", f"The timestamp is more than {TOLERANCE_SECONDS} seconds away from now.")


def without_credentials(request: Request, *secret_headers: str) -> Stored:
    """Return the delivery with the values of headers that carry credentials replaced."""
    headers: Mapping[str, str] = request.headers
    secret = _CREDENTIALS.union(secret_headers) if secret_headers else _CREDENTIALS
    if not secret.isdisjoint(headers):
        headers = {name: _REDACTED if name in secret else value for name, value in headers.items()}
    return Stored(headers, request.query, request.body)
