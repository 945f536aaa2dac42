"""One builder of a valid delivery for every vendor: ``SAMPLES[vendor](body)`` signs any body, by default the documented one.

They are the functions ``sample`` of the files in ``documented/``, which are named like the vendor's adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from tests.channels.deliveries import Sample

SAMPLES: Final[dict[str, Callable[..., Sample]]] = {
    path.stem.replace("_", "-"): import_module(f"tests.channels.documented.{path.stem}").sample
    for path in sorted((Path(__file__).parent / "documented").glob("[a-z]*.py"))
}
