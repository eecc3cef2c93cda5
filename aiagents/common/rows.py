"""Writing rows without writing their SQL anew each time.

Django resolves every value of an INSERT as an expression, and its `bulk_update` writes a CASE per
field and row; both cost more than the database needs for the rows. Here values are adapted by
their fields and nothing else; psycopg sends the statements of many rows in one pipeline.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models


def update_each(rows: Sequence[models.Model], *, fields: Sequence[str]) -> None:
    """Write these fields of each row, found by its primary key.

    For rows that the caller has locked in the transaction around: nothing is compared.
    """
    if not rows:
        return
    meta = rows[0]._meta  # noqa: SLF001 - a public name of Django
    columns: list[Any] = [meta.get_field(name) for name in fields]
    quote = connection.ops.quote_name
    assignments = ", ".join(f"{quote(column.column)} = %s" for column in columns)
    assert meta.pk is not None  # noqa: S101 - every model of ours has one
    sql = (
        f"UPDATE {quote(meta.db_table)} SET {assignments} "  # noqa: S608 - names of ours
        f"WHERE {quote(str(meta.pk.column))} = %s"
    )
    _execute_each(sql, [_values(row, [*columns, meta.pk]) for row in rows])


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model as they stand: every value is plain, none is an expression."""
    if not rows:
        return
    meta = rows[0]._meta  # noqa: SLF001 - a public name of Django
    quote = connection.ops.quote_name
    columns: Sequence[Any] = meta.local_concrete_fields
    names = ", ".join(quote(column.column) for column in columns)
    places = ", ".join(["%s"] * len(columns))
    sql = f"INSERT INTO {quote(meta.db_table)} ({names}) VALUES ({places})"  # noqa: S608 - names of ours
    _execute_each(sql, [_values(row, columns) for row in rows])


def _execute_each(sql: str, values: Sequence[Sequence[Any]]) -> None:
    with connection.cursor() as cursor:
        if len(values) == 1:
            cursor.execute(sql, values[0])
        else:
            cursor.executemany(sql, values)


def _values(row: models.Model, columns: Sequence[Any]) -> list[Any]:
    return [
        column.get_db_prep_save(getattr(row, column.attname), connection)
        for column in columns
    ]
