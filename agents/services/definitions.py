"""What does a changed definition file do to an agent's versions?"""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from accounts import services as account_services
from accounts.choices import AuditAction
from agents.catalogue.folder import AgentText, Folder
from agents.choices import VERSION_TRANSITIONS, VersionStatus
from agents.events import AgentPublished
from agents.models import Agent, AgentVersion
from agents.services.taxonomy import Place, Places
from aiagents.common.transitions import sources
from analytics.services import record_events

PUBLISHABLE = frozenset(sources(VERSION_TRANSITIONS, VersionStatus.PUBLISHED))
AGENT_FIELDS = [
    "category", "topic", "live_version", "name", "purpose", "deliverable", "description",
    "tags", "risk", "tier", "position", "file_digest", "published_at",
]  # fmt: skip
VERSION_FIELDS = ["definition", "digest", "status", "published_at"]


class Move(Enum):
    """What a file's text means for the newest version."""

    #: It is the same text, or only the database's text has changed.
    KEEP = auto()
    #: It is the same text and has now been accepted.
    PUBLISH = auto()
    #: It replaces an open draft that came from the file.
    REWRITE = auto()
    #: It is a new version beside the old ones.
    ADD = auto()
    #: Both have changed.
    CONFLICT = auto()


@dataclass(slots=True, kw_only=True)
class Changes:
    """Rows to write, and what to report."""

    created: list[Agent] = field(default_factory=list)
    updated: list[Agent] = field(default_factory=list)
    added: list[AgentVersion] = field(default_factory=list)
    rewritten: list[AgentVersion] = field(default_factory=list)
    #: Ids of versions that a newer one replaces.
    replaced: list[uuid.UUID] = field(default_factory=list)
    published: list[AgentVersion] = field(default_factory=list)
    events: list[AgentPublished] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    unchanged: int = 0
    drafts: int = 0


def decide_changes(read: Folder, *, places: Places, now: dt.datetime) -> Changes:
    """Compare every sound agent of the files with its rows; writes nothing."""
    agents = {agent.slug: agent for agent in Agent.objects.all()}
    newest = _newest_versions()
    changes = Changes()
    for position, text in _texts(read):
        loading = _Loading(
            text=text,
            place=places[text.category, text.topic],
            position=position,
            is_accepted=read.accepted.get(text.slug) == text.digest,
            now=now,
        )
        agent = agents.get(text.slug)
        if agent is None:
            loading.create(changes)
        else:
            loading.update(changes, agent, newest[agent.id])
    return changes


def save_changes(changes: Changes, *, now: dt.datetime) -> None:
    """Write the rows, events and audit; the caller holds the transaction."""
    # An agent may name its live version before that row exists: the constraint is deferred.
    Agent.objects.bulk_create(changes.created, batch_size=500)
    AgentVersion.objects.bulk_create(changes.added, batch_size=500)
    AgentVersion.objects.filter(
        id__in=changes.replaced, status=VersionStatus.PUBLISHED
    ).update(status=VersionStatus.DEPRECATED)
    AgentVersion.objects.bulk_update(changes.rewritten, VERSION_FIELDS, batch_size=200)
    Agent.objects.bulk_update(changes.updated, AGENT_FIELDS, batch_size=200)
    record_events(changes.events)
    account_services.record_deeds(
        [_deed(version) for version in changes.published], now=now
    )


def _deed(version: AgentVersion) -> account_services.Deed:
    return account_services.Deed(
        action=AuditAction.AGENT_PUBLISHED,
        target=f"agent:{version.agent.slug}",
        details={"version": version.number, "digest": version.digest},
    )


def decide_move(
    *, agent: Agent, newest: AgentVersion, digest: str, is_accepted: bool
) -> Move:
    """What the text with `digest`, now in the file, means for the agent's newest version."""
    if newest.digest == digest:
        is_due = is_accepted and newest.status in PUBLISHABLE
        return Move.PUBLISH if is_due else Move.KEEP
    if newest.digest != agent.file_digest:
        return Move.KEEP if agent.file_digest == digest else Move.CONFLICT
    is_open = newest.status == VersionStatus.DRAFT and newest.author_id is None
    return Move.REWRITE if is_open else Move.ADD


