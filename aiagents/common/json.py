"""Strict JSON: what cannot be stored or compared is refused before any work.

Python's decoder accepts `NaN`, repeated keys, numbers of any length and NUL inside strings;
a database does not. Nesting is measured on the bytes, because the decoder recurses.
"""

import hashlib
import json
import re
from typing import Any, NoReturn

from aiagents.common.errors import InvalidInput

MAX_DEPTH = 32
INT64 = 2**63
MAX_NUMBER_CHARS = 64
# Possessive, and with the closing quote optional: an open string is passed over once, so a
# hostile body costs linear time.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def loads(raw: bytes) -> Any:
    """Decode a request body. Raises InvalidInput with what is wrong with it."""
    _check_depth(raw)
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_int64,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise InvalidInput("The body is not valid UTF-8.") from error
    except json.JSONDecodeError as error:
        message = f"The body is not valid JSON: {error.msg} at line {error.lineno}."
        raise InvalidInput(message) from error
    check_text(value)
    return value


def check_text(value: Any, *, path: str = "") -> None:
    """Refuse NUL and lone surrogates anywhere in `value`, keys included."""
    match value:
        case str():
            _check_string(value, path)
        case dict():
            for key, item in value.items():
                _check_string(key, path)
                check_text(item, path=f"{path}.{key}" if path else key)
        case list():
            for index, item in enumerate(value):
                check_text(item, path=f"{path}[{index}]")


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, UTF-8, no spaces."""
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    ).encode()


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _check_depth(raw: bytes) -> None:
    depth = 0
    for token in _TOKEN.finditer(raw):
        start = raw[token.start()]
        if start in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidInput(
                    f"The body is nested deeper than {MAX_DEPTH} levels."
                )
        elif start in b"]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise InvalidInput(f"The key {double[:80]!r} occurs twice in one object.")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(f"{name} is not a JSON number.")


def _int64(text: str) -> int:
    if len(text) <= MAX_NUMBER_CHARS and -INT64 <= (value := int(text)) < INT64:
        return value
    raise InvalidInput("A whole number is outside 64 bits.")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidInput("A number is too large.")
    return value


def _check_string(text: str, path: str) -> None:
    problem = _string_problem(text)
    if problem:
        field = path.partition(".")[0].partition("[")[0] or "body"
        raise InvalidInput(
            f"'{field}' holds {problem}.", errors={field: [f"Holds {problem}."]}
        )


def _string_problem(text: str) -> str:
    if "\x00" in text:
        return "a NUL character"
    if any("\ud800" <= char <= "\udfff" for char in text):
        return "a lone surrogate"
    return ""
