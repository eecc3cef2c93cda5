"""Which inputs are in this file, and which of its rows do not pass the agent's form?

A file is JSON lines, one object of inputs a line, or CSV with the form's keys (or labels) as
its header. A row is refused for itself; only what makes the whole file unreadable is raised.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.catalogue import forms
from agents.catalogue.cells import safe_cell
from agents.catalogue.definition import InputField
from agents.errors import BadRow
from aiagents.common import json as strict_json
from aiagents.common.errors import InvalidInput

MAX_ROWS = 10_000
DELIMITERS = ",;\t"
#: Several values in one cell: one a line, or with this between them.
BETWEEN = "|"
INT64 = 2**63
_WHOLE = re.compile(r"[+-]?[0-9]+\Z")
MAX_DIGITS = 20
_NUMBER = re.compile(r"[+-]?[0-9]{0,40}\.?[0-9]{1,40}([eE][+-]?[0-9]{1,3})?\Z")
_TRUTH = {
    "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False,
}  # fmt: skip
# A cell may hold the longest text that a form allows.
csv.field_size_limit(max(csv.field_size_limit(), max(forms.MAX_LENGTH.values()) * 4))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row that passes the form."""

    line: int
    values: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class RowsRead:
    """What a file holds."""

    rows: list[Row] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    bad_count: int = 0

    @property
    def row_count(self) -> int:
        """All rows, good and bad."""
        return len(self.rows) + self.bad_count

    def take(self, line: int, values: Any, fields: Sequence[InputField]) -> None:
        """Add one row as it was read. Raises InvalidInput when there are too many."""
        if self.row_count == MAX_ROWS:
            message = f"At most {MAX_ROWS} rows are taken at once; split the file."
            raise InvalidInput(message, errors={"rows": [message]})
        bad = _problems(line, values, fields)
        if bad:
            self.bad += bad
            self.bad_count += 1
        else:
            self.rows.append(Row(line=line, values=values))


class _Unreadable(str):
    """Stands for a row that could not be read: why not."""

    __slots__ = ()


def read_objects(values: Sequence[Any], fields: Sequence[InputField]) -> RowsRead:
    """The rows of a list; a row's line is its place, from 1. Raises InvalidInput."""
    return _collected(enumerate(values, start=1), fields)


def read_json_lines(data: bytes, fields: Sequence[InputField]) -> RowsRead:
    """The rows of a JSON lines file; blank lines are passed over. Raises InvalidInput."""
    lines = _text(data).encode().split(b"\n")
    given = (
        (n, _decoded(line)) for n, line in enumerate(lines, start=1) if line.strip()
    )
    return _collected(given, fields)


def read_csv(data: bytes, fields: Sequence[InputField]) -> RowsRead:
    """The rows of a CSV file (RFC 4180) with comma, semicolon or tab. Raises InvalidInput.

    An empty cell is a field that was not given.
    """
    text = _text(data)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(text, fields), strict=True
    )
    try:
        header = _header(next(reader, []), fields)
        return _collected(_csv_rows(reader, header), fields)
    except csv.Error as error:
        message = f"The CSV cannot be read at line {reader.line_num}: {error}."
        raise InvalidInput(message, errors={"file": [message]}) from error


def _collected(
    given: Iterable[tuple[int, Any]], fields: Sequence[InputField]
) -> RowsRead:
    read = RowsRead()
    for line, values in given:
        read.take(line, values, fields)
    if not read.row_count:
        raise InvalidInput("There are no rows.", errors={"rows": ["There are none."]})
    return read


def _problems(line: int, values: Any, fields: Sequence[InputField]) -> list[BadRow]:
    if isinstance(values, _Unreadable):
        return [BadRow(line=line, field="", reason=str(values))]
    if not isinstance(values, dict):
        reason = "A JSON object with the agent's inputs is expected."
        return [BadRow(line=line, field="", reason=reason)]
    errors = forms.validate(fields, values)
    return [
        BadRow(line=line, field=key[:80], reason=" ".join(reasons))
        for key, reasons in errors.items()
    ]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"The file is not UTF-8 at line {line}; save it as UTF-8."
        raise InvalidInput(message, errors={"file": [message]}) from error


