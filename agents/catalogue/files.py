"""What lies in a catalogue folder? Every file read, and every complaint with its line.

One bad definition is a complaint and the rest is read; a bad head refuses its file.
"""

import gc
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.catalogue import schema
from agents.catalogue.folder import CategoryEntry, Folder, Outlined, TopicEntry
from agents.catalogue.reader import Document, read_document
from agents.catalogue.topics import Progress, read_topic_files

TAXONOMY = "taxonomy.yaml"
STANDARDS = "_standards.yaml"
PROMPT = "_prompt.yaml"


def read_folder(
    root: Path, *, known: Container[str] = (), on_progress: Progress | None = None
) -> Folder:
    """Read the catalogue under `root`.

    `known` holds digests that passed before: the same text need not be judged again.
    """
    folder = Folder(root=root)
    _read_taxonomy(folder)
    _read_standards(folder)
    for path in sorted(root.glob("*/_category.yaml")):
        _read_category(folder, path)
    for path in sorted(root.glob("*/_accepted.yaml")):
        _read_accepted(folder, path)
    for path in sorted(root.glob("*/_outline.yaml")):
        _read_outline(folder, path)
    with _collection_paused():
        read_topic_files(folder, known=known, on_progress=on_progress)
    return folder


@contextmanager
def _collection_paused() -> Iterator[None]:
    # Reading makes millions of objects in no cycle; looking for cycles takes half the time.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_prompt(root: Path) -> tuple[str, dict[str, str]]:
    """The platform's rules and the block of each risk class. Raises ValueError."""
    folder = Folder(root=root)
    document = _open(folder, root / PROMPT, "prompt")
    if document is None:
        raise ValueError("; ".join(map(str, folder.problems)))
    risk = {name: "\n".join(lines) for name, lines in document.data["risk"].items()}
    return "\n".join(document.data["rules"]), risk


def read_models(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The model profiles and the prices as rows. Raises ValueError."""
    folder = Folder(root=path.parent)
    document = _open(folder, path, "models")
    if document is None:
        raise ValueError("; ".join(map(str, folder.problems)))
    return document.data["profiles"], document.data["prices"]


def _open(folder: Folder, path: Path, kind: str) -> Document | None:
    """The document at `path`; None, and the folder knows why, when it cannot be used."""
    try:
        document = read_document(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        folder.refuse(path, 1, f"cannot be read: {error}")
        return None
    for complaint in document.complaints:
        folder.refuse(path, complaint.line, complaint.reason)
    if document.complaints:
        return None
    flaws = schema.flaws(kind, document.data)
    for flaw in flaws:
        folder.refuse(path, document.line(flaw.path), flaw.reason)
    return None if flaws else document


def _read_taxonomy(folder: Folder) -> None:
    document = _open(folder, folder.root / TAXONOMY, "taxonomy")
    if document is not None:
        folder.categories = tuple(map(_category_entry, document.data))


def _category_entry(data: Mapping[str, Any]) -> CategoryEntry:
    topics = tuple(TopicEntry(**topic) for topic in data["topics"])
    return CategoryEntry(**{**data, "topics": topics})


def _read_standards(folder: Folder) -> None:
    path = folder.root / STANDARDS
    document = _open(folder, path, "standards") if path.is_file() else None
    if document is None:
        return
    names: set[str] = set()
    for index, entry in enumerate(document.data["standards"]):
        if entry["name"] in names:
            line = document.line(("standards", index))
            folder.refuse(path, line, f"the standard {entry['name']} occurs twice")
        names.add(entry["name"])
    folder.standards = frozenset(names)


def _read_category(folder: Folder, path: Path) -> None:
    document = _open(folder, path, "category")
    if document is None:
        return
    category = document.data["category"]
    if category != path.parent.name:
        folder.refuse(path, 1, f"category {category} stands in {path.parent.name}")
        return
    folder.domains[category] = document.data["domain"]


def _read_accepted(folder: Folder, path: Path) -> None:
    document = _open(folder, path, "accepted")
    for slug, digest in document.data["accepted"].items() if document else ():
        folder.accepted[slug] = digest
        line = document.line(("accepted", slug)) if document else 1
        folder.accepted_at[slug] = (path, line)


def _read_outline(folder: Folder, path: Path) -> None:
    document = _open(folder, path, "outline")
    if document is None:
        return
    for place, topic in enumerate(document.data["topics"]):
        for index, row in enumerate(topic["agents"]):
            folder.outlined.append(
                Outlined(
                    slug=row["slug"],
                    category=document.data["category"],
                    topic=topic["topic"],
                    file=path,
                    line=document.line(("topics", place, "agents", index)),
                )
            )
