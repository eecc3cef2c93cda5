"""Does a catalogue file have the right shape?

The rules are `agent.schema.json` (JSON Schema 2020-12), its references written out once.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from agents.catalogue.fast_schema import Test, compile_schema

SCHEMA_FILE = FilePath(__file__).with_name("agent.schema.json")
#: Where in a document: keys and indexes from its root.
Path = tuple[str | int, ...]
MAX_REASON_CHARS = 200
STRING = {"type": "string", "minLength": 1}
DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
STANDARD = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "edition", "issuer", "fact", "checked_on"],
    "properties": {
        "name": {"type": "string", "minLength": 3, "maxLength": 60},
        "edition": STRING,
        "issuer": STRING,
        "fact": {"type": "string", "minLength": 20, "maxLength": 300},
        "checked_on": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    },
}
RISKS = {"enum": ["low", "medium", "high"]}
LINES = {"type": "array", "minItems": 1, "items": STRING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What is wrong, and where in the document."""

    path: Path
    reason: str


def flaws(kind: str, data: Any) -> list[Flaw]:
    """What is wrong with `data` as one document of its kind.

    Kinds: agent topic_head outline category taxonomy prompt standards accepted
    models.
    """
    if _passes(kind)(data):
        return []
    found = validator(kind).iter_errors(data)
    return [_flaw(error) for error in sorted(found, key=lambda e: str(list(e.path)))]


def _flaw(error: ValidationError) -> Flaw:
    reason = error.message
    if error.validator == "not":
        reason = (
            f"{' and '.join(_forbidden(error.validator_value))} does not belong here"
        )
    if len(reason) > MAX_REASON_CHARS:
        value = error.validator_value
        reason = f"breaks '{error.validator}: {str(value)[:80]}'"
    where = ".".join(str(part) for part in error.path)
    return Flaw(
        path=tuple(error.path), reason=f"{where}: {reason}" if where else reason
    )


def _forbidden(rule: Any) -> Iterator[str]:
    for part in rule.get("anyOf", [rule]):
        yield from part.get("required", ())


@cache
def _passes(kind: str) -> Test:
    return compile_schema(_schemas()[kind])


@cache
def validator(kind: str) -> Draft202012Validator:
    """The compiled validator of one kind of document."""
    return Draft202012Validator(_schemas()[kind])


@cache
def _schemas() -> dict[str, Any]:
    raw = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    parts = raw["$defs"]
    head = {
        **parts["topic_file"]["properties"],
        "agents": {"type": "array", "minItems": 1, "maxItems": 6},
    }
    agent = {key: value for key, value in raw.items() if key != "$defs"}
    return {
        "agent": _written_out(agent, raw),
        "topic_head": {**parts["topic_file"], "properties": head},
        "outline": _written_out(parts["outline_file"], raw),
        "category": _written_out(parts["category_file"], raw),
        "taxonomy": TAXONOMY,
        "prompt": PROMPT,
        "standards": STANDARDS,
        "accepted": ACCEPTED,
        "models": MODELS,
    }


def _written_out(node: Any, root: Mapping[str, Any]) -> Any:
    match node:
        case {"$ref": str(address)}:
            return _written_out(_target(address, root), root)
        case dict():
            return {key: _written_out(value, root) for key, value in node.items()}
        case list():
            return [_written_out(value, root) for value in node]
        case _:
            return node


def _target(address: str, root: Mapping[str, Any]) -> Any:
    node: Any = root
    for part in address.removeprefix("#/").split("/"):
        node = node[part]
    return node


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


COUNT = {"type": "integer", "minimum": 1}
TOPIC = _object(
    ["slug", "scope", "quota"],
    slug={"type": "string", "pattern": "^[a-z]+(-[a-z0-9]+)*$", "maxLength": 60},
    scope=STRING,
    quota=COUNT,
    min_risk=RISKS,
)
TAXONOMY = {
    "type": "array",
    "minItems": 1,
    "items": _object(
        ["slug", "name", "target", "purpose", "topics"],
        slug={"type": "string", "pattern": "^[a-z]+(_[a-z]+)*$", "maxLength": 40},
        name={"type": "string", "minLength": 1, "maxLength": 80},
        target=COUNT,
        purpose=STRING,
        boundary=STRING,
        topics={"type": "array", "minItems": 1, "items": TOPIC},
    ),
}
PROMPT = _object(
    ["rules", "risk"],
    rules=LINES,
    risk=_object(["low", "medium", "high"], low=LINES, medium=LINES, high=LINES),
)
STANDARDS = _object(["standards"], standards={"type": "array", "items": STANDARD})
ACCEPTED = _object(
    ["accepted"], accepted={"type": "object", "additionalProperties": DIGEST}
)
USD = {"type": "string", "pattern": r"^[0-9]+\.[0-9]{1,4}$"}
PROFILE = _object(
    ["tier", "model_id", "effort", "max_tokens", "context_tokens", "capabilities"],
    tier={"enum": ["fast", "standard", "deep"]},
    model_id=STRING,
    effort={"enum": ["low", "medium", "high"]},
    max_tokens=COUNT,
    context_tokens=COUNT,
    retires_on={"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    capabilities={
        "type": "array",
        "items": {"enum": ["effort", "thinking", "json_schema", "tools"]},
    },
)
PRICES = ["input_usd", "output_usd", "cache_read_usd", "cache_write_usd"]
PRICE = _object(
    ["model_id", "valid_from", "above_prompt_tokens", *PRICES, "source"],
    model_id=STRING,
    valid_from={"type": "string", "minLength": 20},
    above_prompt_tokens={"type": "integer", "minimum": 0},
    source={"type": "string", "minLength": 1, "maxLength": 200},
    **dict.fromkeys(PRICES, USD),
)
MODELS = _object(
    ["profiles", "prices"],
    profiles={"type": "array", "items": PROFILE},
    prices={"type": "array", "items": PRICE},
)
