"""One place in a JSON value, as `$.a.b[0]` names it."""

import re
from typing import Any

_PATH = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_-]*|\[\d{1,6}\])*")
_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]")


def parse_path(path: str) -> tuple[str | int, ...]:
    """Its steps: names and places in lists. Raises ValueError for another form."""
    if not _PATH.fullmatch(path):
        raise ValueError(f"'{path}' is not of the form $.a.b[0].")
    return tuple(
        name or int(place) for name, place in (m.groups() for m in _STEP.finditer(path))
    )


def look_up(value: Any, path: str) -> Any:
    """What stands there. Raises LookupError when there is nothing, ValueError for a bad path."""
    for step in parse_path(path):
        match value, step:
            case dict(), str():
                value = value[step]
            case list(), int():
                value = value[step]
            case _:
                raise LookupError(step)
    return value


def is_same(one: Any, other: Any) -> bool:
    """Equality of JSON values: 9 is 9.0, but true is not 1, also further down."""
    match one, other:
        case (bool(), _) | (_, bool()):
            return one is other
        case dict(), dict():
            return one.keys() == other.keys() and all(
                is_same(one[key], other[key]) for key in one
            )
        case list(), list():
            return len(one) == len(other) and all(
                is_same(left, right) for left, right in zip(one, other, strict=True)
            )
        case _:
            return bool(one == other)
