"""Identities: what a lead is known by, in the form the database keeps unique."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Identity(NamedTuple):
    """One identity: ``kind`` is ``email``, ``phone`` or ``external:<system>``. Sorts the same everywhere, which keeps locks in order."""

    kind: str
    value: str

    @property
    def system(self) -> str | None:
        """The system that an external id is of."""
        return self.kind.removeprefix("external:") if self.kind.startswith("external:") else None

    @property
    def field(self) -> str:
        """What the lead shows it as."""
        return self.kind.replace("external:", "external_ids.", 1)

    @property
    def pointer(self) -> str:
        """Where the API's body carries it."""
        if self.kind.startswith("external:"):
            return f"/external_ids/{self.kind.removeprefix('external:')}"
        return f"/{self.kind}"

    @property
    def matched_by(self) -> str:
        """What the API calls it when it led to an existing lead."""
        return "external_id" if self.kind.startswith("external:") else self.kind


def identities_of(*, email: str | None, phone: str | None, external_ids: Mapping[str, str]) -> list[Identity]:
    """Return the identities in normalised values, the most telling first: external ids, e-mail, phone."""
    found = [Identity(f"external:{system}", value) for system, value in sorted(external_ids.items())]
    if email:
        found.append(Identity("email", email))
    if phone:
        found.append(Identity("phone", phone))
    return found
