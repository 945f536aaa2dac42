"""Which mailbox an e-mail address leads to: a key to compare addresses by, never an address to write to.

Two addresses of one key very probably reach one person. The address itself stays what it is: it is what the person gave, and providers
change their rules.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class _Provider(NamedTuple):
    """How a provider reads what stands before the @ sign; ``domain`` is the one that stands for all of its domains."""

    domain: str
    # Characters that change nothing, and those that begin a tag.
    ignored: str = ""
    tags: str = "+"


_GOOGLE: Final = _Provider("gmail.com", ignored=".")
_PROTON: Final = _Provider("proton.me", ignored="._-")
_YANDEX: Final = _Provider("yandex.ru")
_ICLOUD: Final = _Provider("icloud.com")
_FASTMAIL: Final = "fastmail.com fastmail.fm fastmail.net fastmail.org fastmail.de fastmail.co.uk sent.com"
_YAHOO: Final = """
yahoo.com ymail.com rocketmail.com yahoo.co.uk yahoo.de yahoo.fr yahoo.it yahoo.es yahoo.ca yahoo.in yahoo.co.in yahoo.com.br
yahoo.com.ar yahoo.com.mx yahoo.com.au yahoo.com.sg yahoo.com.hk yahoo.com.tw yahoo.co.id yahoo.com.ph yahoo.com.vn
"""
_PROVIDERS: Final[dict[str, _Provider]] = {
    **dict.fromkeys(("gmail.com", "googlemail.com"), _GOOGLE),
    **dict.fromkeys(("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), _PROTON),
    **dict.fromkeys(("yandex.ru", "ya.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua"), _YANDEX),
    **dict.fromkeys(("icloud.com", "me.com", "mac.com"), _ICLOUD),
    # A tag is what follows a hyphen there, and the plus sign is not allowed.
    **{domain: _Provider(domain, tags="-+") for domain in _YAHOO.split()},
    **{domain: _Provider(domain) for domain in _FASTMAIL.split()},
}


def mailbox_key(email: str) -> str:
    """Return the key of the mailbox behind a normalised e-mail address: ``a.schmidt+fair@googlemail.com`` is ``aschmidt@gmail.com``.

    What follows a plus sign is taken for a tag everywhere: nearly every server that allows it reads it so. A key's key is the key.
    """
    local, _, domain = email.rpartition("@")
    provider = _PROVIDERS.get(domain)
    if provider is None:
        return f"{_untagged(local, '+')}@{domain}"
    local = _untagged(local, provider.tags)
    for character in provider.ignored:
        local = local.replace(character, "") or local
    # Yandex takes a dot for a hyphen.
    return f"{local.replace('.', '-') if provider is _YANDEX else local}@{provider.domain}"


def untagged_local(email: str) -> str:
    """Return what stands before the @ sign of a normalised address, without a tag after a plus sign."""
    return _untagged(email.rpartition("@")[0], "+")


def _untagged(local: str, tags: str) -> str:
    for tag in tags:
        # What begins with the sign is no tag of anything.
        local = local.partition(tag)[0] or local
    return local