def _decoded(line: bytes) -> Any:
    try:
        return strict_json.loads(line)
    except InvalidInput as error:
        return _Unreadable(error.message.replace("The body", "The line"))


# --- CSV ----------------------------------------------------------------------------------
def _delimiter(text: str, fields: Sequence[InputField]) -> str:
    """The one that makes most of the first line's cells names of the form."""
    first = text.partition("\n")[0]
    names = _names(fields)

    def known(delimiter: str) -> int:
        cells = first.split(delimiter)
        return sum(_plain(cell.strip().strip('"')) in names for cell in cells)

    return max(DELIMITERS, key=known)


def _names(fields: Sequence[InputField]) -> dict[str, str]:
    """Keys by what a header may call them."""
    return {_plain(one.label): one.key for one in fields} | {
        _plain(one.key): one.key for one in fields
    }


def _plain(name: str) -> str:
    return " ".join(name.lower().split())


def _header(cells: Sequence[str], fields: Sequence[InputField]) -> list[InputField]:
    """The field of each column. Raises InvalidInput that names each wrong one."""
    names, by_key = _names(fields), {one.key: one for one in fields}
    keys = [names.get(_plain(cell), "") for cell in cells]
    errors = {
        cell.strip()[:80] or f"column {n}": [
            f"Unknown column. Known: {', '.join(by_key)}."
        ]
        for n, (cell, key) in enumerate(zip(cells, keys, strict=True), start=1)
        if not key
    }
    errors |= {
        key: ["This column occurs twice."]
        for key in keys
        if keys.count(key) > 1 and key
    }
    errors |= {
        one.key: ["This column is required."]
        for one in fields
        if one.required and one.key not in keys
    }
    if errors:
        named = ", ".join(f"'{name}'" for name in errors)
        raise InvalidInput(
            f"The header (line 1) does not fit the agent's form: {named}.",
            errors=errors,
        )
    return [by_key[key] for key in keys]


def _csv_rows(reader: Any, header: Sequence[InputField]) -> Iterator[tuple[int, Any]]:
    line = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield line, _values(cells, header)
        # A quoted cell may hold line breaks: the next row begins after what was read.
        line = reader.line_num + 1


def _values(cells: Sequence[str], header: Sequence[InputField]) -> Any:
    if len(cells) > len(header):
        return _Unreadable(
            f"{len(cells)} cells where the header has {len(header)}; a cell with the "
            "delimiter in it needs quotation marks."
        )
    pairs = zip(header, cells, strict=False)
    return {one.key: _value(one, cell) for one, cell in pairs if cell.strip()}


def _value(one: InputField, cell: str) -> Any:
    """The cell in the field's type; what cannot be read stays text, so the form names it."""
    return _READERS.get(one.type, str.strip)(cell)


def _as_text(cell: str) -> str:
    return cell.replace("\r\n", "\n")


def _as_number(cell: str) -> int | float | str:
    text = cell.strip()
    if not _WHOLE.match(text):
        return float(text) if _NUMBER.match(text) else text
    fits = len(text) <= MAX_DIGITS and -INT64 <= int(text) < INT64
    return int(text) if fits else text


def _as_truth(cell: str) -> bool | str:
    return _TRUTH.get(cell.strip().lower(), cell)


def _as_list(cell: str) -> list[str]:
    text = _as_text(cell)
    parts = text.split("\n") if "\n" in text.strip() else text.split(BETWEEN)
    return [part.strip() for part in parts if part.strip()]


_READERS: Mapping[str, Callable[[str], Any]] = {
    "string": _as_text,
    "text": _as_text,
    "file": _as_text,
    "integer": _as_number,
    "number": _as_number,
    "boolean": _as_truth,
    "multi": _as_list,
    "list": _as_list,
}


def template(fields: Sequence[InputField], samples: Iterable[Mapping[str, Any]]) -> str:
    """A CSV file to begin with: the form's keys, and the samples as rows."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([one.key for one in fields])
    for sample in samples:
        writer.writerow([safe_cell(_cell(sample.get(one.key))) for one in fields])
    return out.getvalue()


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return "\n".join(str(item) for item in value)
        case _:
            return str(value)
