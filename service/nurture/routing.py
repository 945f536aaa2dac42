"""The addresses of nurture."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.nurture.activities import routes as activities

ROUTERS: Final[tuple[APIRouter, ...]] = (activities.router,)
