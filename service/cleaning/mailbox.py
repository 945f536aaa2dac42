"""The mailbox behind an address: what providers ignore is taken out, so that two spellings of one mailbox are found to be one.

This is a key to compare by, never an address to write to, and no identity: an address with a tag stays the address that was given.
"""

from __future__ import annotations

from typing import Final

# One mailbox under several domains.
_SAME: Final = {
    "googlemail.com": "gmail.com",
    "protonmail.com": "proton.me",
    "pm.me": "proton.me",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "ya.ru": "yandex.ru",
    "yandex.com": "yandex.ru",
}
_IGNORES_DOTS: Final = frozenset({"gmail.com"})
_IGNORES_HYPHENED: Final = frozenset(
    {"yahoo.com", "ymail.com", "rocketmail.com", "yahoo.de", "yahoo.co.uk", "yahoo.fr"}
)


def mailbox_key(email: str) -> str:
    """Return the key of the mailbox that a normalised address leads to: without tags, and without dots where they do not count."""
    local, _, domain = email.rpartition("@")
    domain = _SAME.get(domain, domain)
    bare = local.partition("+")[0]
    if domain in _IGNORES_HYPHENED:
        bare = bare.partition("-")[0]
    if domain in _IGNORES_DOTS:
        bare = bare.replace(".", "")
    return f"{bare or local}@{domain}"
