"""The application against its own OpenAPI document: whatever is sent, it answers as documented, and never with a fault of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from httpx import ASGITransport, AsyncClient
from hypothesis import HealthCheck, given, settings
from requests import Request
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from service.app import create_app
from service.cli.openapi import document
from service.core.database import create_engine, transaction
from service.core.ids import new_id
from service.core.keys import create_key
from service.outbound.installation import ensure_installation
from service.settings import Settings
from tests.conftest import database, execute

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]
SCHEMA = schemathesis.openapi.from_dict(document())
OPERATIONS = {result.ok().definition.raw["operationId"]: result.ok() for result in SCHEMA.get_all_operations()}
# Answers in each vendor's own form; what it says of its health depends on a worker; a stream has no end.
NOT_OURS = {"read_readiness", "stream_events"} | {
    name for name, operation in OPERATIONS.items() if "/intake/" in operation.path
}
EXAMPLES = 8


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def client(
    runner: asyncio.Runner, server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AsyncClient]:
    """Yield a client of an application of this module's own, with something in its database."""
    name = f"test_{new_id().hex}"
    url = database(server_url, name)
    runner.run(execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
    engine = create_engine(url)
    folder: Path = tmp_path_factory.mktemp("conformance")

    async def start() -> AsyncClient:
        async with transaction(engine) as connection:
            await ensure_installation(connection)
            _, token = await create_key(connection, "test", ("admin",))
        app = create_app(
            Settings(database_url=url, data_dir=folder, log_level="error", access_log=False, rate_limit=0), engine
        )
        transport = ASGITransport(app=app, raise_app_exceptions=False)
        client = AsyncClient(
            transport=transport, base_url="http://leads.test", headers={"Authorization": f"Bearer {token}"}
        )
        for number in range(3):
            await client.post("/v1/leads", json={"email": f"p{number}@example.com", "channel": "web"})
        return client

    yield runner.run(start())
    runner.run(engine.dispose())
    runner.run(execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.mark.parametrize("operation", sorted(OPERATIONS.keys() - NOT_OURS))
def test_it_answers_as_documented(runner: asyncio.Runner, client: AsyncClient, operation: str):
    lead_id = runner.run(client.get("/v1/leads?limit=1")).json()["data"][0]["id"]

    @given(case=OPERATIONS[operation].as_strategy())
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def ask(case: Any) -> None:
        if "lead_id" in (case.path_parameters or {}):
            case.path_parameters["lead_id"] = lead_id
        if "wait" in (case.query or {}):
            # Whoever asks for patience gets it.
            case.query["wait"] = 0
        given = case.as_transport_kwargs(base_url="http://leads.test")
        given.pop("cookies", None)
        sent = given.pop("data", None)
        files = given.pop("files", None)
        if files is not None:
            # Made for another client, which is stricter about what a part may be: that client's own encoding is what is sent.
            form = Request("POST", "http://leads.test", files=files, data=sent).prepare()
            sent, given["headers"] = form.body, {**(given.get("headers") or {}), **form.headers}
        if isinstance(sent, bytes | str):
            given["content"] = sent
        answer = runner.run(client.request(**given))
        answer.request.read()
        case.validate_response(Response.from_httpx(answer, verify=False), checks=CHECKS)

    ask()
