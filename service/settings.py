"""The settings: read once from the environment, checked, frozen, passed down."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SettingsError(Exception):
    """A setting has a wrong value; the message is one line that names it."""


def _is_postgresql(url: str | None) -> str | None:
    if url is not None and not url.startswith(("postgresql://", "postgres://", "postgresql+asyncpg://")):
        raise ValueError("must be a postgresql:// address")
    return url


_HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _is_host_or_network(entry: str) -> str:
    try:
        ip_network(entry, strict=False)
    except ValueError:
        if _HOST.fullmatch(entry) is None or entry.replace(".", "").isdigit() or "/" in entry:
            raise ValueError(
                f"{entry} is neither a host name nor an address nor a network such as 10.1.0.0/16"
            ) from None
    return entry


class Settings(BaseSettings):
    """Everything an operator can set, each from the variable of its name with the prefix ``LEADS_``."""

    model_config = SettingsConfigDict(env_prefix="LEADS_", env_ignore_empty=True, frozen=True, extra="ignore")

    database_url: Annotated[
        str | None,
        AfterValidator(_is_postgresql),
        Field(description="PostgreSQL 15 or newer. Absent: an embedded server under the data folder"),
    ] = None
    data_dir: Annotated[Path, Field(description="Where the embedded database lives")] = Path("./data")
    host: Annotated[str, Field(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 takes a free one")] = 8000
    workers: Annotated[int, Field(ge=1, le=64, description="API processes that `leads serve` starts")] = 1
    public_url: Annotated[
        HttpUrl | None,
        Field(description="How the world reaches this service; used in addresses and to check signatures over URLs"),
    ] = None
    bootstrap_key: Annotated[
        str | None,
        Field(min_length=20, max_length=200, description="Becomes the admin key if no key exists yet"),
    ] = None
    log_format: Annotated[Literal["json", "text"], Field(description="How log lines look")] = "json"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="The least severe line logged")
    ] = "info"
    access_log: Annotated[bool, Field(description="One log line per request")] = True
    database_pool: Annotated[int, Field(ge=1, le=200, description="Database connections per process")] = 20
    max_body_bytes: Annotated[int, Field(ge=1024, le=1 << 30, description="Largest request body, except batches")] = (
        1 << 20
    )
    max_batch_bytes: Annotated[int, Field(ge=1024, le=1 << 30, description="Largest body of a batch")] = 16 << 20
    max_import_bytes: Annotated[int, Field(ge=1024, le=1 << 40, description="Largest file of an import")] = 1 << 30
    import_processes: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="Processes a worker starts while there is an import; 0 lets the worker do it itself",
        ),
    ] = 3
    rate_limit: Annotated[
        int, Field(ge=0, description="Requests per minute and key, per API process; 0 switches the limit off")
    ] = 60_000
    intake_queue: Annotated[
        int, Field(ge=1, le=1_000_000, description="Deliveries that may wait for their commit before 503 is answered")
    ] = 4096
    feed_listeners: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="Readers of the change feed that may wait or stream at once, per API process; more get 503",
        ),
    ] = 2000
    mx_check: Annotated[
        bool,
        Field(description="Ask the DNS, in the worker, whether the domains of leads' mailboxes take mail"),
    ] = False
    outbound_allow: Annotated[
        tuple[Annotated[str, AfterValidator(_is_host_or_network)], ...],
        NoDecode,
        BeforeValidator(_split),
        Field(
            description="Host names, addresses and networks (CIDR), separated by commas, that webhooks may reach though they are not "
            "public, and over plain http"
        ),
    ] = ()
    retention_days: Annotated[
        int,
        Field(ge=1, le=36_500, description="Days that raw deliveries are kept as they came, unless their channel says"),
    ] = 90
    shutdown_seconds: Annotated[int, Field(ge=1, le=600, description="How long a stop waits for what was accepted")] = (
        30
    )


def load_settings(**overrides: object) -> Settings:
    """Return the settings from the environment, or raise `SettingsError` with one line that names the variable at fault."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        name = "LEADS_" + str(first["loc"][0]).upper()
        raise SettingsError(f"{name}: {first['msg']}") from None
