"""What do the topic files say? Each sound agent, and why the others are none."""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.catalogue import schema
from agents.catalogue.digest import definition_digest
from agents.catalogue.folder import AgentText, Folder, Problem, TopicFile
from agents.catalogue.reader import Document, read_document
from agents.catalogue.soundness import soundness_flaws

#: Told after each file: how many are read, and of how many.
Progress = Callable[[int, int], None]


def topic_paths(root: Path) -> list[Path]:
    """The topic files under `root`, in order."""
    return sorted(p for p in root.glob("*/*.yaml") if not p.name.startswith("_"))


def read_topic_files(
    folder: Folder, *, known: Container[str], on_progress: Progress | None
) -> None:
    """Add every topic file under the root to `folder`, whose taxonomy is read.

    `known` holds digests that passed before: the same text need not be judged again.
    """
    paths = topic_paths(folder.root)
    for done, path in enumerate(paths, start=1):
        _read_topic_file(folder, path, known)
        if on_progress:
            on_progress(done, len(paths))
    _refuse_repeated_slugs(folder)


def _read_topic_file(folder: Folder, path: Path, known: Container[str]) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        folder.refuse(path, 1, f"cannot be read: {error}")
        return
    reading = _Reading(folder=folder, path=path, document=read_document(text))
    if not reading.has_sound_head():
        return
    data = reading.document.data
    folder.topic_files.append(
        TopicFile(
            file=path,
            text=text,
            data=data,
            category=data["category"],
            topic=data["topic"],
            glossary=tuple(data["glossary"]),
            agents=tuple(reading.sound_agents(known)),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """One topic file on its way into the folder."""

    folder: Folder
    path: Path
    document: Document

    def has_sound_head(self) -> bool:
        """Whether all but the agents is right; if not, the folder knows why."""
        complaints = [c for c in self.document.complaints if c.path[:1] != ("agents",)]
        for complaint in complaints:
            self.folder.refuse(self.path, complaint.line, complaint.reason)
        if complaints:
            return False
        flaws = schema.flaws("topic_head", self.document.data)
        for flaw in flaws:
            line = self.document.line(flaw.path)
            self.folder.refuse(self.path, line, flaw.reason)
        return not flaws and self._is_in_place()

    def _is_in_place(self) -> bool:
        data = self.document.data
        category, topic = data["category"], data["topic"]
        if (self.path.parent.name, self.path.stem) != (category, topic):
            reason = f"the head says {category}/{topic}, the path does not"
        elif self.folder.topic(category, topic) is None:
            reason = f"{category}/{topic} is not in the taxonomy"
        else:
            return True
        self.folder.refuse(self.path, 1, reason)
        return False

    def sound_agents(self, known: Container[str]) -> Iterator[AgentText]:
        """The agents that can be used; the folder knows why the others cannot."""
        for index, data in enumerate(self.document.data["agents"]):
            where: schema.Path = ("agents", index)
            problems = list(self._problems(where, data, known))
            if problems:
                self.folder.problems += problems
            else:
                yield self._agent_text(where, data)

    def _problems(
        self, where: schema.Path, data: Any, known: Container[str]
    ) -> Iterator[Problem]:
        slug = str(data.get("slug", "")) if isinstance(data, dict) else ""
        complaints = [c for c in self.document.complaints if c.path[:2] == where]
        for complaint in complaints:
            yield self._problem(complaint.line, slug, complaint.reason)
        if complaints or definition_digest(data) in known:
            return
        for flaw in schema.flaws("agent", data) or soundness_flaws(data):
            line = self.document.line((*where, *flaw.path))
            yield self._problem(line, slug, flaw.reason)

    def _problem(self, line: int, slug: str, reason: str) -> Problem:
        return Problem(file=self.path, line=line, slug=slug, reason=reason)

    def _agent_text(self, where: schema.Path, data: Any) -> AgentText:
        return AgentText(
            slug=data["slug"],
            category=self.document.data["category"],
            topic=self.document.data["topic"],
            file=self.path,
            line=self.document.line(where),
            lines=self.document.key_lines(where),
            digest=definition_digest(data),
            data=data,
        )


def _refuse_repeated_slugs(folder: Folder) -> None:
    first: dict[str, AgentText] = {}
    for place, file in enumerate(folder.topic_files):
        for agent in file.agents:
            first.setdefault(agent.slug, agent)
        kept = tuple(agent for agent in file.agents if first[agent.slug] is agent)
        for agent in file.agents:
            if (other := first[agent.slug]) is not agent:
                reason = (
                    f"the slug is taken by {other.file.parent.name}/{other.file.name}"
                )
                folder.refuse(agent.file, agent.line, reason, slug=agent.slug)
        folder.topic_files[place] = replace(file, agents=kept)
