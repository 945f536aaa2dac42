"""What a format of deliveries has to do: write an event the way one kind of receiver reads it, and understand what the receiver answers.

An event is what `service.outbound.events.event_out` returns. A body depends on the event and the endpoint's settings alone, so that one
body serves every endpoint with equal settings and every try; headers belong to one try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from service.outbound.sending.answers import Answer, Outgoing

Event = Mapping[str, Any]


def secret(description: str) -> Any:
    """Return what makes a text of the settings a token or a key: it can stand in a header, and is never shown again."""
    return Field(
        min_length=1,
        max_length=2000,
        pattern=r"^[!-~]+$",
        description=description,
        json_schema_extra={"writeOnly": True},
    )


class FormatSettings(BaseModel):
    """The settings of one endpoint for its format. Fields that are ``writeOnly`` in the JSON Schema are never shown again."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that is not for an endpoint: a stable code, and why in a sentence."""

    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer means.

    ``delivered``: done. ``retry``: try again by the schedule. ``failed``: no try will ever be taken. ``disable``: the receiver wants no
    more deliveries at all. ``slow_down``: send less to it; ``wait`` is for how many seconds, where it says.
    """

    verdict: Literal["delivered", "retry", "failed", "disable"]
    code: str | None = None
    slow_down: bool = False
    wait: float | None = None


class Format(Protocol):
    """The contract of a format's module."""

    @property
    def name(self) -> str:
        """Return the name in the API: ``cloudevents``."""

    @property
    def title(self) -> str:
        """Return the name people know, and what it is good for."""

    @property
    def setup(self) -> str:
        """Return what to do at the receiver, in a few sentences."""

    @property
    def signed(self) -> bool:
        """Return whether deliveries are signed with the endpoint's secret; vendors have tokens of their own in the settings."""

    @property
    def types(self) -> tuple[str, ...] | None:
        """Return the only types of events it can tell; None for all."""

    @property
    def Settings(self) -> type[FormatSettings]:  # noqa: N802 - it is a class
        """Return the model of an endpoint's settings."""

    def body_of(self, event: Event, settings: Any, /) -> bytes | Skipped:
        """Return the body, or why this event is none for this endpoint."""

    def headers_of(
        self, event: Event, settings: Any, /, *, body: bytes, secrets: Sequence[str], attempted_at: datetime
    ) -> dict[str, str]:
        """Return the headers of one try; ``secrets`` are those that sign now, the newest first."""

    def token_request(self, settings: Any, /) -> Outgoing | None:
        """Return what fetches the access token that a try is sent with, or None where none need be fetched."""

    def outcome_of(self, answer: Answer, /) -> Outcome:
        """Return what an answer means."""
