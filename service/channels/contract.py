"""What a channel's vendor must know: to verify, to answer and to translate one delivery.

An adapter is a module of this room that satisfies `Adapter`: pure functions on bytes and headers, without a database and without a clock
(`Request.received_at` is the time). `service.channels.registry` names them all; adding a vendor is one file and one line there.

::

    GET, HEAD   handshake ─► its reply, or 405
    POST        verify ─► handshake ─► (its reply, nothing stored)
                       └► redact ─► stored ─► reply ─► … ─► dedupe_key, translate (later, by the worker)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, Protocol, TypedDict

from pydantic import BaseModel


class Refusal(Exception):
    """A delivery cannot be accepted or understood; ``code`` is stable, ``detail`` says why and quotes nothing of the delivery.

    On arrival: ``unsigned``, ``bad_signature``, ``stale``, ``wrong_secret``, ``malformed_body``, ``unsupported_media_type``.
    When translated: ``malformed_body``, ``mapping_failed``.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra: dict[str, Any] = {}


@dataclass(slots=True)
class Request:
    """One delivery as it arrived; after it was stored, without its address and its credentials.

    ``headers`` has lower-case names, ``query`` is the raw text after the question mark, ``origin`` and ``path`` are how the vendor wrote
    our address. ``fetched`` has the answers to what `Translation.fetch` asked for, by name.
    """

    method: str
    headers: Mapping[str, str]
    query: str
    body: bytes
    received_at: datetime
    url_secret: str | None = None
    origin: str = ""
    path: bytes = b""
    fetched: Mapping[str, bytes] = field(default_factory=dict)
    # What `service.channels.bodies` made of the body, so that it is parsed once.
    parsed: Any = None

    @property
    def public_url(self) -> str:
        """Return the whole address as the vendor wrote it; some sign it."""
        address = f"{self.origin}{self.path.decode('latin-1')}"
        return f"{address}?{self.query}" if self.query else address


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """What the operator set for one channel; ``secrets`` has the current one first, then the previous one while a rotation lasts.

    ``settings`` is an instance of the adapter's own ``Settings``; ``mapping`` is {field: JMESPath}; ``defaults`` {field: value}.
    ``honeypots`` are names of form fields that only a program fills in: what is in them is no e-mail, whatever they are called.
    """

    key: str
    vendor: str
    secrets: tuple[str, ...]
    settings: Any
    mapping: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    honeypots: frozenset[str] = frozenset()


class Reply(NamedTuple):
    """An answer in the vendor's own form."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"


class Stored(NamedTuple):
    """What of a delivery is written down: everything but its secrets."""

    headers: Mapping[str, str]
    query: str
    body: bytes


class Fields(TypedDict, total=False):
    """One person's data in the names of ``service.cleaning.submission.Submission``; absent is unknown."""

    email: str
    phone: str
    full_name: str
    first_name: str
    last_name: str
    job_title: str
    company_name: str
    company_domain: str
    industry: str
    company_size: str
    country: str
    region: str
    channel: str
    campaign: str
    utm: dict[str, str]
    external_ids: dict[str, str]
    consent: dict[str, Any]
    referred_by: str
    tags: tuple[str, ...]
    attributes: dict[str, Any]
    occurred_at: datetime
    test: bool


TEXT_FIELDS: Final = (
    "email",
    "phone",
    "full_name",
    "first_name",
    "last_name",
    "job_title",
    "company_name",
    "company_domain",
    "industry",
    "company_size",
    "country",
    "region",
    "channel",
    "campaign",
    "referred_by",
)
TABLE_FIELDS: Final = ("utm", "external_ids", "consent", "attributes")
OTHER_FIELDS: Final = ("tags", "occurred_at", "test")


