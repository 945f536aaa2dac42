"""`leads openapi`: the description of the API, as the code has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from service.settings import Settings


def document() -> dict[str, Any]:
    """Return the OpenAPI document; it depends on no setting and needs no database."""
    from service.app import create_app

    return create_app(Settings.model_construct(database_url="postgresql://nobody@nowhere/none")).openapi()


def rendered() -> str:
    """Return the document as it is committed: two spaces, in the order of the routes, a final line break."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("openapi/openapi.json"),
    show_default=True,
)
def openapi(output: Path) -> None:
    """Write the API's OpenAPI document."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(rendered(), encoding="utf-8")
    click.echo(output)
