"""Querysets whose SQL is written once: what is asked for every execution only binds values.

Django spends more time on writing a query than PostgreSQL on answering it. A prepared queryset
is built from marks in place of values; the SQL is kept per connection, and a call replaces the
marks and reads plain tuples.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.expressions import RawSQL


@dataclass(frozen=True, slots=True, eq=False)
class _Slot:
    """Where a value belongs among the parameters."""

    name: str
    field: "models.Field[Any, Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """A queryset as SQL, for one connection."""

    connection: Any
    sql: str
    parameters: Sequence[Any]
    compiler: Any
    converters: Any


class Prepared:
    """A `values_list` queryset, asked again and again with other values."""

    def __init__(
        self,
        build: "Callable[..., models.QuerySet[Any, Any]]",
        **fields: "models.Field[Any, Any]",
    ) -> None:
        """`build` gets a mark for each of `fields`, to be used like a value in filters."""
        self._build = build
        self._fields = fields
        self._of_thread = threading.local()

    def __call__(self, **values: Any) -> list[tuple[Any, ...]]:
        """The rows, in the order of the names in `values_list`. Raises KeyError for a missing value."""
        written = self._written()
        bound = [self._bind(each, values) for each in written.parameters]
        with written.connection.cursor() as cursor:
            cursor.execute(written.sql, bound)
            rows = cursor.fetchall()
        if not written.converters:
            return list(rows)
        made = written.compiler.apply_converters(map(list, rows), written.converters)
        return [tuple(row) for row in made]

    def _bind(self, parameter: Any, values: dict[str, Any]) -> Any:
        if not isinstance(parameter, _Slot):
            return parameter
        return parameter.field.get_db_prep_value(
            values[parameter.name], connections[DEFAULT_DB_ALIAS]
        )

    def _written(self) -> _Written:
        connection = connections[DEFAULT_DB_ALIAS]
        kept: _Written | None = getattr(self._of_thread, "written", None)
        if kept is None or kept.connection is not connection:
            kept = self._of_thread.written = self._write(connection)
        return kept

    def _write(self, connection: Any) -> _Written:
        marks = {
            name: RawSQL("%s", (_Slot(name, field),), output_field=field)
            for name, field in self._fields.items()
        }
        compiler = self._build(**marks).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column for column, *_ in compiler.select]
        return _Written(
            connection=connection,
            sql=sql,
            parameters=parameters,
            compiler=compiler,
            converters=compiler.get_converters(columns),
        )
