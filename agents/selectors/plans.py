"""Reading what is needed to run a version; kept, because a version never changes."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from agents.catalogue.definition import Definition
from agents.evals import JudgeModel
from agents.evals.judge import TIER as JUDGE_TIER
from agents.models import AgentVersion, ModelPrice, ModelProfile
from agents.runtime import AgentLoader, AgentPlan, EnhancedAgent, Price
from agents.selectors.running import prompt_blocks
from aiagents.common import clock

#: How long a changed profile or price may go unnoticed, in seconds.
FRESH_S = 15.0


class TierWithoutModel(LookupError):
    """No model profile stands behind a tier, so its agents cannot run."""


class Plans:
    """Agents ready to run, by version."""

    def __init__(self) -> None:
        self._loader = AgentLoader()
        self._profiles: dict[str, ModelProfile] = {}
        self._prices: dict[str, tuple[Price, ...]] = {}
        self._stamp = ""
        self._read_at = float("-inf")

    def agent(self, version_id: uuid.UUID) -> EnhancedAgent:
        """The agent of a version, on the model that its tier names now."""
        self._refresh()
        return self._loader.load(
            version_id, stamp=self._stamp, read=lambda: self._plan(version_id)
        )

    def judge(self) -> JudgeModel | None:
        """The model that judges evals; None while no model stands behind its tier."""
        self._refresh()
        profile = self._profiles.get(JUDGE_TIER)
        if profile is None:
            return None
        return JudgeModel(
            model_id=profile.model_id,
            max_tokens=profile.max_tokens,
            effort=profile.effort,
            capabilities=frozenset(profile.capabilities),
            prices=self._prices.get(profile.model_id, ()),
        )

    def _refresh(self) -> None:
        if clock.monotonic() - self._read_at < FRESH_S:
            return
        self._profiles = {
            profile.tier: profile for profile in ModelProfile.objects.all()
        }
        self._prices = read_prices()
        self._stamp = repr(
            [
                (p.tier, p.model_id, p.effort, p.max_tokens)
                for p in self._profiles.values()
            ]
        ) + repr(self._prices)
        self._read_at = clock.monotonic()

    def _plan(self, version_id: uuid.UUID) -> AgentPlan:
        version = AgentVersion.objects.select_related("agent__category").get(
            id=version_id
        )
        definition = Definition.from_dict(version.definition)
        profile = self._profiles.get(definition.model.tier)
        if profile is None:
            raise TierWithoutModel(definition.model.tier)
        return AgentPlan(
            slug=version.agent.slug,
            version_id=version.id,
            version_number=version.number,
            definition=definition,
            domain=version.agent.category.domain,
            blocks=prompt_blocks(),
            model_id=profile.model_id,
            max_tokens=profile.max_tokens,
            effort=profile.effort,
            capabilities=frozenset(profile.capabilities),
            prices=self._prices.get(profile.model_id, ()),
        )


def read_prices() -> dict[str, tuple[Price, ...]]:
    """The prices that hold now, by model: the newest row of each prompt-length step."""
    newest: dict[tuple[str, int], ModelPrice] = {}
    for row in ModelPrice.objects.filter(valid_from__lte=Now()).order_by("valid_from"):
        newest[row.model_id, row.above_prompt_tokens] = row
    prices: dict[str, tuple[Price, ...]] = {}
    for row in newest.values():
        prices[row.model_id] = (*prices.get(row.model_id, ()), _price(row))
    return prices


def _price(row: ModelPrice) -> Price:
    return Price(
        id=row.id,
        above_prompt_tokens=row.above_prompt_tokens,
        input_usd=row.input_usd,
        output_usd=row.output_usd,
        cache_read_usd=row.cache_read_usd,
        cache_write_usd=row.cache_write_usd,
    )


#: Of a process that accepts runs; an executor has its own.
_plans = Plans()


def most_cost(
    version_id: uuid.UUID, *, inputs: Mapping[str, Any], is_free_text: bool
) -> Decimal:
    """US dollars that a run with these inputs cannot exceed; the demo model is free."""
    if settings.DEMO_MODEL_URL:
        return Decimal(0)
    try:
        agent = _plans.agent(version_id)
    except TierWithoutModel:
        return Decimal(0)
    return agent.most_cost(inputs, is_free_text=is_free_text)
