"""What every child of ours does first: see to it that it ends when the supervisor does."""

from __future__ import annotations

import os
import signal
import threading
import time


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
