"""Which samples are there to try, and what did trying them say?"""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Subquery

from agents.catalogue.definition import Sample
from agents.errors import AgentNotFound, CategoryNotFound
from agents.evals import EvalCase
from agents.models import Agent, AgentVersion, Category, EvalResult
from aiagents.common import json as strict_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Whose samples to try; everything that is left out is no limit."""

    #: Its newest version, published or not.
    agent: str = ""
    #: The live versions of its agents.
    category: str = ""
    #: At most so many samples.
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalSummary:
    """What the newest evals of a version on a live model said."""

    passed: int
    #: Checks that were judged, passed or not.
    judged: int
    model: str
    at: dt.datetime


def eval_cases(selection: Selection) -> list[EvalCase]:
    """The samples to try. Raises AgentNotFound, CategoryNotFound.

    With a limit they are drawn by their digests: always the same ones, spread over all agents.
    """
    cases = [case for row in _versions(selection) for case in _cases(row)]
    if selection.limit is None:
        return cases
    return sorted(cases, key=lambda case: case.sample_digest)[: selection.limit]


def _versions(selection: Selection) -> list[AgentVersion]:
    if selection.agent:
        newest = _newest(selection.agent)
        fits = selection.category in ("", newest.agent.category.slug)
        return [newest] if fits else []
    live = Agent.objects.listed().values("live_version")
    rows = AgentVersion.objects.filter(id__in=live).select_related("agent")
    if selection.category:
        if not Category.objects.filter(slug=selection.category).exists():
            raise CategoryNotFound(f"There is no category '{selection.category}'.")
        rows = rows.filter(agent__category__slug=selection.category)
    return list(rows.order_by("agent__slug"))


def _newest(slug: str) -> AgentVersion:
    rows = AgentVersion.objects.filter(agent__slug=slug)
    found = rows.select_related("agent__category").order_by("-number").first()
    if found is None:
        raise AgentNotFound(f"There is no agent '{slug}' with a version.")
    return found


def _cases(version: AgentVersion) -> Iterator[EvalCase]:
    # By digest, for a sample that was written twice is tried once.
    samples = {strict_json.digest(data): data for data in version.definition["samples"]}
    for digest, data in samples.items():
        yield EvalCase(
            version_id=version.id,
            slug=version.agent.slug,
            sample=Sample.from_dict(data),
            sample_digest=digest,
        )


def latest_evals(version_id: uuid.UUID) -> EvalSummary | None:
    """The newest run's word on a version, in one query; None without a live model's."""
    counted = EvalResult.objects.filter(version_id=version_id).of_live_models()
    newest = counted.order_by("-created_at", "-id").values("run_id")[:1]
    rows = counted.filter(run_id=Subquery(newest)).order_by("created_at", "id")
    found = list(
        rows.values_list("passed_count", "failed_count", "model", "created_at")
    )
    if not found:
        return None
    passed = sum(row[0] for row in found)
    return EvalSummary(
        passed=passed,
        judged=passed + sum(row[1] for row in found),
        # A result without an answer has no model's name.
        model=next((row[2] for row in reversed(found) if row[2]), ""),
        at=found[-1][3],
    )
