"""What can go wrong with one lead.

::

    ServiceError
    ├── LeadNotFound        no lead of this id (404)
    ├── LeadErased          the person was erased; only the numbers are left (410)
    ├── LeadMerged          the lead lives on in another one (308)
    ├── IdentityTaken       the e-mail, phone or external id belongs to another lead (409)
    └── NoIdentity          neither an e-mail, nor a phone, nor an external id (422)
"""

from __future__ import annotations

from uuid import UUID

from service.core.errors import Conflict, Invalid, NotFound, ServiceError


class LeadNotFound(NotFound):
    """No lead has this id."""

    code = "lead_not_found"


class LeadErased(ServiceError):
    """The person behind this lead was erased."""

    code = "lead_erased"


class LeadMerged(ServiceError):
    """The lead was merged into another one."""

    code = "lead_merged"

    def __init__(self, merged: UUID, survivor: UUID) -> None:
        super().__init__(f"the lead was merged into {survivor}", lead_id=str(survivor))
        self.merged = merged
        self.survivor = survivor

    def location(self, path: str) -> str:
        """Return where the thing at a path is now: the same thing of the survivor."""
        return "/".join(str(self.survivor) if self._is_merged(part) else part for part in path.split("/"))

    def _is_merged(self, part: str) -> bool:
        try:
            return UUID(part) == self.merged
        except ValueError:
            return False


class IdentityTaken(Conflict):
    """An identity in the request belongs to another lead."""

    code = "identity_taken"

    def __init__(self, pointer: str, owner: UUID, *, detail: str | None = None) -> None:
        detail = detail or f"belongs to lead {owner}"
        super().__init__(f"{pointer}: {detail}", lead_id=str(owner), errors=[{"pointer": pointer, "detail": detail}])


class NoIdentity(Invalid):
    """A lead needs something by which it can be known again."""

    code = "no_identity"

    def __init__(self) -> None:
        super().__init__("", "a lead needs an email, a phone or an external id")
