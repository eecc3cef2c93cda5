"""What may be typed into an agent's form? The same answer as a JSON Schema and in sentences."""

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from agents.catalogue.definition import InputField

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_ITEMS = 500
MAX_LENGTH = {"string": 500, "text": 20_000, "list": 500, "file": 60_000, "url": 2_000}
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
WEB_ADDRESS = r"^https?://[^\s\\]+$"
#: One character that shows: neither space nor control nor zero-width nor a mark of direction.
VISIBLE = (
    r"[^\s\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
Problems = list[str]
_VISIBLE = re.compile(VISIBLE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_WEB_ADDRESS = re.compile(r"https?://[^\s\\]+\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")


def input_schema(fields: Sequence[InputField]) -> dict[str, Any]:
    """The form as JSON Schema 2020-12; nothing outside the declared fields is allowed."""
    return {
        "$schema": DIALECT,
        "type": "object",
        "additionalProperties": False,
        "required": [field.key for field in fields if field.required],
        "properties": {field.key: _property(field) for field in fields},
    }


def validate(
    fields: Sequence[InputField], values: Mapping[str, Any], *, partial: bool = False
) -> dict[str, list[str]]:
    """What is wrong with `values`, as sentences by field; empty when they pass the form.

    With `partial` no field is required, as for a task told in free text.
    """
    known = {field.key: field for field in fields}
    errors = {str(key): [_unknown(known)] for key in values if key not in known}
    for key, field in known.items():
        required = field.required and not partial
        if key in values:
            problems = _value_problems(field, values[key], required=required)
        else:
            problems = ["This field is required."] if required else []
        if problems:
            errors[key] = problems
    return errors


def max_length(field: InputField) -> int:
    """How many characters the field, or one item of a list, may have."""
    return field.max_length or MAX_LENGTH[field.type]


def _unknown(known: Mapping[str, InputField]) -> str:
    return f"Unknown field. Known: {', '.join(known)}."


def _property(field: InputField) -> dict[str, Any]:
    about = {"title": field.label, "description": _about(field)}
    shape = _SHAPES[field.type](field)
    default = {} if field.default is None else {"default": field.default}
    return {key: value for key, value in about.items() if value} | shape | default


def _about(field: InputField) -> str:
    parts = [field.help, f"In {field.unit}." if field.unit else ""]
    if field.accept:
        parts.append(f"Paste the text of the file ({', '.join(field.accept)}).")
    return " ".join(part for part in parts if part)


def _text_shape(field: InputField) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "string", "maxLength": max_length(field)}
    return shape | ({"minLength": 1, "pattern": VISIBLE} if field.required else {})


def _number_shape(field: InputField) -> dict[str, Any]:
    bounds = {"minimum": field.min, "maximum": field.max}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    return {"type": field.type, **given}


def _boolean_shape(_: InputField) -> dict[str, Any]:
    return {"type": "boolean"}


def _date_shape(_: InputField) -> dict[str, Any]:
    return {"type": "string", "format": "date", "pattern": DATE}


def _url_shape(field: InputField) -> dict[str, Any]:
    length = max_length(field)
    return {
        "type": "string",
        "format": "uri",
        "pattern": WEB_ADDRESS,
        "maxLength": length,
    }


def _enum_shape(field: InputField) -> dict[str, Any]:
    return {"type": "string", "enum": list(field.options)}


def _multi_shape(field: InputField) -> dict[str, Any]:
    items = {"type": "string", "enum": list(field.options)}
    least = {"minItems": 1} if field.required else {}
    return {"type": "array", "items": items, "uniqueItems": True, **least}


def _list_shape(field: InputField) -> dict[str, Any]:
    item = {"type": "string", "maxLength": max_length(field), "pattern": VISIBLE}
    least = {"minItems": 1} if field.required else {}
    return {"type": "array", "items": item, "maxItems": MAX_ITEMS, **least}


_SHAPES: Mapping[str, Callable[[InputField], dict[str, Any]]] = {
    "string": _text_shape,
    "text": _text_shape,
    "file": _text_shape,
    "integer": _number_shape,
    "number": _number_shape,
    "boolean": _boolean_shape,
    "date": _date_shape,
    "url": _url_shape,
    "enum": _enum_shape,
    "multi": _multi_shape,
    "list": _list_shape,
}


def _value_problems(field: InputField, value: Any, *, required: bool) -> Problems:
    match field.type:
        case "string" | "text" | "file":
            return _text_problems(value, most=max_length(field), required=required)
        case "integer" | "number":
            return _number_problems(field, value)
        case "boolean":
            return [] if isinstance(value, bool) else ["True or false is expected."]
        case "date":
            return _date_problems(value)
        case "url":
            return _url_problems(value, most=max_length(field))
        case "enum":
            return _option_problems(field, value)
        case "multi":
            return _multi_problems(field, value, required=required)
        case "list":
            return _list_problems(field, value, required=required)
        case other:
            raise ValueError(other)


def _text_problems(value: Any, *, most: int, required: bool) -> Problems:
    if not isinstance(value, str):
        return ["Text is expected."]
    if "\x00" in value or _SURROGATE.search(value):
        return ["Holds a character that is not text."]
    if len(value) > most:
        return [f"At most {most} characters; this has {len(value)}."]
    if required and not _VISIBLE.search(value):
        return ["This field must not be blank."]
    return []


def _number_problems(field: InputField, value: Any) -> Problems:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        return [f"A {'whole ' * (field.type == 'integer')}number is expected."]
    if field.type == "integer" and value != int(value):
        return ["A whole number is expected."]
    if field.min is not None and value < field.min:
        return [f"At least {_figure(field.min)} is expected."]
    if field.max is not None and value > field.max:
        return [f"At most {_figure(field.max)} is expected."]
    return []


def _figure(number: float) -> str:
    return str(int(number) if number == int(number) else number)


def _date_problems(value: Any) -> Problems:
    expected = ["A date is expected, as in 2026-01-31."]
    if not isinstance(value, str) or not _DATE.match(value):
        return expected
    try:
        dt.date.fromisoformat(value)
    except ValueError:
        return expected
    return []


def _url_problems(value: Any, *, most: int) -> Problems:
    if problems := _text_problems(value, most=most, required=False):
        return problems
    if _WEB_ADDRESS.match(value) and _has_host(value):
        return []
    return ["A web address is expected that begins with http:// or https://."]


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _option_problems(field: InputField, value: Any) -> Problems:
    if isinstance(value, str) and value in field.options:
        return []
    return [f"One of these is expected: {', '.join(field.options)}."]


def _multi_problems(field: InputField, value: Any, *, required: bool) -> Problems:
    if not isinstance(value, list):
        return ["A list of options is expected."]
    if bad := [item for item in value if _option_problems(field, item)]:
        return _option_problems(field, bad[0])
    if len(set(value)) != len(value):
        return ["An option occurs twice."]
    return ["Choose at least one."] if required and not value else []


def _list_problems(field: InputField, value: Any, *, required: bool) -> Problems:
    if not isinstance(value, list):
        return ["A list of lines is expected."]
    if len(value) > MAX_ITEMS:
        return [f"At most {MAX_ITEMS} lines; this has {len(value)}."]
    if required and not value:
        return ["At least one line is expected."]
    most = max_length(field)
    for number, item in enumerate(value, start=1):
        if problems := _text_problems(item, most=most, required=True):
            return [f"Line {number}: {problems[0]}"]
    return []
