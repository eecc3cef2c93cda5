"""How a form's fields look and what was typed into them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.forms import BoundField

#: What was typed, by field name, as a browser sends it.
Typed = Mapping[str, Sequence[str]]
TRUTH = {"true": True, "false": False}
LONG_TEXT_ROWS = 8
KEPT_ATTRIBUTES = ("autocomplete", "maxlength", "inputmode")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of a field."""

    value: str
    label: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One field as the page shows it."""

    name: str
    label: str
    #: The template of the control: input, textarea, select, choices or password.
    control: str = "input"
    #: The `type` of an <input>.
    type: str = "text"
    is_required: bool = False
    value: str = ""
    help: str = ""
    unit: str = ""
    options: tuple[Option, ...] = ()
    errors: tuple[str, ...] = ()
    #: Attributes of the control such as `autocomplete`, `min`, `maxlength`.
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of the control, or of the first one."""
        return f"input-{self.name}"

    @property
    def template(self) -> str:
        """Where the control is drawn."""
        return f"components/controls/{self.control}.html"

    @property
    def described_by(self) -> str:
        """The ids of help and error, for the control."""
        ids = [(f"{self.id}-help", self.help), (f"{self.id}-error", self.errors)]
        return " ".join(name for name, present in ids if present)


def from_bound(bound: BoundField) -> FormField:
    """A field of one of Django's forms as our pages show it."""
    widget = bound.field.widget
    kind = getattr(widget, "input_type", "text")
    given = {key: str(value) for key, value in widget.attrs.items()}
    kept = {key: given[key] for key in KEPT_ATTRIBUTES if key in given}
    return FormField(
        name=bound.html_name,
        label=str(bound.label),
        control="password" if kind == "password" else "input",
        type=kind,
        is_required=bound.field.required,
        value="" if kind == "password" else str(bound.value() or ""),
        help=_plain(bound.help_text),
        errors=tuple(map(str, bound.errors)),
        attributes=kept,
    )


def _plain(text: Any) -> str:
    """A lazy text as it is; one that is safe HTML stays so."""
    return text if isinstance(text, str) else str(text)


def with_errors(
    fields: Iterable[FormField], errors: Mapping[str, Sequence[str]]
) -> list[FormField]:
    """The same fields with their sentences."""
    return [replace(one, errors=tuple(errors.get(one.name, ()))) for one in fields]


def loose_errors(
    fields: Iterable[FormField], errors: Mapping[str, Sequence[str]]
) -> list[str]:
    """The sentences that belong to no field of the form."""
    names = {one.name for one in fields}
    return [
        text for name, texts in errors.items() if name not in names for text in texts
    ]


# --- The form of an agent -----------------------------------------------------------------
def run_fields(inputs: Sequence[Mapping[str, Any]], typed: Typed) -> list[FormField]:
    """The fields of an agent's `inputs`, filled with what was typed or with defaults."""
    return [_run_field(one, typed) for one in inputs]


def run_values(inputs: Sequence[Mapping[str, Any]], typed: Typed) -> dict[str, Any]:
    """What was typed as the values the agent declares; empty fields are left out.

    A number that cannot be read stays text, so that the check names its field.
    """
    values = {one["key"]: _value(one, typed.get(one["key"], ())) for one in inputs}
    return {key: value for key, value in values.items() if value not in (None, "", [])}


def typed_values(
    inputs: Sequence[Mapping[str, Any]], values: Mapping[str, Any]
) -> Typed:
    """The other way round: values as a browser would send them."""
    types = {one["key"]: one["type"] for one in inputs}
    return {
        key: _typed(types[key], value) for key, value in values.items() if key in types
    }


def _typed(kind: str, value: Any) -> list[str]:
    # A value may come from a run of an earlier version, where the field had another type.
    items = value if isinstance(value, list) else [value]
    if kind == "multi":
        return [str(item) for item in items]
    if kind == "list":
        return ["\n".join(str(item) for item in items)]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _run_field(declared: Mapping[str, Any], typed: Typed) -> FormField:
    key, kind = declared["key"], declared["type"]
    given = list(typed.get(key, ()))
    if not typed and declared.get("default") is not None:
        given = _typed(kind, declared["default"])
    return FormField(
        name=key,
        label=declared["label"],
        control=CONTROLS[kind],
        type=INPUT_TYPES.get(kind, "text"),
        is_required=declared["required"],
        value=given[0] if given else "",
        help=_help(declared),
        unit=declared.get("unit", ""),
        options=_options(declared, given),
        attributes=_attributes(declared),
    )


CONTROLS = {
    "string": "input",
    "integer": "input",
    "number": "input",
    "date": "input",
    "url": "input",
    "text": "textarea",
    "list": "textarea",
    "file": "textarea",
    "enum": "select",
    "multi": "choices",
    "boolean": "choices",
}
INPUT_TYPES = {
    "integer": "number",
    "number": "number",
    "date": "date",
    "url": "url",
    "multi": "checkbox",
    "boolean": "radio",
}


def _help(declared: Mapping[str, Any]) -> str:
    parts = [declared.get("help", "")]
    if declared["type"] == "list":
        parts.append("One per line.")
    if declared["type"] == "file":
        parts.append(f"Paste the text of the file ({', '.join(declared['accept'])}).")
    parts.append(_range(declared))
    return " ".join(part for part in parts if part)


def _range(declared: Mapping[str, Any]) -> str:
    match declared.get("min"), declared.get("max"):
        case None, None:
            return ""
        case least, None:
            return f"At least {least}."
        case None, most:
            return f"At most {most}."
        case least, most:
            return f"From {least} to {most}."


def _options(declared: Mapping[str, Any], given: Sequence[str]) -> tuple[Option, ...]:
    if declared["type"] == "boolean":
        pairs = [("true", "Yes"), ("false", "No")]
    else:
        pairs = [(option, option) for option in declared.get("options", ())]
    return tuple(
        Option(value=value, label=label, is_chosen=value in given)
        for value, label in pairs
    )


def _attributes(declared: Mapping[str, Any]) -> dict[str, str]:
    kind = declared["type"]
    found = {
        "min": declared.get("min"),
        "max": declared.get("max"),
        "step": {"integer": "1", "number": "any"}.get(kind),
        "maxlength": declared.get("max_length")
        if kind not in {"list", "file"}
        else None,
        "rows": {"text": 5, "file": LONG_TEXT_ROWS, "list": 3}.get(kind),
        "inputmode": {"integer": "numeric", "number": "decimal"}.get(kind),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _value(declared: Mapping[str, Any], given: Sequence[str]) -> Any:
    first = given[0].replace("\r\n", "\n") if given else ""
    return READERS.get(declared["type"], _text)(first, given)


def _text(first: str, _: Sequence[str]) -> str:
    return first if first.strip() else ""


def _integer(first: str, _: Sequence[str]) -> int | float | str:
    try:
        return int(first)
    except ValueError:
        return _number(first, _)


def _number(first: str, _: Sequence[str]) -> float | str:
    try:
        return float(first)
    except ValueError:
        return first.strip()


def _lines(first: str, _: Sequence[str]) -> list[str]:
    return [line.strip() for line in first.splitlines() if line.strip()]


def _chosen(_: str, given: Sequence[str]) -> list[str]:
    return [value for value in given if value]


def _boolean(first: str, _: Sequence[str]) -> bool | str:
    return TRUTH.get(first, first)


READERS: Mapping[str, Callable[[str, Sequence[str]], Any]] = {
    "integer": _integer,
    "number": _number,
    "list": _lines,
    "multi": _chosen,
    "boolean": _boolean,
}
