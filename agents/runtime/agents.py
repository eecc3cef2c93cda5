"""The agents themselves: what to ask a model for, and what to make of its answer."""

import hashlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from threading import Lock
from typing import Any
from uuid import UUID

from agents.runtime.output import check_output
from agents.runtime.pricing import most_cost_of
from agents.runtime.prompt import (
    assemble_short_system,
    assemble_short_user,
    assemble_system,
    assemble_user,
    escape,
)
from agents.runtime.providers.base import Provider
from agents.runtime.values import AgentPlan, ModelCall, StreamPart

#: Enough for every version in use; a definition takes a few kilobytes.
MAX_LOADED = 4_000


class BaseAgent(ABC):
    """Something that turns inputs into a stream of text."""

    @property
    @abstractmethod
    def slug(self) -> str:
        """The agent's public name."""

    @abstractmethod
    def call(
        self, inputs: Mapping[str, Any], *, is_free_text: bool, provider: Provider
    ) -> ModelCall:
        """The request to the model for these inputs."""

    @abstractmethod
    def conclude(self, text: str, *, provider: Provider) -> Any:
        """The structured part of a finished answer, or None.

        Raises ProviderError `bad_model_output` when the answer breaks the output contract.
        """

    def stream(
        self, inputs: Mapping[str, Any], *, is_free_text: bool, provider: Provider
    ) -> AsyncGenerator[StreamPart, None]:
        """Ask the model and yield what it says. Raises ProviderError."""
        return provider.stream(
            self.call(inputs, is_free_text=is_free_text, provider=provider)
        )


class EnhancedAgent(BaseAgent):
    """An agent that is driven by its definition."""

    def __init__(self, plan: AgentPlan) -> None:
        """`plan` holds the version and the model it runs on."""
        self.plan = plan
        self._system = assemble_system(
            plan.definition, domain=plan.domain, blocks=plan.blocks
        )
        self._short_system = assemble_short_system(plan.definition)

    @property
    def system_digest(self) -> str:
        """SHA-256 of the whole system prompt, which names it in the lineage of a run."""
        return hashlib.sha256(self._system.encode()).hexdigest()

    @property
    def slug(self) -> str:
        """The agent's public name."""
        return self.plan.slug

    def call(
        self, inputs: Mapping[str, Any], *, is_free_text: bool, provider: Provider
    ) -> ModelCall:
        """The request to the model, as much of it as the provider can make use of."""
        if not provider.is_small:
            return self._whole_call(inputs, is_free_text=is_free_text)
        return ModelCall(
            model=provider.default_model,
            system=self._short_system,
            user=assemble_short_user(self.plan.definition, inputs=inputs),
            max_tokens=provider.max_tokens,
        )

    def most_cost(self, inputs: Mapping[str, Any], *, is_free_text: bool) -> Decimal:
        """US dollars that an attempt cannot exceed; zero for a model without a price.

        Where the answer has a schema, a second call may repair it and reads the first answer.
        """
        call = self._whole_call(inputs, is_free_text=is_free_text)
        prices = self.plan.prices
        first = most_cost_of(call, prices)
        if call.json_schema is None:
            return first
        return first + most_cost_of(call, prices, more_tokens=call.max_tokens)

    def _whole_call(
        self, inputs: Mapping[str, Any], *, is_free_text: bool
    ) -> ModelCall:
        definition, plan = self.plan.definition, self.plan
        user = assemble_user(definition, inputs=inputs, is_free_text=is_free_text)
        able = plan.capabilities
        return ModelCall(
            model=plan.model_id,
            system=self._system,
            user=user,
            max_tokens=min(
                plan.max_tokens, definition.model.max_tokens or plan.max_tokens
            ),
            effort=(definition.model.effort or plan.effort) if "effort" in able else "",
            json_schema=definition.output.json_schema
            if "json_schema" in able
            else None,
            thinking="thinking" in able,
        )

    def repair(self, call: ModelCall, *, answer: str, problem: str) -> ModelCall | None:
        """A second call after an answer that broke its schema; None where there is no schema."""
        if call.json_schema is None:
            return None
        parts = [
            call.user,
            f"<previous_answer>{escape(answer)}</previous_answer>",
            f"<problem>{escape(problem)}</problem>",
            "Answer again, with JSON that follows the schema and nothing else.",
        ]
        return replace(call, user="\n".join(parts))

    def conclude(self, text: str, *, provider: Provider) -> Any:
        """The parsed answer of an agent that answers JSON; None for text.

        A small model cannot be held to a schema; its answer is kept as text.
        """
        contract = self.plan.definition.output
        return check_output(contract, text, with_schema=not provider.is_small)


class AgentLoader:
    """Agents by version, built once: a version never changes, its model may."""

    def __init__(self) -> None:
        self._agents: OrderedDict[tuple[UUID, str], EnhancedAgent] = OrderedDict()
        self._lock = Lock()

    def load(
        self, version_id: UUID, *, stamp: str, read: Callable[[], AgentPlan]
    ) -> EnhancedAgent:
        """The agent of a version; `read` is called when it is not at hand under `stamp`."""
        key = (version_id, stamp)
        with self._lock:
            if key in self._agents:
                self._agents.move_to_end(key)
                return self._agents[key]
        agent = EnhancedAgent(read())
        with self._lock:
            self._agents[key] = agent
            while len(self._agents) > MAX_LOADED:
                self._agents.popitem(last=False)
        return agent
