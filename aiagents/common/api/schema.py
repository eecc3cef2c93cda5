"""Which addresses the OpenAPI document shows, and what each may answer beside success."""

from typing import Any

from aiagents.common.api import problems

Endpoint = tuple[str, str, str, Any]
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for a person."},
        "code": {"type": "string", "description": "Stable, for a program."},
        "request_id": {"type": "string"},
        "reason": {"type": "string", "description": "With 403: the policy's own."},
        "errors": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
            "description": "By field.",
        },
    },
}


def only_canonical(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Drop the addresses without prefix, which are the same views again."""
    return [endpoint for endpoint in endpoints if "/api/v1/" in endpoint[0]]


def with_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to each operation that whatever is no success is a problem."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    shape = {"$ref": "#/components/schemas/Problem"}
    answer = {
        "description": "It was refused, or could not be done.",
        "content": {problems.CONTENT_TYPE: {"schema": shape}},
    }
    for item in result["paths"].values():
        for operation in item.values():
            operation["responses"].setdefault("default", answer)
    return result
