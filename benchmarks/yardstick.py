"""The yardstick: the least that FastAPI can do with the same body, without any database."""

from __future__ import annotations

import sys

from fastapi import FastAPI

from service.cli.api import server
from service.cli.serve import open_socket
from service.leads.schemas import LeadCreate
from service.settings import Settings

app = FastAPI()


@app.post("/yardstick")
async def yardstick(body: LeadCreate) -> dict[str, str | None]:
    return {"email": body.email}


async def nothing() -> None:
    """Nobody waits for news here."""


if __name__ == "__main__":
    settings = Settings()
    server(app, settings, before_end=nothing).run(sockets=[open_socket("127.0.0.1", int(sys.argv[1]))])
