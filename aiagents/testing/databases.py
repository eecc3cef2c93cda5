"""Where does a test run find a PostgreSQL?

In this order: TEST_DATABASE_URL; a server on 127.0.0.1:5432 that lets us make databases (as
PGUSER and PGPASSWORD say, else `postgres` without a password); one of our own.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from aiagents.common import ids
from aiagents.testing.postgres_server import NoPostgresError, PostgresServer

__all__ = ["NoPostgresError", "own_postgres", "postgres", "scratch_database"]


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The address of a server, for as long as the block lasts. Raises NoPostgresError."""
    if url := os.environ.get("TEST_DATABASE_URL") or _local_server():
        yield url
        return
    with own_postgres() as server:
        yield server.url


@contextlib.contextmanager
def own_postgres() -> Iterator[PostgresServer]:
    """A server of our own, which a test may stop. Raises NoPostgresError."""
    folder = Path(tempfile.mkdtemp(prefix="aiagents-pg-"))
    try:
        server = PostgresServer(folder).start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def scratch_database(server_url: str, *, template: str = "template1") -> Iterator[str]:
    """The address of a new database, a copy of `template`, dropped at the end."""
    name = f"scratch_{ids.new_id().hex[-16:]}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(drop.format(sql.Identifier(name)))


def _local_server() -> str:
    user = os.environ.get("PGUSER", "postgres")
    url = f"postgresql://{user}@127.0.0.1:5432/postgres"
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute(
                "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error:
        return ""
    if not (row and row[0]):
        return ""
    if password := os.environ.get("PGPASSWORD"):
        return url.replace("@", f":{password}@", 1)
    return url
