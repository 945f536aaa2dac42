"""What every child of ours does first: see to it that it ends when the supervisor does, and that it may have many connections."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from typing import Final

_MANY: Final = 65_536


def end_with_supervisor(pipe: int | None, *, grace: float) -> None:
    """Stop this process when the other end of ``pipe`` closes, which it does however the supervisor died.

    The stop is the same as on SIGTERM; ``grace`` seconds later the process is gone in any case.
    """
    if pipe is None:
        return

    def watch() -> None:
        os.read(pipe, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def allow_many_connections() -> None:
    """Let this process have as many sockets as it may: systems begin with 1,024, and who follows the feed keeps one, as who hangs does."""
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = max(few, _MANY) if most == resource.RLIM_INFINITY else most
    resource.setrlimit(resource.RLIMIT_NOFILE, (many, most))
