"""Deliveries: read by people, and processed again when they ask for it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from service.core.errors import Conflict, NotFound
from service.intake import store
from service.intake.schemas import ReplayCreate


class DeliveryNotFound(NotFound):
    """There is no delivery of this id."""


class DeliveryEmptied(Conflict):
    """What the delivery said was forgotten."""

    code = "delivery_emptied"

    def __init__(self) -> None:
        super().__init__(
            "its content was forgotten: its person was erased, or it was kept for as long as its channel says"
        )


async def read_delivery(connection: AsyncConnection, delivery_id: UUID) -> dict[str, Any]:
    """Return a delivery with its headers and body; raises `DeliveryNotFound`."""
    return delivery_out(_found(await store.delivery_by_id(connection, delivery_id), delivery_id))


async def replay_one(connection: AsyncConnection, delivery_id: UUID) -> dict[str, Any]:
    """Put a delivery back into the queue; raises `DeliveryNotFound`, or `DeliveryEmptied` if nothing is left of it.

    What it has come to already stays and is not done again.
    """
    row = await store.replay_delivery(connection, delivery_id)
    if row is None and await store.delivery_by_id(connection, delivery_id) is not None:
        raise DeliveryEmptied
    return delivery_out(_found(row, delivery_id))


async def replay_many(connection: AsyncConnection, given: ReplayCreate) -> dict[str, Any]:
    """Put every delivery of a filter back into the queue."""
    return {"count": await store.replay_deliveries(connection, given.model_dump(exclude_none=True))}


def _found(row: dict[str, Any] | None, delivery_id: UUID) -> dict[str, Any]:
    if row is None:
        raise DeliveryNotFound(f"There is no delivery {delivery_id}.")
    return row


def delivery_out(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole delivery as the API shows it."""
    body: bytes = row["body"]
    try:
        return {**row, "body": body.decode(), "body_encoding": "utf-8"}
    except UnicodeDecodeError:
        return {**row, "body": base64.b64encode(body).decode(), "body_encoding": "base64"}
