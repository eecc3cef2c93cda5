"""Logs: one JSON object a line, with a stable `action`, and never a body or a secret."""

import logging
import re
from typing import Any

import orjson
import structlog
from structlog.types import EventDict, Processor


def drop_query(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Of an address only the path is kept: people search with words of their own."""
    request = event.get("request")
    if isinstance(request, str):
        event["request"] = request.partition("?")[0]
    return event


#: PostgreSQL adds the row that it refused, with all its columns, to some errors.
DATABASE_DETAIL = re.compile(
    r"\nDETAIL: .*?(?=\n\nThe above exception|\n\nDuring handling|\Z)", re.DOTALL
)


def drop_rows(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """Of a database's error the row is not told: it may hold what somebody typed."""
    for key in ("exception", "cause"):
        if isinstance(text := event.get(key), str):
            event[key] = DATABASE_DETAIL.sub(
                "", text.replace("\\nDETAIL:", "\nDETAIL:")
            )
    return event


SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    drop_query,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    drop_rows,
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
