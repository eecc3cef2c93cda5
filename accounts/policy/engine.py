"""Evaluating the Rego files inside the process; whatever goes wrong is a denial.

An engine of regorus is bound to its thread, and use from another raises a panic that is no
`Exception`. So each thread has its own, and the one `except BaseException` of the platform
stands here.
"""

import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import regorus
import structlog

from accounts.policy.values import Decision, PolicyInput
from aiagents.common import clock, ids
from aiagents.common import json as strict_json

FOLDER = Path(__file__).parent
POLICY = "agent_access.rego"
ROLES = "roles.json"
RULE = "data.aiagents.agent_access.decision"
#: A decision takes 0.1 ms, on a busy machine some hundred; one that took this long comes
#: from a machine that is not well.
TIMEOUT_S = 2.0
NO_DECISION = "The policy could not decide; try again, or ask an administrator."

log = structlog.get_logger(__name__)
_of_thread = threading.local()


def decide(question: PolicyInput) -> Decision:
    """The policy's decision; denied when there is none."""
    document = question.as_dict()
    allowed, reasons = _answer(document)
    return Decision(
        id=ids.new_id(),
        allowed=allowed,
        reasons=reasons,
        input_digest=strict_json.digest(document),
    )


def build_engine(*sources: tuple[str, str]) -> Any:
    """An engine for this thread with the roles and `sources`, pairs of name and Rego text."""
    engine = regorus.Engine()
    for name, text in sources or (_source(POLICY),):
        engine.add_policy(name, text)
    engine.add_data_json(_source(ROLES)[1])
    return engine


@lru_cache
def _source(name: str) -> tuple[str, str]:
    return name, (FOLDER / name).read_text(encoding="utf-8")


def _answer(document: dict[str, Any]) -> tuple[bool, tuple[str, ...]]:
    started = clock.monotonic()
    try:
        value = _evaluate(document)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of the engine is no Exception
        return _no_decision(repr(error))
    if clock.monotonic() - started > TIMEOUT_S:
        return _no_decision("too slow")
    return _checked(value)


def _evaluate(document: dict[str, Any]) -> Any:
    try:
        _of_thread.engine = getattr(_of_thread, "engine", None) or build_engine()
        _of_thread.engine.set_input_json(strict_json.canonical(document).decode())
        return _of_thread.engine.eval_rule(RULE)
    except BaseException:
        # After a panic an engine is not to be trusted; the next call builds another.
        _of_thread.engine = None
        raise


def _checked(value: Any) -> tuple[bool, tuple[str, ...]]:
    if not isinstance(value, dict) or not isinstance(value.get("allow"), bool):
        return _no_decision("no decision object")
    reasons = value.get("reasons")
    if not isinstance(reasons, list) or not reasons:
        return _no_decision("no reasons")
    return value["allow"], tuple(str(reason) for reason in reasons)


def _no_decision(cause: str) -> tuple[bool, tuple[str, ...]]:
    log.error("policy_failed", action="policy_failed", cause=cause)
    return False, (NO_DECISION,)
