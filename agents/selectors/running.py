"""What is needed to run an agent."""

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from agents.catalogue.definition import Definition
from agents.catalogue.files import read_prompt
from agents.errors import AgentNotFound, VersionNotFound
from agents.models import Agent, AgentVersion
from agents.runtime import PromptBlocks
from aiagents.common.prepared import Prepared

#: Versions that a process keeps at hand; about 20 kB each.
KEPT_VERSIONS = 512


def get_listed_agent(slug: str) -> Agent:
    """An agent that everybody may see. Raises AgentNotFound."""
    rows = Agent.objects.listed().select_related("category", "topic", "live_version")
    found = rows.filter(slug=slug).first()
    if found is None:
        raise AgentNotFound
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """A version that may be asked for, and what the policy wants to know of its agent now."""

    #: Kept by the process and shared: to be read only.
    version: AgentVersion
    definition: Definition
    category: str
    risk: str
    is_suspended: bool
    #: The database's clock as this was read.
    now: dt.datetime


def get_runnable(slug: str, number: int | None = None) -> Runnable:
    """The live version of an agent, or the published or deprecated one of that number.

    Raises AgentNotFound, VersionNotFound.
    """
    rows = _listed_agent(slug=slug)
    if not rows:
        raise AgentNotFound
    agent_id, category, risk, suspended_at, version_id, now = rows[0]
    if number is not None:
        version_id = _numbered_version(agent_id, slug, number)
    version, definition = _kept_version(version_id)
    return Runnable(
        version=version,
        definition=definition,
        category=category,
        risk=risk,
        is_suspended=suspended_at is not None,
        now=now,
    )


_listed_agent = Prepared(
    lambda slug: (
        Agent.objects.listed()
        .filter(slug=slug)
        .values_list(
            *("id", "category__slug", "risk", "suspended_at", "live_version_id"),
            Now(),
        )
    ),
    slug=models.SlugField(),
)


def _numbered_version(agent_id: uuid.UUID, slug: str, number: int) -> uuid.UUID:
    rows = AgentVersion.objects.runnable().filter(agent_id=agent_id, number=number)
    found = rows.values_list("id", flat=True).first()
    if found is None:
        raise VersionNotFound(f"Agent '{slug}' has no published version {number}.")
    return found


@lru_cache(maxsize=KEPT_VERSIONS)
def _kept_version(version_id: uuid.UUID) -> tuple[AgentVersion, Definition]:
    """A version that was published never changes, so one reading is enough."""
    version = AgentVersion.objects.select_related("agent").get(id=version_id)
    return version, Definition.from_dict(version.definition)


@lru_cache(maxsize=1)
def prompt_blocks() -> PromptBlocks:
    """The shared blocks of all prompts, read once a process."""
    rules, risk = read_prompt(settings.CATALOGUE_DIR)
    return PromptBlocks(rules=rules, risk=risk)
