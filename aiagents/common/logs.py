"""Logs: one JSON object a line, with a stable `action`, and never a body or a secret."""

import logging
from typing import Any

import orjson
import structlog
from structlog.types import EventDict, Processor

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
)


def configure() -> None:
    """Send structlog through the standard library's handlers."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def json_formatter() -> logging.Formatter:
    """The formatter of every handler, for our records and those of libraries."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(SHARED),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )


def render(_logger: Any, _name: str, event: EventDict) -> str:
    """One line; control characters are escaped by JSON itself."""
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
