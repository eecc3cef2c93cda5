"""What is a catalogue, once it is read? Frozen values of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why something in a file cannot be used."""

    file: Path
    line: int
    reason: str
    #: Empty where the whole file is meant.
    slug: str = ""

    def __str__(self) -> str:
        named = f"{self.slug}: " if self.slug else ""
        return f"{self.file}:{self.line}: {named}{self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicEntry:
    """One topic of the taxonomy."""

    slug: str
    scope: str
    quota: int
    min_risk: str = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryEntry:
    """One category of the taxonomy."""

    slug: str
    name: str
    target: int
    purpose: str
    boundary: str = ""
    topics: tuple[TopicEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentText:
    """One agent as it stands in its file."""

    slug: str
    category: str
    topic: str
    file: Path
    #: Where it and each of its parts begin.
    line: int
    lines: Mapping[str, int]
    digest: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFile:
    """One topic file; `agents` are those that are sound."""

    file: Path
    text: str
    data: Any
    category: str
    topic: str
    glossary: tuple[str, ...]
    agents: tuple[AgentText, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlined:
    """One agent that is planned and not written yet."""

    slug: str
    category: str
    topic: str
    file: Path
    line: int


@dataclass(slots=True, kw_only=True)
class Folder:
    """A whole catalogue."""

    root: Path
    categories: tuple[CategoryEntry, ...] = ()
    topic_files: list[TopicFile] = field(default_factory=list)
    #: Agents that are planned and not written yet.
    outlined: list[Outlined] = field(default_factory=list)
    #: The block that each prompt of a category shares.
    domains: dict[str, str] = field(default_factory=dict)
    standards: frozenset[str] = frozenset()
    #: The digest of each agent that passed review, and where that is said.
    accepted: dict[str, str] = field(default_factory=dict)
    accepted_at: dict[str, tuple[Path, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def agents(self) -> list[AgentText]:
        """Every sound agent, in the order of the files."""
        return [agent for file in self.topic_files for agent in file.agents]

    def topic(self, category: str, topic: str) -> TopicEntry | None:
        """The taxonomy's entry of a topic."""
        entries = (c for c in self.categories if c.slug == category)
        return next((t for c in entries for t in c.topics if t.slug == topic), None)

    def refuse(self, file: Path, line: int, reason: str, *, slug: str = "") -> None:
        """Note why something cannot be used."""
        self.problems.append(Problem(file=file, line=line, reason=reason, slug=slug))
