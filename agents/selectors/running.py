"""What is needed to run an agent."""

from functools import lru_cache

from django.conf import settings
from django.db.models import Q

from agents.catalogue.files import read_prompt
from agents.errors import AgentNotFound, VersionNotFound
from agents.models import Agent, AgentVersion
from agents.runtime import PromptBlocks


def get_listed_agent(slug: str) -> Agent:
    """An agent that everybody may see. Raises AgentNotFound."""
    rows = Agent.objects.listed().select_related("category", "topic", "live_version")
    found = rows.filter(slug=slug).first()
    if found is None:
        raise AgentNotFound
    return found


def get_runnable_version(slug: str, number: int | None = None) -> AgentVersion:
    """The live version of an agent, or the published or deprecated one of that number.

    Raises AgentNotFound, VersionNotFound.
    """
    agent = get_listed_agent(slug)
    rows = AgentVersion.objects.runnable().filter(agent=agent)
    wanted = Q(pk=agent.live_version_id) if number is None else Q(number=number)
    version = rows.filter(wanted).first()
    if version is None:
        raise VersionNotFound(
            f"Agent '{slug}' has no published version {number or ''}."
        )
    version.agent = agent
    return version


@lru_cache(maxsize=1)
def prompt_blocks() -> PromptBlocks:
    """The shared blocks of all prompts, read once a process."""
    rules, risk = read_prompt(settings.CATALOGUE_DIR)
    return PromptBlocks(rules=rules, risk=risk)
