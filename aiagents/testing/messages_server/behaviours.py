"""What the server can be told to do with one request."""

import json as jsonlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from aiagents.testing.messages_server.errors import ERRORS, ErrorAnswer

_ENDINGS = ("cut_after", "end_after", "error_event_after", "silence_after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How one request is answered. Counts (`…_after`) are in pieces of content."""

    #: The answer; without it a Markdown text that quotes the request.
    text: str | None = None
    #: The answer as JSON text (checked to be JSON).
    json: str | None = None
    #: Pieces the text is streamed in; None: the server's default, else 24 characters.
    events: int | None = None
    #: Length of the stream; None: the server's default, else as fast as possible.
    seconds: float | None = None
    #: Silence before the response headers.
    first_byte_delay: float = 0.0
    #: Answered at once; with `error_event_after`, sent inside the stream.
    error: ErrorAnswer | None = None
    #: Closes the TCP connection after n pieces, inside the HTTP body.
    cut_after: int | None = None
    #: Ends the HTTP body properly after n pieces, with no message_stop.
    end_after: int | None = None
    #: Sends an `error` event after n pieces (`error`, or overloaded_error).
    error_event_after: int | None = None
    #: Stays connected after n pieces and sends nothing more.
    silence_after: int | None = None
    #: stop_reason refusal.
    refuse: bool = False
    #: Half of the text, stop_reason max_tokens.
    max_tokens: bool = False
    #: No content at all, stop_reason end_turn.
    empty: bool = False
    #: An event whose data is not JSON, in the middle.
    bad_json_event: bool = False
    #: One text of 5 MB in one line.
    huge_line: bool = False
    #: NUL characters in the text.
    nul: bool = False
    #: Event and delta types nobody knows, between the others.
    unknown_event: bool = False
    #: Calls the tool of this name; "" calls the first one that is offered.
    tool_use: str | None = None
    #: The tool's input as JSON text; None: made from the tool's schema.
    tool_input: str | None = None
    #: Closes the TCP connection before the response headers.
    drop_connection: bool = False

    def __post_init__(self) -> None:
        endings = [name for name in _ENDINGS if getattr(self, name) is not None]
        if len(endings) > 1:
            message = f"A stream ends once, not by {' and '.join(endings)}."
            raise ValueError(message)
        for name in (*_ENDINGS, "events", "seconds", "first_byte_delay"):
            if (getattr(self, name) or 0) < 0:
                message = f"{name} must not be negative."
                raise ValueError(message)
        if self.events == 0:
            message = "events must be at least 1; use empty for no content."
            raise ValueError(message)
        for text in (self.json, self.tool_input):
            if text is not None:
                jsonlib.loads(text)

    def changed(self) -> dict[str, Any]:
        """The fields that differ from the default behaviour."""
        values = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        return {name: value for name, value, usual in values if value != usual}

    def to_json(self) -> dict[str, Any]:
        values = self.changed()
        return values | ({"error": asdict(self.error)} if self.error else {})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Raises ValueError for unknown names and for values of the wrong type."""
        given = dict(values)
        check_names(given)
        if "error" in given:
            given["error"] = find_error(given["error"])
        for name, value in given.items():
            if name != "error" and type(value) not in TYPES[name]:
                message = f"{name} cannot be {value!r}."
                raise ValueError(message)
        return cls(**given)

    def paced_like(self, default: "Behaviour") -> "Behaviour":
        """This behaviour at the default's pace, where it has none of its own."""
        return replace(
            self,
            events=default.events if self.events is None else self.events,
            seconds=default.seconds if self.seconds is None else self.seconds,
        )


def find_error(value: Any) -> ErrorAnswer:
    """An error by its name in ERRORS or by its fields. Raises ValueError."""
    if isinstance(value, ErrorAnswer):
        return value
    if isinstance(value, Mapping):
        try:
            return ErrorAnswer(**value)
        except TypeError as error:
            raise ValueError(str(error)) from error
    if str(value) not in ERRORS:
        message = f"Unknown error {value!r}; known: {', '.join(ERRORS)}."
        raise ValueError(message)
    return ERRORS[str(value)]


def check_names(given: Iterable[str]) -> None:
    """Raises ValueError for a name that is no field of Behaviour."""
    unknown = sorted(set(given) - set(TYPES))
    if unknown:
        message = f"Unknown fault {unknown[0]!r}; known: {', '.join(TYPES)}."
        raise ValueError(message)


def _accepted(annotation: Any) -> tuple[type, ...]:
    """The types a field takes; the first one reads it from a marker."""
    text = str(annotation)
    if "float" in text:
        return float, int
    if "int" in text:
        return (int,)
    return (bool,) if "bool" in text else (str,)


TYPES: dict[str, tuple[type, ...]] = {
    field.name: _accepted(field.type) for field in fields(Behaviour)
}
