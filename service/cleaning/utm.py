"""Campaign parameters: the names and values that a link's ``utm_…`` carry, however they came through."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from service.cleaning.texts import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME_LIMIT: Final = 100
_PREFIX: Final = re.compile(r"(?:utm[ _.-]*)+(?=.)")
# What an advertisement's template says where nobody filled it in.
_PLACEHOLDER: Final = re.compile(
    r"\{\{?[^{}]*\}\}?|\[[\w. -]*\]|%%[\w. -]*%%|__[A-Z0-9_]+__|\$\{[^{}]*\}|<[\w. -]*>"
    r"|\((?:not set|none|not provided)\)|undefined|null|nan",
    re.IGNORECASE,
)
# Words of a small set, spelled in any case by whoever writes the link; names of campaigns are the operator's own.
_SMALL: Final = frozenset({"source", "medium"})


def clean_utm(given: Mapping[str, Any]) -> dict[str, tuple[Any, str | None]]:
    """Return {bare name: (what was given, what it means)}: ``utm_source`` and ``Source`` are both ``source``.

    Percent signs are decoded, source and medium are in lower case, and a placeholder that was never filled in (``{{campaign.name}}``)
    means nothing.
    """
    found: dict[str, tuple[Any, str | None]] = {}
    for key, value in given.items():
        bare = _bare(key)
        if not bare:
            continue
        meant = _meaning(value, bare) if isinstance(value, str) else one_line(value)
        if meant is not None or (bare not in found and value not in {None, ""}):
            found[bare] = (value, meant)
    return found


@lru_cache(maxsize=1024)
def _bare(key: str) -> str:
    lower = (one_line(key, _NAME_LIMIT) or "").lower().strip(" _.-")
    return _PREFIX.sub("", lower, count=1).strip(" _.-") if lower.startswith("utm") else lower


# The links of one campaign say the same again and again.
@lru_cache(maxsize=16_384)
def _meaning(value: str, bare: str) -> str | None:
    text = one_line(value)
    while text is not None and "%" in text and (decoded := one_line(unquote(text))) != text:
        text = decoded
    if text is None or _PLACEHOLDER.fullmatch(text):
        return None
    return text.lower() if bare in _SMALL else text
