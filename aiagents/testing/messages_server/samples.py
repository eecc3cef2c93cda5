"""A value that satisfies a JSON schema, the same one every time."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
_STEPS = 40


def sample(schema: Schema, *, text: str = "sample") -> Any:
    """Covers what structured outputs allow; the schema must not be recursive."""
    return _sample(schema, root=schema, text=text, steps=_STEPS)


def _sample(schema: Schema, *, root: Schema, text: str, steps: int) -> Any:
    if not steps:
        message = "The schema is recursive or too deep."
        raise ValueError(message)
    if "$ref" in schema:
        target = _resolve(str(schema["$ref"]), root=root)
        return _sample(target, root=root, text=text, steps=steps - 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return _sample(schema[name][0], root=root, text=text, steps=steps - 1)
    return _by_type(schema, root=root, text=text, steps=steps)


def _by_type(schema: Schema, *, root: Schema, text: str, steps: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {
            name: _sample(part, root=root, text=text, steps=steps - 1)
            for name, part in schema.get("properties", {}).items()
        }
    if kind == "array":
        item = _sample(schema.get("items", {}), root=root, text=text, steps=steps - 1)
        return [item] * max(1, schema.get("minItems", 1))
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return _string(schema, text=text) if kind == "string" else _PLAIN[kind]


_PLAIN: dict[str, Any] = {"boolean": True, "null": None}
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "email": "sample@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def _string(schema: Schema, *, text: str) -> str:
    value = _FORMATS.get(schema.get("format", ""), text)
    return value.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]


def _resolve(reference: str, *, root: Schema) -> Schema:
    target: Any = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        target = target[name] if name else target
    return dict(target)
