"""How do definitions get from files into the database, and back?

A load reads and judges everything first, then writes in one transaction. A text that did not
change is skipped by its digest; a text that changed in both places is a conflict and stays.
"""

import datetime as dt
import uuid
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from agents.catalogue.canonical import canonical_text
from agents.catalogue.files import read_folder
from agents.catalogue.folder import Folder, Problem
from agents.catalogue.topics import Progress
from agents.models import Agent, AgentVersion, Category, Topic
from agents.services import taxonomy
from agents.services.definitions import Changes, decide_changes, save_changes
from agents.services.profiles import ensure_models
from aiagents.common import clock
from aiagents.common.errors import InvalidInput

#: Held by a load on PostgreSQL, so that two never plan from the same rows.
LOAD_LOCK = 0x63_61_74_61


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What a load did."""

    created: int
    updated: int
    unchanged: int
    #: How many of the created and updated are not published.
    drafts: int
    #: Slugs whose text was changed in the file and in the database; nothing was written.
    conflicts: tuple[str, ...]
    errors: tuple[Problem, ...]
    #: Slugs that came from a file which no longer holds them; they stay.
    missing: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export did."""

    written: tuple[Path, ...]
    unchanged: int


def load_catalogue(
    *, folder: Path, now: dt.datetime, on_progress: Progress | None = None
) -> LoadReport:
    """Bring the definitions under `folder` into the database, in one transaction.

    One bad definition is reported and the rest is loaded. Published are only agents whose
    digest stands in `_accepted.yaml`. The models beside the folder (`../models.yaml`) are
    created where they are missing. Raises InvalidInput when there is no usable taxonomy.
    """
    began = clock.monotonic()
    read = read_folder(folder, known=_known_digests(), on_progress=on_progress)
    if not read.categories:
        raise InvalidInput(f"No usable taxonomy: {'; '.join(map(str, read.problems))}")
    changes = _write(read, now=now)
    return LoadReport(
        created=len(changes.created),
        updated=len(changes.updated),
        unchanged=changes.unchanged,
        drafts=changes.drafts,
        conflicts=tuple(changes.conflicts),
        errors=tuple(read.problems),
        missing=_missing(read),
        seconds=clock.monotonic() - began,
    )


def export_catalogue(*, folder: Path) -> ExportReport:
    """Write the newest text of every agent back as topic files, and each domain block.

    After a load the files have the same bytes as before. Nothing is deleted.
    """
    texts = _category_texts(folder) | _topic_texts(folder)
    written = []
    for path, text in texts.items():
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return ExportReport(written=tuple(written), unchanged=len(texts) - len(written))


def _known_digests() -> frozenset[str]:
    return frozenset(Agent.objects.values_list("file_digest", flat=True)) - {""}


@transaction.atomic
def _write(read: Folder, *, now: dt.datetime) -> Changes:
    _take_lock()
    models_file = read.root.parent / "models.yaml"
    if models_file.is_file():
        ensure_models(file=models_file)
    places = taxonomy.save_taxonomy(read)
    changes = decide_changes(read, places=places, now=now)
    save_changes(changes, now=now)
    return changes


def _take_lock() -> None:
    # SQLite needs none: its transactions begin as writers.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOAD_LOCK])


def _missing(read: Folder) -> tuple[str, ...]:
    present = {agent.slug for agent in read.agents} | {p.slug for p in read.problems}
    unread = {problem.file for problem in read.problems if not problem.slug}
    rows = Agent.objects.exclude(file_digest="").order_by("slug")
    named = rows.values_list("slug", "category__slug", "topic__slug")
    return tuple(
        slug
        for slug, category, topic in named
        if slug not in present and read.root / category / f"{topic}.yaml" not in unread
    )


def _category_texts(folder: Path) -> dict[Path, str]:
    rows = Category.objects.exclude(domain="").order_by("position")
    return {
        folder / row.slug / "_category.yaml": canonical_text(
            {"category": row.slug, "domain": row.domain}
        )
        for row in rows
    }


def _topic_texts(folder: Path) -> dict[Path, str]:
    rows = AgentVersion.objects.order_by("agent__position", "agent__slug", "number")
    newest = {row.agent_id: row for row in rows.select_related("agent")}
    by_topic: dict[uuid.UUID, list[AgentVersion]] = {}
    for row in newest.values():
        by_topic.setdefault(row.agent.topic_id, []).append(row)
    topics = Topic.objects.filter(id__in=by_topic).select_related("category")
    return {
        folder / topic.category.slug / f"{topic.slug}.yaml": canonical_text(
            {
                "category": topic.category.slug,
                "topic": topic.slug,
                "glossary": topic.glossary,
                "agents": [row.definition for row in by_topic[topic.id]],
            }
        )
        for topic in topics
    }
