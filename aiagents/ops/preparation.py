"""Is the database known to be up to date, told from files alone?

`set_up` notes a digest of everything it reads; while that is unchanged, web need not wait.
It runs at each start all the same, so a wrong note costs nothing but a second.
"""

import hashlib
from pathlib import Path

from aiagents.common import config
from aiagents.common.local_state import BASE_DIR

NOTE = "set_up.digest"
PASSWORD_FILE = "admin_password"  # noqa: S105 - a name
#: Migrations of packages come with the packages.
READ = ("*/migrations/*.py", "requirements/base.txt", "fixtures/**/*.yaml")


def is_done(var: Path) -> bool:
    """Whether `set_up` has seen these files and this database."""
    note = var / NOTE
    has_database = (var / "db.sqlite3").is_file() or bool(config.text("DATABASE_URL"))
    return has_database and note.is_file() and note.read_text() == digest()


def note_done(var: Path) -> None:
    """Remember that everything is up to date."""
    (var / NOTE).write_text(digest())


def digest(patterns: tuple[str, ...] = READ) -> str:
    """Of the files of `patterns` and of the address of the database."""
    result = hashlib.sha256(config.text("DATABASE_URL").encode())
    for path in sorted(
        found for pattern in patterns for found in BASE_DIR.glob(pattern)
    ):
        data = path.read_bytes()
        result.update(f"{path.relative_to(BASE_DIR)}\0{len(data)}\0".encode())
        result.update(data)
    return result.hexdigest()
