"""The addresses of nurture."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

ROUTERS: Final[tuple[APIRouter, ...]] = ()
