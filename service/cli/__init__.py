"""The command line: `leads serve | worker | db | keys | …`."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import DBAPIError

from service.cli.api import api
from service.cli.channels import channels
from service.cli.db import db
from service.cli.demo import demo
from service.cli.export import export_
from service.cli.import_ import import_
from service.cli.keys import keys
from service.cli.openapi import openapi
from service.cli.policies import policies
from service.cli.serve import serve
from service.cli.verify import stats, verify
from service.cli.worker import worker
from service.core.embedded import EmbeddedPostgresError
from service.core.errors import ServiceError
from service.settings import SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lead-lifecycle", message="%(version)s")
def leads() -> None:
    """Take leads in from every channel, move them through their lifecycle, remember every step and count them.

    Settings come from the environment: LEADS_DATABASE_URL, LEADS_PORT and others; the README has the list.
    """


for command in (serve, worker, db, keys, channels, verify, stats, demo, export_, import_, policies, openapi, api):
    leads.add_command(command)


def main() -> None:
    """Run `leads`; what the operator got wrong ends in one line on stderr, not in a traceback."""
    try:
        leads(prog_name="leads")
    except SettingsError as fault:
        _fail(str(fault), code=2)
    except (EmbeddedPostgresError, ServiceError) as fault:
        _fail(str(fault), code=1)
    except (ConnectionError, TimeoutError, DBAPIError) as fault:
        reason = str(getattr(fault, "orig", None) or fault).strip().split("\n", 1)[0]
        _fail(f"the database did not answer as it should: {reason or type(fault).__name__}", code=1)


def _fail(message: str, *, code: int) -> None:
    print(f"leads: {message}", file=sys.stderr)
    sys.exit(code)
