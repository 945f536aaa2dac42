"""The errors a client is told about.

::

    ServiceError            code, detail, and what else belongs into the answer
    ├── Invalid             the request itself is wrong (422): names the field
    ├── NotFound            no such thing (404)
    ├── Conflict            a legal request at the wrong moment (409)
    └── …                   the room that raises a rarer one defines it

Pure rooms cannot import this module; they raise errors of the same shape (``code``, ``detail``, ``extra``), and ``app.py`` registers both.
``service.core.http.problems`` has the one table from codes to HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class ServiceError(Exception):
    """Something a client did or asked for cannot be done, and why."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        if code is not None:
            self.code = code


class Invalid(ServiceError):
    """The request is malformed; ``pointer`` is the JSON pointer (or ``?parameter``) of the field at fault."""

    code = "validation_failed"

    def __init__(self, pointer: str, detail: str, *, code: str | None = None, **extra: Any) -> None:
        super().__init__(detail, code=code, errors=[{"pointer": pointer, "detail": detail}], **extra)


class NotFound(ServiceError):
    """There is no such thing."""

    code = "not_found"


class Conflict(ServiceError):
    """The request is legal, but not in the state things are in."""

    code = "conflict"


class Unavailable(ServiceError):
    """A thing the service depends on is away; try again later."""

    code = "unavailable"
    headers: Mapping[str, str] = MappingProxyType({"Retry-After": "1"})
