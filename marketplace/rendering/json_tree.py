"""How a JSON value is shown: a folded tree, a table where it is one, the raw text beside it."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, TypeGuard

from marketplace.rendering.plain import exact, visible

#: Levels that are unfolded at first.
OPEN_LEVELS = 2
MAX_LEVELS = 32
#: Members shown of one list or object, and rows and columns of one table; the raw text has all.
MAX_MEMBERS = 200
MAX_COLUMNS = 12
MAX_TEXT_CHARS = 2_000


def render_json(value: Any) -> str:
    """The HTML of a JSON value: its tree, then its raw text, folded."""
    return (
        f'<div class="json">{_node(value, level=0)}</div>'
        '<details class="json-raw"><summary>Raw JSON</summary>'
        f'<pre tabindex="0">{exact(raw_json(value))}</pre></details>'
    )


def raw_json(value: Any) -> str:
    """The value as text, indented unless it is too deep for that."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=2)
    except RecursionError:
        return json.dumps(value, ensure_ascii=False)


def _node(value: Any, *, level: int) -> str:
    if level >= MAX_LEVELS:
        return _scalar(json.dumps(value, ensure_ascii=False))
    if _is_table(value):
        return _table(value)
    match value:
        case Mapping():
            return _members(
                [(escape(visible(str(k))), v) for k, v in value.items()], level=level
            )
        case list():
            return _members(
                [(str(i), item) for i, item in enumerate(value, start=1)], level=level
            )
        case _:
            return _scalar(value)


def _members(members: Sequence[tuple[str, Any]], *, level: int) -> str:
    if not members:
        return '<span class="json-note">empty</span>'
    rows = "".join(
        _member(key, value, level=level) for key, value in members[:MAX_MEMBERS]
    )
    return f"<ul>{rows}{_rest(len(members) - MAX_MEMBERS)}</ul>"


def _member(key: str, value: Any, *, level: int) -> str:
    label = f'<span class="json-key">{key}</span>'
    if not isinstance(value, (Mapping, list)) or not value:
        return f"<li>{label} {_node(value, level=level + 1)}</li>"
    unfolded = " open" if level < OPEN_LEVELS else ""
    return (
        f"<li><details{unfolded}><summary>{label} {_count(value)}</summary>"
        f"{_node(value, level=level + 1)}</details></li>"
    )


def _count(value: Mapping[str, Any] | list[Any]) -> str:
    noun = "field" if isinstance(value, Mapping) else "item"
    plural = "" if len(value) == 1 else "s"
    return f'<span class="json-note">{len(value)} {noun}{plural}</span>'


def _rest(count: int) -> str:
    if count <= 0:
        return ""
    return f'<li class="json-note">{count} more in the raw JSON</li>'


def _scalar(value: Any) -> str:
    match value:
        case str() if len(value) > MAX_TEXT_CHARS:
            text = escape(visible(value[:MAX_TEXT_CHARS]))
            note = '<span class="json-note">… cut; the raw JSON has all of it</span>'
            return f'<span class="json-text">{text}</span>{note}'
        case str():
            return f'<span class="json-text">{escape(visible(value))}</span>'
        case _:
            return f'<span class="json-value">{escape(json.dumps(value))}</span>'


def _is_table(value: Any) -> TypeGuard[list[Mapping[str, Any]]]:
    """Whether this is a list of two or more objects without anything nested."""
    if not isinstance(value, list) or len(value) < 2:
        return False
    if not all(isinstance(row, Mapping) and row for row in value):
        return False
    columns = _columns(value)
    flat = all(
        not isinstance(cell, (Mapping, list)) for row in value for cell in row.values()
    )
    return flat and len(columns) <= MAX_COLUMNS


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys of all rows in the order they first appear."""
    return list(dict.fromkeys(key for row in rows for key in row))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = _columns(rows)
    head = "".join(f'<th scope="col">{escape(visible(key))}</th>' for key in columns)
    body = "".join(_row(row, columns) for row in rows[:MAX_MEMBERS])
    rest = len(rows) - MAX_MEMBERS
    note = (
        f'<p class="json-note">{rest} more rows in the raw JSON</p>' if rest > 0 else ""
    )
    return (
        '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}"
    )


def _row(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    cells = (f"<td>{_scalar(row[key]) if key in row else ''}</td>" for key in columns)
    return f"<tr>{''.join(cells)}</tr>"
