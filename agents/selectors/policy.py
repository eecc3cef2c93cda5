"""May somebody run an agent, and why not? And what would other rules have decided?"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts import permissions as account_permissions
from accounts import selectors as account_selectors
from accounts.choices import AuditAction, DataClass
from accounts.models import AuditEntry
from accounts.permissions import (
    BadPolicyError,
    Bundle,
    Decision,
    Evaluator,
    NoDecisionError,
    PolicyInput,
)
from agents.models import Agent, Execution
from agents.selectors.running import get_listed_agent
from aiagents.common import clock
from aiagents.common import json as strict_json
from aiagents.common.errors import InvalidInput, NotFound
from aiagents.common.principals import Principal

CHUNK = 2_000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of the past with its answer."""

    question: PolicyInput
    was_allowed: bool
    user_id: uuid.UUID | None
    #: Whether the question is word for word the one that was asked then.
    is_exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What other rules would decide otherwise, for one person and one agent."""

    agent: str
    user_id: uuid.UUID | None
    lane: str
    is_key: bool
    #: None: they would have no decision at all, which denies.
    would_be_allowed: bool | None
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """What they would decide, in a word."""
        if self.would_be_allowed is None:
            return "undecided"
        return "allowed" if self.would_be_allowed else "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """Other rules against the questions of the past."""

    asked: int
    #: Questions that had to be put together from today's roles and risk.
    inexact: int
    revision: str
    #: Changes with how many requests each would have met, the most frequent first.
    changes: tuple[tuple[Change, int], ...]

    @property
    def changed(self) -> int:
        """How many requests would have been decided otherwise."""
        return sum(count for _, count in self.changes)


def explain_run(
    *,
    slug: str,
    by: Principal,
    lane: str,
    data_class: str = DataClass.INTERNAL,
    username: str = "",
) -> Decision:
    """The policy's decision about a run that nobody starts; nothing is recorded.

    `username` asks for somebody else, which only administrators may. Raises AgentNotFound,
    NotAllowed, NotFound for an unknown person, PolicyUnavailable.
    """
    agent = get_listed_agent(slug)
    return account_permissions.decide_run(
        principal=_named(username, by=by) if username else by,
        agent_slug=agent.slug,
        category=agent.category.slug,
        risk=agent.risk,
        lane=lane,
        is_suspended=agent.is_suspended,
        data_class=data_class,
    )


def try_policy(
    *,
    bundle: Bundle,
    since: dt.datetime,
    limit: int | None = None,
    on_progress: Progress | None = None,
) -> DryRun:
    """Ask `bundle` what was asked since a moment, and list what it decides otherwise.

    Runs that were started were allowed, and the audit holds the denied ones. `limit` is the
    most requests of each kind, newest first; `on_progress` is told how many were asked.
    """
    rules = account_permissions.rules_of(bundle)
    trial = _Trial(rules)
    for number, asked in enumerate(_asked(since, limit), start=1):
        trial.put(asked)
        if on_progress and number % CHUNK == 0:
            on_progress(number)
    return trial.result()


def rules_in_force() -> dict[str, str]:
    """The texts of the rules and roles of `POLICY_DIR`; empty where they cannot be read."""
    folder = Path(settings.POLICY_DIR)
    try:
        bundle = account_permissions.read_bundle(folder)
        roles = (folder / "roles.json").read_text(encoding="utf-8")
    except (BadPolicyError, OSError):
        return {}
    return {"rules": bundle.rules[0][1], "roles": roles}


def read_rules(rego: str, roles: str) -> Bundle:
    """Rules and roles as they were typed. Raises InvalidInput for rules that do not compile."""
    try:
        data = account_permissions.merged({"roles.json": roles})
    except BadPolicyError as error:
        raise InvalidInput(str(error), errors={"roles": [str(error)]}) from error
    bundle = Bundle(rules=(("agent_access.rego", rego),), data=data)
    try:
        account_permissions.rules_of(bundle).evaluate({})
    except NoDecisionError as error:
        raise InvalidInput(str(error), errors={"rules": [str(error)]}) from error
    return bundle


class _Trial:
    """Other rules, and what they have decided so far."""

    def __init__(self, rules: Evaluator) -> None:
        self._rules = rules
        self._answers: dict[str, tuple[bool | None, tuple[str, ...]]] = {}
        self._changes: Counter[Change] = Counter()
        self._asked = self._inexact = 0

    def put(self, asked: Asked) -> None:
        self._asked += 1
        self._inexact += not asked.is_exact
        allowed, reasons = self._answer(asked.question)
        if allowed != asked.was_allowed:
            self._changes[_change(asked, allowed, reasons)] += 1

    def result(self) -> DryRun:
        return DryRun(
            asked=self._asked,
            inexact=self._inexact,
            revision=self._rules.revision,
            changes=tuple(self._changes.most_common()),
        )

    def _answer(self, question: PolicyInput) -> tuple[bool | None, tuple[str, ...]]:
        key = strict_json.digest(question.as_dict())
        if key not in self._answers:
            self._answers[key] = self._decide(question)
        return self._answers[key]

    def _decide(self, question: PolicyInput) -> tuple[bool | None, tuple[str, ...]]:
        try:
            decision = account_permissions.decide(question, rules=self._rules)
        except NoDecisionError as error:
            return None, (f"No decision: {str(error)[:300]}",)
        return decision.allowed, decision.reasons


def _change(asked: Asked, allowed: bool | None, reasons: tuple[str, ...]) -> Change:  # noqa: FBT001 - three answers
    return Change(
        agent=asked.question.agent_slug,
        user_id=asked.user_id,
        lane=asked.question.lane,
        is_key=asked.question.is_key,
        would_be_allowed=allowed,
        reasons=reasons,
    )


def _asked(since: dt.datetime, limit: int | None) -> Iterator[Asked]:
    yield from _allowed(since, limit)
    denied = AuditEntry.objects.filter(action=AuditAction.POLICY_DENIED, at__gte=since)
    for entry in denied.order_by("-at", "-id")[:limit].iterator(chunk_size=CHUNK):
        if entry.target.startswith("agent:"):
            yield _denied(entry)


def _allowed(since: dt.datetime, limit: int | None) -> Iterator[Asked]:
    agents = {agent.id: agent for agent in Agent.objects.select_related("category")}
    people = _People()
    rows = Execution.objects.filter(created_at__gte=since).newest_first()
    rows = rows.only(
        "agent_id", "user_id", "api_key_id", "lane", "metadata", "created_at",
        "policy_digest", "policy_notes",
    )  # fmt: skip
    for row in rows[:limit].iterator(chunk_size=CHUNK):
        question = _question(row, agents[row.agent_id], people)
        digest = strict_json.digest(question.as_dict())
        yield Asked(
            question=question,
            was_allowed=True,
            user_id=row.user_id,
            is_exact=digest == row.policy_digest,
        )


def _question(row: Execution, agent: Agent, people: "_People") -> PolicyInput:
    notes: dict[str, Any] = row.policy_notes
    scopes = notes.get("scopes")
    return PolicyInput(
        roles=tuple(notes["roles"]) if "roles" in notes else people.roles(row.user_id),
        is_key=row.api_key_id is not None or scopes is not None,
        scopes=tuple(scopes or ()),
        agent_slug=agent.slug,
        category=agent.category.slug,
        risk=agent.risk,
        # A run that was accepted was one of an agent that was switched on.
        is_suspended=False,
        lane=row.lane,
        data_class=row.metadata.get("data_class", DataClass.INTERNAL),
        at=row.created_at,
    )


def _denied(entry: AuditEntry) -> Asked:
    told: dict[str, Any] = entry.details
    question = PolicyInput(
        roles=tuple(told.get("roles", ())),
        is_key=told.get("scopes") is not None,
        scopes=tuple(told.get("scopes") or ()),
        agent_slug=entry.target.removeprefix("agent:"),
        category=told.get("category", ""),
        risk=told.get("risk", ""),
        is_suspended=told.get("is_suspended", False),
        lane=told.get("lane", ""),
        data_class=told.get("data_class", DataClass.INTERNAL),
        at=entry.at,
    )
    digest = strict_json.digest(question.as_dict())
    return Asked(
        question=question,
        was_allowed=False,
        user_id=entry.user_id,
        is_exact=digest == told.get("input_digest"),
    )


class _People:
    """Today's roles, for runs of before they were noted."""

    def __init__(self) -> None:
        self._roles: dict[uuid.UUID, tuple[str, ...]] = {}

    def roles(self, user_id: uuid.UUID) -> tuple[str, ...]:
        if user_id not in self._roles:
            person = account_selectors.load_principal(user_id, now=clock.now())
            self._roles[user_id] = tuple(person.roles) if person else ()
        return self._roles[user_id]


def _named(username: str, *, by: Principal) -> Principal:
    account_permissions.check_can_manage_accounts(by)
    user = account_selectors.find_user_by_name(username)
    found = account_selectors.load_principal(user.id, now=clock.now()) if user else None
    if found is None:
        raise NotFound(f"There is nobody called '{username}' who may sign in.")
    return found
