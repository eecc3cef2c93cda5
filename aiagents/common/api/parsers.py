"""Reading a request body strictly."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from aiagents.common import json as strict_json
from aiagents.common.errors import InvalidInput


class StrictJSONParser(BaseParser):
    """JSON as CONTRACT §3 admits it; the size was limited before, by the middleware."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The decoded object. Raises InvalidInput for anything that is none."""
        value = strict_json.loads(stream.read() or b"{}")
        if not isinstance(value, dict):
            raise InvalidInput("The body must be a JSON object.")
        return value
