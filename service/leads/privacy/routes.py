"""Consents over HTTP: what was said, whether a lead may be contacted, and on which grounds data may be used at all."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from service.core.clock import now
from service.core.http.answers import json_answer
from service.core.http.auth import require
from service.core.http.etags import strong
from service.core.http.routing import Connection, ReadConnection, ServiceRoute
from service.leads.fields import AttributeName
from service.leads.privacy import operations
from service.leads.privacy.schemas import BasisOut, ConsentCreate, ConsentOut, ContactAnswer, Medium
from service.leads.reading import Listing
from service.leads.routes import By

router = APIRouter(prefix="/v1", route_class=ServiceRoute, tags=["privacy"])

_READER = [require("leads:read")]


@router.get(
    "/leads/{lead_id}/consents",
    operation_id="list_consents",
    summary="Read what a lead agreed to",
    response_model=Listing[ConsentOut],
    dependencies=_READER,
)
async def list_consents(lead_id: UUID, connection: ReadConnection) -> Response:
    """Every word that was ever said, the oldest first; the lead's `consent` has the newest on each purpose."""
    return json_answer(await operations.read_consents(connection, lead_id))


@router.post(
    "/leads/{lead_id}/consents",
    operation_id="create_consent",
    summary="Record that a lead agreed to something, or took it back",
    status_code=201,
    response_model=ConsentOut,
)
async def create_consent(lead_id: UUID, body: ConsentCreate, connection: Connection, by: By) -> Response:
    """Records are never changed: whatever is said later is another one. What was said before the newest word changes nothing now."""
    done, version = await operations.tell_consent(connection, lead_id, body, by)
    return json_answer(done, status=201, headers={"ETag": strong(version)})


@router.get(
    "/leads/{lead_id}/can-contact",
    operation_id="read_contact",
    summary="Ask whether a lead may be contacted, and why not",
    response_model=Listing[ContactAnswer],
    dependencies=_READER,
)
async def read_contact(
    lead_id: UUID,
    connection: ReadConnection,
    purpose: Annotated[AttributeName | None, Query(description="One purpose; all that anything is known of")] = None,
    medium: Annotated[Medium | None, Query(description="One medium; all of them")] = None,
) -> Response:
    """One answer for each purpose and medium."""
    return json_answer(await operations.read_contact(connection, lead_id, purpose=purpose, medium=medium, at=now()))


@router.get(
    "/consent-bases",
    operation_id="list_consent_bases",
    summary="List the grounds on which data may be used",
    response_model=Listing[BasisOut],
    dependencies=_READER,
)
async def list_consent_bases() -> Response:
    """In the words of the GDPR and of China's PIPL (个人信息保护法)."""
    return json_answer(operations.list_bases())
