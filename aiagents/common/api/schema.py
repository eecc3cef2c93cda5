"""Which addresses the OpenAPI document shows."""

from typing import Any

Endpoint = tuple[str, str, str, Any]


def only_canonical(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Drop the addresses without prefix, which are the same views again."""
    return [endpoint for endpoint in endpoints if "/api/v1/" in endpoint[0]]
