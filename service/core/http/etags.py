"""Entity tags: a thing's version as a strong ETag, and the preconditions made of it (RFC 9110, section 13)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header

from service.core.errors import Invalid, ServiceError

_TAG: Final = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
# One element of a list: perhaps a tag, up to its comma or the end.
_ELEMENT: Final = re.compile(rf"[ \t]*(?:{_TAG.pattern})?[ \t]*(?:,|$)")


class PreconditionFailed(ServiceError):
    """The thing is not in the version that ``If-Match`` names."""

    code = "precondition_failed"


def strong(version: int) -> str:
    """Return the strong ETag of a version: ``"7"``, quotes included."""
    return f'"{version}"'


@dataclass(frozen=True, slots=True)
class Precondition:
    """What ``If-Match`` asks for: one of some versions, any version at all (``*``), or nothing (no header)."""

    tags: frozenset[str] | None = None
    must_exist: bool = False

    def allows(self, version: int) -> bool:
        """Tell whether the precondition holds for a thing that exists in this version. A weak tag never holds."""
        return self.tags is None or strong(version) in self.tags

    def check(self, version: int) -> None:
        """Raise `PreconditionFailed` unless the precondition holds."""
        if not self.allows(version):
            raise PreconditionFailed(f"this is version {version} by now, and If-Match names another", version=version)

    def check_missing(self) -> None:
        """Raise `PreconditionFailed` if the precondition is about a thing that, as it turned out, does not exist."""
        if self.must_exist:
            raise PreconditionFailed("there is no such thing yet, and If-Match asks for one")


def if_match(header: str | None) -> Precondition:
    """Return the precondition an ``If-Match`` header states, or raise `Invalid` when it is not a list of entity tags."""
    if header is None or header.strip() == "*":
        return Precondition(must_exist=header is not None)
    tags = _listed(header)
    if not tags:
        raise Invalid("header:If-Match", 'If-Match must be * or a list of ETags, each in double quotes, like "7"')
    return Precondition(frozenset(tag for weak, tag in tags if not weak), must_exist=True)


def _listed(header: str) -> list[tuple[str | None, str]]:
    """Return each tag of a list and its weakness mark; none at all when the list is malformed."""
    tags, position = [], 0
    while position < len(header):
        element = _ELEMENT.match(header, position)
        if element is None:
            return []
        position = element.end()
        if element[2]:
            tags.append((element[1], element[2]))
    return tags


def none_match_fails(header: str | None, etag: str) -> bool:
    """Tell whether ``If-None-Match`` names this ETag (weak and strong forms alike), so that 304 is the answer."""
    if header is None:
        return False
    return header.strip() == "*" or etag.removeprefix("W/") in {tag for _, tag in _TAG.findall(header)}


async def _if_match(
    header: Annotated[
        str | None,
        Header(alias="If-Match", description="Go on only if the thing still has one of these ETags", max_length=1000),
    ] = None,
) -> Precondition:
    return if_match(header)


IfMatch = Annotated[Precondition, Depends(_if_match)]
