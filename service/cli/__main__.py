"""`python -m service.cli`: how the supervisor starts its children."""

from __future__ import annotations

from service.cli import main

main()
