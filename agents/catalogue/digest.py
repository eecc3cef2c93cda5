"""Is this the same definition? A digest that does not depend on layout."""

from collections.abc import Mapping
from typing import Any

from aiagents.common import json as strict_json


def definition_digest(data: Mapping[str, Any]) -> str:
    """SHA-256 of the agent as JSON with sorted keys, in UTF-8, without spaces; in hex."""
    return strict_json.digest(data)
