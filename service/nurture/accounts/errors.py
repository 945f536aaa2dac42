"""What cannot be done with accounts."""

from __future__ import annotations

from service.core.errors import NotFound


class AccountNotFound(NotFound):
    """Nobody of this company is known."""

    code = "account_not_found"


class PersonNotFound(NotFound):
    """The lead is nobody of this account."""

    code = "person_not_found"