def _texts(read: Folder) -> Iterator[tuple[int, AgentText]]:
    for file in read.topic_files:
        yield from enumerate(file.agents, start=1)


def _newest_versions() -> dict[uuid.UUID, AgentVersion]:
    rows = AgentVersion.objects.order_by("agent_id", "number").defer("definition")
    return {row.agent_id: row for row in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loading:
    """One agent on its way into the database."""

    text: AgentText
    place: Place
    position: int
    is_accepted: bool
    now: dt.datetime

    def create(self, changes: Changes) -> None:
        agent = Agent(slug=self.text.slug, created_at=self.now)
        self._place(agent)
        self._describe(agent)
        changes.created.append(agent)
        self._add(changes, agent, number=1)

    def update(self, changes: Changes, agent: Agent, newest: AgentVersion) -> None:
        move = decide_move(
            agent=agent,
            newest=newest,
            digest=self.text.digest,
            is_accepted=self.is_accepted,
        )
        if move is Move.CONFLICT:
            changes.conflicts.append(agent.slug)
            return
        is_touched = self._place(agent)
        match move:
            case Move.KEEP:
                is_touched |= self._note_digest(agent)
            case Move.PUBLISH:
                self._publish(changes, agent, newest)
                self._rewrite(changes, newest)
            case Move.REWRITE:
                self._rewrite(changes, newest)
                self._publish_or_draft(changes, agent, newest)
            case Move.ADD:
                self._add(changes, agent, number=newest.number + 1)
        if move is Move.KEEP and not is_touched:
            changes.unchanged += 1
        else:
            changes.updated.append(agent)

    def _place(self, agent: Agent) -> bool:
        wanted = (self.place.category_id, self.place.topic_id, self.position)
        if (agent.category_id, agent.topic_id, agent.position) == wanted:
            return False
        agent.category_id, agent.topic_id, agent.position = wanted
        return True

    def _note_digest(self, agent: Agent) -> bool:
        if agent.file_digest == self.text.digest:
            return False
        agent.file_digest = self.text.digest
        return True

    def _add(self, changes: Changes, agent: Agent, *, number: int) -> None:
        version = AgentVersion(
            agent=agent,
            number=number,
            definition=self.text.data,
            digest=self.text.digest,
            created_at=self.now,
        )
        changes.added.append(version)
        self._publish_or_draft(changes, agent, version)

    def _rewrite(self, changes: Changes, version: AgentVersion) -> None:
        version.definition = self.text.data
        version.digest = self.text.digest
        changes.rewritten.append(version)

    def _publish_or_draft(
        self, changes: Changes, agent: Agent, version: AgentVersion
    ) -> None:
        self._note_digest(agent)
        if self.is_accepted:
            self._publish(changes, agent, version)
            return
        changes.drafts += 1
        if agent.live_version_id is None:
            self._describe(agent)

    def _publish(self, changes: Changes, agent: Agent, version: AgentVersion) -> None:
        if agent.live_version_id:
            changes.replaced.append(agent.live_version_id)
        version.status = VersionStatus.PUBLISHED
        version.published_at = agent.published_at = self.now
        agent.live_version_id = version.id
        self._note_digest(agent)
        self._describe(agent)
        version.agent = agent
        changes.published.append(version)
        changes.events.append(
            AgentPublished(
                aggregate_id=agent.id,
                agent=agent.slug,
                category=self.text.category,
                agent_version=version.number,
            )
        )

    def _describe(self, agent: Agent) -> None:
        data = self.text.data
        for name in ("name", "purpose", "deliverable", "description", "risk"):
            setattr(agent, name, data[name])
        agent.tags = list(data["tags"])
        agent.tier = data["model"]["tier"]