@dataclass(frozen=True, slots=True)
class Submitted:
    """A person told us who they are.

    ``key`` recognises it again where one delivery carries several that may come back in other company; None trusts the delivery's own.
    With ``revises`` it is a later version of a submission that the vendor sent before (a partial answer completed, an entry edited): what
    it says replaces what that one said. The two are recognised as one by an external id they share.
    """

    fields: Fields
    key: str | None = None
    revises: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """Somebody did something; ``person`` has what identifies them, ``kind`` is the vendor's word for it."""

    person: Fields
    kind: str
    occurred_at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """Somebody gave or took back their consent to one purpose."""

    person: Fields
    purpose: str
    granted: bool
    occurred_at: datetime | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """The vendor says that somebody must be forgotten."""

    person: Fields
    key: str | None = None


Grievance = Literal["token_rejected", "gone", "rate_limited", "failed"]
"""Why a vendor did not tell what it was asked for."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Something to ask the vendor for before the delivery can be understood; the answer's body comes back as ``fetched[name]``.

    The question goes to ``settings.base_url`` with ``settings.access_token`` as Bearer token, ``anonymous`` in no header. Where a status
    is not all there is to an answer, ``judge`` reads (status, JSON or None) and returns the grievance in it, or None. What the vendor no
    longer has comes back empty: where a delivery names several leads, the others are still there.
    """

    name: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    anonymous: bool = False
    judge: Callable[[int, Any], Grievance | None] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Translation:
    """What one delivery means; ``ignored`` says why when it means nothing to us.

    With ``fetch`` the rest is empty: the delivery waits, and is translated again with `Request.fetched`.
    """

    submissions: tuple[Submitted, ...] = ()
    activities: tuple[Activity, ...] = ()
    consent_changes: tuple[ConsentChange, ...] = ()
    erasures: tuple[Erasure, ...] = ()
    fetch: tuple[Fetch, ...] = ()
    ignored: str | None = None


# With a signature the secret never travels; otherwise it is in a header, a password of Basic authentication, in the body or the address.
Proof = Literal["signature", "header", "basic", "body", "url"]


class Adapter(Protocol):
    """The contract of a vendor's module."""

    @property
    def vendor(self) -> str:
        """Return the name in the API: ``google-ads``."""

    @property
    def title(self) -> str:
        """Return the name people know: ``Google Ads lead forms``."""

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """Return how a delivery may prove where it comes from; its settings say which where there are several."""

    @property
    def asks_first(self) -> bool:
        """Return whether the vendor asks for an answer before it delivers: `handshake` has one."""

    @property
    def setup(self) -> str:
        """Return what to do at the vendor, in a few sentences."""

    @property
    def Settings(self) -> type[BaseModel]:  # noqa: N802 - it is a class
        """Return the model of the channel's settings; its fields marked ``writeOnly`` are never shown again."""

    def new_secret(self) -> str | None:
        """Return a fresh secret, or None when it is the vendor who makes them."""

    def secret_fault(self, secret: str, /) -> str | None:
        """Return why this cannot be a secret of the vendor's scheme, or None."""

    def secret_in_url(self, settings: Any, /) -> bool:
        """Return whether the secret is the last part of the intake address."""

    def sample(self, address: str, settings: Any, /) -> str:
        """Return a shell line that delivers a sample to ``address``, taking the secret from ``$SECRET``."""

    def verify(self, request: Request, channel: ChannelConfig, /) -> None:
        """Raise `Refusal` unless the delivery is authentic, in time and well-formed."""

    def handshake(self, request: Request, channel: ChannelConfig, /) -> Reply | None:
        """Return the answer to a vendor who only asks whether we are there, or None."""

    def reply(self, delivery_id: str, channel: ChannelConfig, /) -> Reply:
        """Return the answer to a delivery that is now stored."""

    def dedupe_key(self, request: Request, channel: ChannelConfig, /) -> str | None:
        """Return what is the same when the vendor sends the stored delivery again, and differs when there is news in it."""

    def redact(self, request: Request, channel: ChannelConfig, /) -> Stored:
        """Return what may be written down."""

    def translate(self, request: Request, channel: ChannelConfig, /) -> Translation:
        """Return what the stored delivery means; raise `Refusal` when it cannot be understood."""
