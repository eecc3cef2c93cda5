"""The audit for administrators: the list, and taking it away as CSV or JSON lines."""

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts import selectors as account_selectors
from accounts import services as account_services
from accounts.choices import AuditAction
from accounts.models import AuditEntry
from accounts.querysets import AuditQuerySet
from aiagents.common import clock, ids, sheets
from aiagents.common.errors import InvalidInput
from aiagents.common.principals import Principal
from marketplace.pages.access import page, principal_of

PAGE_SIZE = 50
#: More than this would be a file that nobody opens, and a request that takes long.
MAX_EXPORTED = 50_000
PLATFORM = uuid.UUID(int=0)
LABELS = dict(AuditAction.choices)
COLUMNS = (
    "at", "chain", "sequence", "action", "user_id", "user", "api_key_id", "target", "details",
    "previous_hash", "hash",
)  # fmt: skip
KINDS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An entry as it is shown."""

    entry: AuditEntry
    what: str
    who: str
    #: What it was done to: a person's name where it is known, else `kind:id`.
    target: str
    team: str
    details: Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What the list is narrowed to; a value that cannot be read is ignored."""

    action: str = ""
    person: str = ""
    team: uuid.UUID | None = None
    since: dt.date | None = None
    until: dt.date | None = None

    @classmethod
    def read(cls, params: Mapping[str, str]) -> "AuditFilter":
        """The filter of an address or a form."""
        action = params.get("action", "")
        return cls(
            action=action if action in LABELS else "",
            person=params.get("person", "").strip()[:50],
            team=ids.parse_id(params.get("team", "")),
            since=_date(params.get("since", "")),
            until=_date(params.get("until", "")),
        )

    @property
    def is_active(self) -> bool:
        """Whether anything is left out."""
        return any((self.action, self.person, self.team, self.since, self.until))

    def apply(self, *, by: Principal) -> AuditQuerySet:
        """The entries that pass; `until` is the last day. Raises NotAllowed."""
        end = self.until + dt.timedelta(days=1) if self.until else None
        return account_selectors.list_audit(
            by=by,
            action=self.action,
            username=self.person,
            chain=self.team,
            since=_midnight(self.since),
            until=_midnight(end),
        )


@require_safe
@page
def audit_list(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first."""
    wanted = AuditFilter.read(request.GET)
    rows = wanted.apply(by=principal_of(request))
    found = list(_older(rows, request.GET.get("before", ""))[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    context = {
        "filter": wanted,
        "lines": _lines(shown),
        "next": _cursor(shown[-1]) if len(found) > PAGE_SIZE else "",
        "is_first": "before" not in request.GET,
        "actions": AuditAction.choices,
        "most": MAX_EXPORTED,
    }
    is_part = request.headers.get("HX-Request")
    return render(request, "audit.html#rows" if is_part else "audit.html", context)


@require_POST
@page
def audit_export(request: HttpRequest) -> HttpResponse:
    """The filtered entries as a file, which the audit notes as well."""
    by, wanted = principal_of(request), AuditFilter.read(request.POST)
    file_format = request.POST.get("format", "csv")
    if file_format not in KINDS:
        raise InvalidInput("Choose CSV or JSON lines.")
    rows = wanted.apply(by=by)
    if rows[MAX_EXPORTED : MAX_EXPORTED + 1].exists():
        raise InvalidInput(f"More than {MAX_EXPORTED} entries; narrow the dates.")
    account_services.record_export(
        kind="audit",
        file_format=file_format,
        since=str(wanted.since or ""),
        until=str(wanted.until or ""),
        by=by,
        now=clock.now(),
    )
    response = HttpResponse(_file(rows, file_format), content_type=KINDS[file_format])
    response["Content-Disposition"] = f'attachment; filename="audit.{file_format}"'
    return response


def _file(rows: AuditQuerySet, file_format: str) -> str | bytes:
    entries = list(rows)
    names = account_selectors.names_of(entry.user_id for entry in entries)
    records = (_record(entry, names) for entry in entries)
    if file_format == "csv":
        return sheets.csv_text(COLUMNS, _cells(records))
    return b"".join(orjson.dumps(record) + b"\n" for record in records)


def _record(entry: AuditEntry, names: Mapping[uuid.UUID, str]) -> dict[str, Any]:
    record = {column: getattr(entry, column, "") for column in COLUMNS}
    return record | {"user": names.get(entry.user_id, "") if entry.user_id else ""}


def _cells(records: Iterator[dict[str, Any]]) -> Iterator[list[Any]]:
    for record in records:
        texts = record | {
            "at": record["at"].isoformat(),
            "details": orjson.dumps(record["details"]).decode(),
        }
        yield ["" if texts[column] is None else texts[column] for column in COLUMNS]


def _lines(entries: Sequence[AuditEntry]) -> list[Line]:
    names = account_selectors.names_of(
        key
        for entry in entries
        for key in (entry.user_id, entry.chain, _person(entry.target))
    )
    return [
        Line(
            entry=entry,
            what=LABELS.get(entry.action, entry.action),
            who=_who(entry, names),
            target=names.get(_person(entry.target) or PLATFORM, entry.target),
            team="Platform" if entry.chain == PLATFORM else names.get(entry.chain, "—"),
            details=[
                (key.replace("_", " "), _words(value))
                for key, value in entry.details.items()
            ],
        )
        for entry in entries
    ]


def _person(target: str) -> uuid.UUID | None:
    kind, _, key = target.partition(":")
    return ids.parse_id(key) if kind == "user" else None


def _who(entry: AuditEntry, names: Mapping[uuid.UUID, str]) -> str:
    if entry.user_id is None:
        return "nobody" if entry.action == AuditAction.SIGN_IN_FAILED else "platform"
    name = names.get(entry.user_id, "somebody who is gone")
    return f"{name}, by API key" if entry.api_key_id else name


def _words(value: Any) -> str:
    match value:
        case list():
            return ", ".join(map(str, value)) or "none"
        case bool():
            return "yes" if value else "no"
        case None | "":
            return "none"
        case _:
            return str(value)


def _cursor(entry: AuditEntry) -> str:
    return f"{entry.at.isoformat()}_{entry.id}"


def _older(rows: AuditQuerySet, cursor: str) -> AuditQuerySet:
    """The rows behind a cursor; all of them when it cannot be read."""
    written, _, text = cursor.partition("_")
    last_id = ids.parse_id(text)
    try:
        at = dt.datetime.fromisoformat(written)
    except ValueError:
        return rows
    if last_id is None or at.tzinfo is None:
        return rows
    return rows.filter(Q(at__lt=at) | Q(at=at, id__lt=last_id))


def _date(text: str) -> dt.date | None:
    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year < dt.MAXYEAR else None


def _midnight(day: dt.date | None) -> dt.datetime | None:
    return dt.datetime.combine(day, dt.time(), dt.UTC) if day else None
