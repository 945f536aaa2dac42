"""Log lines: a constant event name and fields, as JSON or as text, on standard error; everyone's, the libraries' too."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import orjson
import structlog

from service.core import context
from service.core.tracebacks import discreet, write_discreet
from service.settings import Settings

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def set_up(settings: Settings) -> None:
    """Make every line of this process look as the settings say; call it once, before anything is logged."""
    level = _LEVELS[settings.log_level]
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _add_request_id,
    ]
    text = settings.log_format == "text"
    # The default traceback shows the values of variables and the messages of errors: secrets and people.
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=write_discreet)
    last: list[Any] = [console] if text else [_add_traceback, _as_json]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr)
        if text
        else structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    renderer: Any = console if text else _as_text_of_json
    before = [] if text else [_add_traceback]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *before, renderer],
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def _add_request_id(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    request_id = context.request_id()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


_add_traceback = structlog.processors.ExceptionRenderer(discreet)


def _as_json(_logger: Any, _method: str, event: dict[str, Any]) -> bytes:
    return orjson.dumps(event, default=str)


def _as_text_of_json(_logger: Any, _method: str, event: dict[str, Any]) -> str:
    return orjson.dumps(event, default=str).decode()
