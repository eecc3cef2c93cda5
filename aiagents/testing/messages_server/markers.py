"""How the text of a request commands its own answer.

`[[fault:NAME]]`, `[[fault:NAME=VALUE]]`, or several joined by `;`, in the text of the
last user message. Values may be percent-encoded, which a `;`, a `%` or a `]]` inside
one must be; `write_fault()` does it. `times=N` limits a marker to the first N requests
that carry it. An unknown name is an error, never ignored: no test can pass because its
fault did not happen. `[[marker:NAME]]` only labels a request in the ledger.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

from aiagents.testing.messages_server.behaviours import (
    TYPES,
    Behaviour,
    check_names,
    find_error,
)
from aiagents.testing.messages_server.errors import ERRORS, ErrorAnswer

_FAULT = re.compile(r"\[\[fault:(.*?)\]\]", re.DOTALL)
_MARKER = re.compile(r"\[\[marker:(.*?)\]\]", re.DOTALL)
_SAFE = ' {}":,.'


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A behaviour asked for inside a request."""

    behaviour: Behaviour
    #: As written; requests that carry the same text are counted together.
    written: str
    #: Applies to so many requests; None: to all.
    times: int | None


def find_fault(text: str) -> Fault | None:
    """What the markers in a text ask for. Raises ValueError when they are wrong."""
    found = _FAULT.findall(text)
    if len(found) != text.count("[[fault:"):
        message = "A marker [[fault:…]] is not closed."
        raise ValueError(message)
    if not found:
        return None
    options = dict(_options(found))
    times = options.pop("times", None)
    return Fault(
        behaviour=_behaviour(options),
        written="|".join((*found, find_marker(text) or "")),
        times=None if times is None else _convert("times", times, int),
    )


def find_marker(text: str) -> str | None:
    """The first label in a text."""
    found = _MARKER.search(text)
    return found[1] if found else None


def without_markers(text: str) -> str:
    """The text without markers: an answer must not carry them into another request."""
    return _MARKER.sub("", _FAULT.sub("", text))


def write_fault(behaviour: Behaviour, *, times: int | None = None) -> str:
    """The marker that asks for this behaviour; its error must be one of ERRORS."""
    changed = behaviour.changed()
    parts = [_written(name, value) for name, value in changed.items()]
    if times is not None:
        parts.append(f"times={times}")
    return f"[[fault:{';'.join(parts)}]]"


def _options(found: Iterable[str]) -> Iterable[tuple[str, str | None]]:
    for part in (part for marker in found for part in marker.split(";")):
        name, given, value = part.partition("=")
        yield name.strip(), unquote(value) if given else None


def _behaviour(options: dict[str, str | None]) -> Behaviour:
    waits = "retry_after" in options
    retry_after = options.pop("retry_after", None)
    check_names(options)
    values = {name: _read(name, value) for name, value in options.items()}
    if waits and "error" not in values:
        message = "retry_after needs an error."
        raise ValueError(message)
    if waits:
        seconds = _convert("retry_after", retry_after, float) if retry_after else None
        values["error"] = replace(values["error"], retry_after=seconds)
    return Behaviour(**values)


def _read(name: str, value: str | None) -> Any:
    if name == "error":
        return find_error(value)
    if name == "tool_use":
        return value or ""
    if TYPES[name] != (bool,):
        return _convert(name, value, TYPES[name][0])
    if value is not None:
        message = f"{name} takes no value."
        raise ValueError(message)
    return True


def _convert(name: str, value: str | None, kind: type) -> Any:
    if value is None:
        message = f"{name} needs a value: [[fault:{name}=…]]."
        raise ValueError(message)
    try:
        return kind(value)
    except ValueError as error:
        message = f"{name} cannot be {value!r}."
        raise ValueError(message) from error


def _written(name: str, value: Any) -> str:
    if value is True:
        return name
    if isinstance(value, ErrorAnswer):
        return _written_error(value)
    return f"{name}={quote(str(value), safe=_SAFE)}"


def _written_error(error: ErrorAnswer) -> str:
    for name, known in ERRORS.items():
        if replace(known, retry_after=error.retry_after) == error:
            seconds = "" if error.retry_after is None else f"{error.retry_after:g}"
            return f"error={name};retry_after={seconds}"
    message = "Only the errors in ERRORS have a name; use script() for others."
    raise ValueError(message)
