"""Whether an answer keeps the output contract, as far as a program can tell."""

import json
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator

from agents.catalogue.definition import OutputContract
from agents.choices import ErrorCode
from agents.runtime.errors import refused_for_good

MAX_SHOWN = 3


def check_stop_reason(reason: str) -> None:
    """Judge an answer by why it ended. Raises ProviderError unless it may be used."""
    match reason:
        case "refusal":
            raise refused_for_good(
                "The model declined to answer.", code=ErrorCode.LLM_REFUSED
            )
        case "model_context_window_exceeded":
            raise refused_for_good(
                "Input and answer together are longer than the model accepts.",
                code=ErrorCode.INVALID_INPUT,
            )
        case "tool_use" | "pause_turn":
            raise refused_for_good(
                "The model asked for a tool that this agent does not have.",
                code=ErrorCode.BAD_MODEL_OUTPUT,
            )


def check_output(contract: OutputContract, text: str, *, with_schema: bool) -> Any:
    """The parsed JSON of an answer that must be JSON, else None.

    Raises ProviderError `bad_model_output` for an empty answer or one that breaks the schema.
    """
    if not text.strip():
        raise refused_for_good("The answer is empty.", code=ErrorCode.BAD_MODEL_OUTPUT)
    if contract.json_schema is None or not with_schema:
        return None
    value = _parse(text)
    schema = json.dumps(contract.json_schema, sort_keys=True)
    problems = sorted(_validator(schema).iter_errors(value), key=lambda e: list(e.path))
    if problems:
        named = "; ".join(f"{e.json_path}: {e.validator}" for e in problems[:MAX_SHOWN])
        raise refused_for_good(
            f"The answer does not fit its schema: {named}.",
            code=ErrorCode.BAD_MODEL_OUTPUT,
        )
    return value


def _parse(text: str) -> Any:
    bare = text.strip()
    if bare.startswith("```"):
        bare = bare.partition("\n")[2].rpartition("```")[0]
    try:
        return json.loads(bare)
    except ValueError as error:
        raise refused_for_good(
            "The answer is not JSON.", code=ErrorCode.BAD_MODEL_OUTPUT
        ) from error


@lru_cache(maxsize=256)
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))
