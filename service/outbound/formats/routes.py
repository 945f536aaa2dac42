"""The formats there are, over HTTP."""

from __future__ import annotations

from fastapi import APIRouter

from service.core.http import auth
from service.core.http.routing import ServiceRoute
from service.outbound.formats.registry import described
from service.outbound.formats.schemas import FormatsOut

router = APIRouter(prefix="/v1", tags=["webhooks"], route_class=ServiceRoute, dependencies=[auth.require("admin")])


@router.get("/webhook-formats", operation_id="list_webhook_formats", summary="How events can be written")
async def list_webhook_formats() -> FormatsOut:
    """Return every format with the JSON Schema of an endpoint's settings for it."""
    return FormatsOut.model_validate({"data": described()})
