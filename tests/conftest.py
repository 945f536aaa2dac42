"""The stage every test stands on: an embedded PostgreSQL, a migrated template, and a fresh copy of it for each test.

A copy takes about 20 ms, and what a test commits is committed for real: background tasks, parallel sessions and the
worker see it as they would in production.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from service.app import create_app
from service.core import migrations
from service.core.database import create_engine, transaction
from service.core.embedded import embedded_postgres
from service.core.ids import new_id
from service.core.keys import create_key
from service.outbound.installation import ensure_installation
from service.settings import Settings
from service.worker import tasks

# A power cut may ruin a test's database; nobody will miss it.
_FAST = "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nmax_connections = 200\nshared_buffers = 128MB\n"
_TEMPLATE = "template_migrated"
_MEMORY = Path("/dev/shm")  # noqa: S108  a folder in it is made for us alone
_ROOM = 2 << 30


def _fast_folder() -> Path | None:
    """Return where folders lie in memory, if there is such a place and room in it: to copy a database of 600 files takes a disk 20 times as long."""
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        return _MEMORY
    return None


async def execute(url: str, statement: str) -> None:
    address = make_url(url)
    connection = await asyncpg.connect(host=address.query["host"], user=address.username, database=address.database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> None:
    """What a developer has set must not change a test."""
    for name in [name for name in os.environ if name.startswith("LEADS_") and name != "LEADS_REAL_DATA"]:
        del os.environ[name]


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Address of a running PostgreSQL's maintenance database; one server for each test process."""
    with (
        tempfile.TemporaryDirectory(prefix="leads-tests-", dir=_fast_folder(), ignore_cleanup_errors=True) as folder,
        embedded_postgres(Path(folder), _FAST) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """Name of a database built by the migrations, as an installation has it before its first request."""

    async def build() -> None:
        await execute(server_url, f"CREATE DATABASE {_TEMPLATE}")
        await migrations.upgrade(database(server_url, _TEMPLATE))

    asyncio.run(build())
    return _TEMPLATE


@pytest.fixture
async def empty_database_url(server_url: str) -> AsyncIterator[str]:
    """Address of a database without any schema."""
    name = f"empty_{new_id().hex}"
    await execute(server_url, f"CREATE DATABASE {name} STRATEGY file_copy")
    yield database(server_url, name)
    await execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """Address of this test's own migrated database."""
    name = f"test_{new_id().hex}"
    await execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    yield database(server_url, name)
    await execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path, log_level="error", access_log=False)


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    assert settings.database_url is not None
    engine = create_engine(settings.database_url, pool_size=settings.database_pool)
    async with transaction(engine) as connection:
        await ensure_installation(connection)
    yield engine
    await engine.dispose()


@pytest.fixture
async def app(settings: Settings, engine: AsyncEngine) -> AsyncIterator[FastAPI]:
    """Yield the running application; its background tasks run too."""
    app = create_app(settings, engine)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def key(engine: AsyncEngine) -> Callable[..., Awaitable[str]]:
    """Make API keys: ``await key("leads:read", "leads:write")`` → the token."""

    async def make(*scopes: str) -> str:
        async with transaction(engine) as connection:
            _, token = await create_key(connection, "test", scopes)
        return token

    return make


@pytest.fixture
async def client(app: FastAPI, key: Callable[..., Awaitable[str]]) -> AsyncIterator[AsyncClient]:
    """Yield an HTTP client that carries an admin key; unknown faults come back as the 500 a caller would see."""
    headers = {"Authorization": f"Bearer {await key('admin')}"}
    transport = ASGITransport(app=app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://leads.test", headers=headers) as client:
        yield client


@pytest.fixture
def worker(app: FastAPI, engine: AsyncEngine) -> Callable[[], Awaitable[None]]:
    """Let a worker run until it finds nothing more to do: ``await worker()``."""

    async def run() -> None:
        while any([await task.run() for task in tasks(engine)]):
            pass

    return run
