"""One sample of one agent: ask, conclude, judge."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from agents.catalogue.definition import Check
from agents.choices import ErrorCode
from agents.evals import judge, rules
from agents.evals.asking import Line
from agents.evals.judge import JudgeModel, NoVerdict
from agents.evals.purse import OutOfMoney
from agents.evals.reading import Answer
from agents.evals.values import RUBRIC, EvalCase, Trial, Verdict, verdict
from agents.runtime import EnhancedAgent, ModelCall, ProviderError
from agents.runtime.output import check_stop_reason
from agents.runtime.providers.failures import KeyRefused
from aiagents.common import clock

#: The model answered and the answer cannot be used: the agent's failure, not the service's.
OWN_FAULTS = frozenset({ErrorCode.BAD_MODEL_OUTPUT, ErrorCode.LLM_REFUSED})


@dataclass(slots=True, kw_only=True)
class _Judged:
    verdicts: tuple[Verdict, ...]
    error_code: str = ""


async def try_sample(
    case: EvalCase, *, agent: EnhancedAgent, model: JudgeModel | None, line: Line
) -> Trial:
    """Ask the agent one sample and judge its answer; `line` is this trial's own.

    Raises OutOfMoney when the agent itself could not be asked any more, and KeyRefused.
    """
    began = clock.monotonic()
    provider = line.provider
    call = agent.call(case.sample.input, is_free_text=False, provider=provider)
    said, text = "", ""
    try:
        said, text = await _answer(agent, call, line)
        judged = await _judge(case, text, agent=agent, model=model, line=line)
    except KeyRefused:
        raise
    except ProviderError as error:
        said = line.said.model
        judged = _without_answer(case.sample.checks, error)
    used_judge = model is not None and _has_rubric(case) and not provider.is_small
    return Trial(
        case=case,
        provider=provider.kind,
        model=said,
        judge_model=model.model_id if model and used_judge and text else "",
        prompt_digest=_digest(call.system),
        answer_digest=_digest(text) if text else "",
        verdicts=judged.verdicts,
        error_code=judged.error_code,
        cost_usd=line.cost_usd,
        duration_ms=round((clock.monotonic() - began) * 1000),
    )


async def _answer(agent: EnhancedAgent, call: ModelCall, line: Line) -> tuple[str, str]:
    """The model's name and its answer, repaired once as in a run. Raises ProviderError."""
    prices = agent.plan.prices
    said = await line.ask(call, prices=prices)
    try:
        _conclude(agent, line)
    except ProviderError as error:
        repair = agent.repair(call, answer=said.text, problem=error.message)
        if repair is None or error.code is not ErrorCode.BAD_MODEL_OUTPUT:
            raise
        try:
            said = await line.ask(repair, prices=prices)
        except OutOfMoney:
            raise error from None
        _conclude(agent, line)
    return said.model, said.text


def _conclude(agent: EnhancedAgent, line: Line) -> None:
    check_stop_reason(line.said.stop_reason)
    agent.conclude(line.said.text, provider=line.provider)


async def _judge(
    case: EvalCase,
    text: str,
    *,
    agent: EnhancedAgent,
    model: JudgeModel | None,
    line: Line,
) -> _Judged:
    definition = agent.plan.definition
    answer = Answer(text, contract=definition.output)
    labels = rules.labels_of(definition.inputs)
    verdicts = []
    for check in case.sample.checks:
        if check.kind == RUBRIC:
            found = await _ask_judge(
                check, case, text, agent=agent, model=model, line=line
            )
        else:
            # A thread, because a regular expression is waited for.
            found = await asyncio.to_thread(
                rules.judge_rule, check, answer, labels=labels
            )
        verdicts.append(found)
    return _Judged(verdicts=tuple(verdicts))


async def _ask_judge(
    check: Check,
    case: EvalCase,
    text: str,
    *,
    agent: EnhancedAgent,
    model: JudgeModel | None,
    line: Line,
) -> Verdict:
    if line.provider.is_small:
        return verdict(check, None, "the demo model judges nothing")
    if model is None:
        return verdict(check, None, "no model stands behind the standard tier")
    if len(text) > judge.MAX_CHARS:
        return verdict(check, None, "the answer is too long to be judged")
    call = judge.judge_call(
        model,
        definition=agent.plan.definition,
        sample=case.sample,
        answer=text,
        rule=check.value,
    )
    try:
        said = await line.ask(call, prices=model.prices)
        check_stop_reason(said.stop_reason)
        wanted = judge.case_of(text, rule=check.value)
        passed, reason = judge.read_verdict(said.text, case=wanted)
    except OutOfMoney:
        return verdict(check, None, "the budget was spent")
    except ProviderError as error:
        return verdict(check, None, f"the judge did not answer: {error.message}")
    except NoVerdict as error:
        return verdict(check, None, str(error))
    return verdict(check, passed, reason)


def _without_answer(checks: Sequence[Check], error: ProviderError) -> _Judged:
    passed = False if error.code in OWN_FAULTS else None
    found = tuple(verdict(check, passed, error.message) for check in checks)
    return _Judged(verdicts=found, error_code=error.code)


def _has_rubric(case: EvalCase) -> bool:
    return any(check.kind == RUBRIC for check in case.sample.checks)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
