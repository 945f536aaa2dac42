"""Every error is a problem that names what is wrong, and changes nothing."""

from __future__ import annotations

from uuid import uuid4

import pytest
from httpx import AsyncClient


def problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == f"urn:lead-lifecycle:problem:{code}"
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == response.headers["x-request-id"]
    assert {"title", "detail", "instance"} <= body.keys()
    return body


async def test_it_works(api: AsyncClient):
    response = await api.post("/v1/notes", json={"text": "hello"})

    assert response.status_code == 201, response.text
    assert (await api.get(response.headers["location"])).json() == response.json()


async def test_domain_errors_carry_what_they_know(api: AsyncClient):
    body = problem(await api.get("/v1/taken"), 409, "conflict")

    assert body["detail"] == "somebody else has it"
    assert body["allowed"] == ["wait"]
    assert body["instance"] == "/v1/taken"


async def test_errors_of_pure_rooms_are_problems_too(api: AsyncClient):
    assert problem(await api.get("/v1/teapot"), 409, "transition_refused")["allowed"] == ["pour"]


async def test_unknown_addresses_and_methods(api: AsyncClient):
    problem(await api.get("/v1/nothing"), 404, "not_found")
    assert problem(await api.get(f"/v1/notes/{uuid4()}"), 404, "not_found")["detail"] == "no such note"
    problem(await api.get("/v1/notes/not-an-id"), 404, "not_found")

    response = await api.delete("/v1/notes")
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"]


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"text": 1}, "/text", "string"),
        ({}, "/text", "required"),
        ({"text": "a", "colour/a~b": 1}, "/colour~1a~0b", "unknown field"),
        ({"text": "a", "owner": {"nme": "x"}}, "/owner/name", "required"),
        ({"text": "a" * 2001}, "/text", "2000"),
        ([], "", "dictionary"),
    ],
)
async def test_payload_faults_name_the_field(api: AsyncClient, count, body, pointer, detail):
    faults = problem(await api.post("/v1/notes", json=body), 422, "validation_failed")["errors"]

    assert pointer in {fault["pointer"] for fault in faults}
    assert any(detail in fault["detail"] for fault in faults)
    assert await count() == 0


async def test_query_faults_name_the_parameter(api: AsyncClient):
    for limit in ("0", "501", "many", "9" * 30):
        body = problem(await api.get("/v1/notes", params={"limit": limit}), 422, "validation_failed")
        assert body["errors"][0]["pointer"] == "?limit"


async def test_a_missing_body_is_named(api: AsyncClient):
    assert problem(await api.post("/v1/notes"), 422, "validation_failed")["errors"][0]["pointer"] == ""


async def test_a_number_beyond_its_column_is_the_callers_fault(api: AsyncClient):
    problem(await api.get(f"/v1/numbers/{2**40}"), 422, "out_of_range")
    problem(await api.get(f"/v1/numbers/{2**80}"), 422, "out_of_range")
    problem(await api.get(f"/v1/numbers/{2**31 - 1}"), 422, "out_of_range")


async def test_an_unknown_fault_tells_nothing_but_its_id(api: AsyncClient):
    response = await api.get("/v1/bug")

    assert (response.status_code, response.content) == (500, b"")
    assert response.headers["x-request-id"]


async def test_every_operation_documents_its_problems(notes):
    schema = notes.openapi()

    for path in schema["paths"].values():
        for operation in path.values():
            assert operation["responses"]["default"]["$ref"] == "#/components/responses/Problem"
            assert "422" not in operation["responses"]
    post = schema["paths"]["/v1/notes"]["post"]
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in post["parameters"]
    assert post["security"] == [{"key": ["leads:write"]}]
    assert "text/csv" in schema["paths"]["/v1/notes"]["get"]["responses"]["200"]["content"]
