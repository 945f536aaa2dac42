"""The signatures and the encryption that WeCom and WeChat share. Source: developer.work.weixin.qq.com/document/path/90968.

A signature is sha1 over the token and what is signed, sorted and joined. What is encrypted is 16 random bytes, the length of the message (4
bytes, big-endian), the message and the receiver's id, padded (PKCS #7) to blocks of 32 bytes, in AES-256-CBC; the key is EncodingAESKey
with "=" in base64, the vector its first 16 bytes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from pydantic import Field

from service.channels.contract import Refusal
from service.channels.signatures import any_equal, check_fresh

_Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{43}$")]
EncodingAesKey = Annotated[
    _Key,
    Field(
        description="EncodingAESKey: the 43 characters that encrypt messages.", json_schema_extra={"writeOnly": True}
    ),
]
OptionalEncodingAesKey = Annotated[
    _Key | None,
    Field(
        description="EncodingAESKey; without one the channel is in plain mode.", json_schema_extra={"writeOnly": True}
    ),
]
PreviousEncodingAesKey = Annotated[
    _Key | None,
    Field(
        description="The EncodingAESKey before, while it is being replaced, and for replays.",
        json_schema_extra={"writeOnly": True},
    ),
]

_TOKEN: Final = re.compile(r"[A-Za-z0-9]{8,32}")
_BLOCK: Final = 32
_CIPHER_BLOCK: Final = 16
_HEAD: Final = 20
_UNREADABLE: Final = "What is encrypted cannot be read with this channel's EncodingAESKey, or is for another receiver."


def new_token() -> str:
    """Return a token of the longest length that their forms take."""
    return secrets.token_hex(16)


def token_fault(token: str) -> str | None:
    """Return why this cannot be a token, or None; their forms take shorter ones, which could be guessed."""
    return None if _TOKEN.fullmatch(token) else "Must be 8 to 32 letters and digits, as the Token in the vendor's form."


def signature(*parts: str) -> str:
    """Return the signature over the token and what is signed with it."""
    joined = b"".join(sorted(part.encode("utf-8", "surrogatepass") for part in parts))
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def check_signature(
    query: Mapping[str, str], tokens: Iterable[str], *, name: str, signed: Iterable[str] = (), now: datetime
) -> None:
    """Raise `Refusal` unless the parameter ``name`` signs timestamp, nonce and ``signed`` with one of the tokens, and is fresh."""
    given, stamp, nonce = query.get(name), query.get("timestamp"), query.get("nonce")
    if not given or not stamp or not nonce:
        raise Refusal("unsigned", f"The query must have {name}, timestamp and nonce.")
    check_fresh(stamp, now)
    if not any_equal(given, [signature(token, stamp, nonce, *signed) for token in tokens if token]):
        raise Refusal("bad_signature", "The signature is not by this channel's token.")


@lru_cache(maxsize=1024)
def _decrypter(encoding_aes_key: str) -> tuple[bytes, CipherContext]:
    """Return the vector and the decryptor of a key; the last of its 43 characters may have bits that count for nothing."""
    key = base64.b64decode(encoding_aes_key + "=")
    vector = key[:_CIPHER_BLOCK]
    return vector, Cipher(AES(key), CBC(vector)).decryptor()


def decrypt(encrypted: str, keys: Iterable[str], receivers: Iterable[str]) -> bytes:
    """Return the message in what one of the keys encrypted for one of the receivers; raise `Refusal` when there is none."""
    try:
        sealed = binascii.a2b_base64(encrypted, strict_mode=True)
    except (binascii.Error, ValueError):
        raise Refusal("malformed_body", "What is encrypted is not base64.") from None
    wanted = [receiver for receiver in receivers if receiver]
    for key in keys:
        message, receiver = _opened(sealed, *_decrypter(key))
        for one in wanted:
            if hmac.compare_digest(receiver, one.encode()):
                return message
    raise Refusal("bad_signature", _UNREADABLE)


def _opened(sealed: bytes, vector: bytes, decryptor: CipherContext) -> tuple[bytes, bytes]:
    """Return the message and whom it is for; both are empty when the key is another one."""
    if not sealed or len(sealed) % _CIPHER_BLOCK:
        return b"", b""
    # A block is decrypted with the encrypted one before it: after the vector a decryptor is as good as new, whatever it has read before.
    plain = decryptor.update(vector + sealed)[_CIPHER_BLOCK:]
    padding = plain[-1]
    end = len(plain) - padding
    length = int.from_bytes(plain[_HEAD - 4 : _HEAD], "big")
    if not 1 <= padding <= _BLOCK or plain[end:] != bytes([padding]) * padding or _HEAD + length > end:
        return b"", b""
    return plain[_HEAD : _HEAD + length], plain[_HEAD + length : end]


def encrypting_shell(message: str, receiver: str) -> str:
    """Return shell commands that set ``ts``, ``nonce``, ``encrypted`` and ``signature``, from ``$SECRET`` and ``$ENCODING_AES_KEY``.

    ``message`` is ASCII without single quotes.
    """
    size, padding = len(message), _BLOCK - (_HEAD + len(message) + len(receiver)) % _BLOCK
    length = "".join(f"\\{octet:03o}" for octet in size.to_bytes(4, "big"))
    filling = f"\\{padding:03o}" * padding
    return (
        'key=$(printf %s "$ENCODING_AES_KEY=" | openssl base64 -d -A | od -An -vtx1 | tr -d " \\n"); '
        f"encrypted=$({{ openssl rand 16; printf '{length}'; printf %s '{message}{receiver}'; "
        f"printf '{filling}'; }} "
        '| openssl enc -aes-256-cbc -nopad -K "$key" -iv "$(printf %s "$key" | cut -c1-32)" | openssl base64 -A); '
        "ts=$(date +%s); nonce=$(openssl rand -hex 8); "
        'signature=$(printf "%s\\n" "$SECRET" "$ts" "$nonce" "$encrypted" | LC_ALL=C sort | tr -d "\\n" '
        '| openssl dgst -sha1 -r | cut -d" " -f1); '
    )
