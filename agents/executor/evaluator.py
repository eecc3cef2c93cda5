"""Runs evals: asks the configured model all samples, a few at a time, and keeps the results.

The loop belongs to the event loop only while it waits for a model; rows are written between
two waits, so each result is kept before the next one is looked at.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings

from agents.choices import EvalStop
from agents.evals import EvalCase, JudgeModel, Line, NoPrice, OutOfMoney, Purse, Trial
from agents.evals import try_sample as try_one
from agents.executor.executor import configured_provider
from agents.models import EvalRun
from agents.runtime import EnhancedAgent
from agents.runtime.providers import Provider
from agents.runtime.providers.failures import KeyRefused
from agents.selectors import Plans, Selection, eval_cases
from agents.services import begin_evals, finish_evals, record_trial
from aiagents.common import clock

#: Told how many samples are done, and of how many.
Progress = Callable[[int, int], None]


@dataclass(slots=True, kw_only=True)
class EvalReport:
    """What a run of evals found."""

    planned: int
    provider: str
    cost_usd: Decimal = Decimal(0)
    stop: EvalStop | None = None
    tried: int = 0
    #: Samples that the model's service did not answer.
    unanswered: int = 0
    #: How often, by kind of check and by verdict: True, False, None for not judged.
    counts: Counter[tuple[str, bool | None]] = field(default_factory=Counter)
    #: Agent, sample, kind, rule and reason of each check that failed.
    failures: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    breaks_rules: bool = False

    def add(self, trial: Trial) -> None:
        """Count one more result."""
        self.tried += 1
        self.cost_usd += trial.cost_usd
        self.unanswered += bool(trial.error_code) and trial.count(False) == 0
        self.breaks_rules = self.breaks_rules or trial.breaks_a_rule
        case = trial.case
        for one in trial.verdicts:
            self.counts[one.kind, one.passed] += 1
            if one.passed is False:
                line = (case.slug, case.sample.title, one.kind, one.rule, one.reason)
                self.failures.append(line)


def run_evals(
    selection: Selection,
    *,
    concurrency: int,
    max_cost_usd: Decimal | None = None,
    on_progress: Progress = lambda done, total: None,
) -> EvalReport:
    """Try the selected samples on the configured model and keep every result.

    Ends early, and says so, before a call that might pass `max_cost_usd` and when no key is
    accepted. Raises AgentNotFound, CategoryNotFound, TierWithoutModel.
    """
    cases = eval_cases(selection)
    provider = configured_provider()
    plans = Plans()
    report = EvalReport(planned=len(cases), provider=provider.kind)
    run = begin_evals(
        selection=selection,
        max_cost_usd=max_cost_usd,
        provider=provider.kind,
        planned_count=len(cases),
        now=clock.now(),
    )
    purse = Purse(max_cost_usd)
    report.stop = EvalStop.INTERRUPTED
    try:
        with asyncio.Runner() as runner:
            crew = Crew(provider, purse=purse, judge=plans.judge(), size=concurrency)
            try:
                _keep_all(runner, crew, _ready(cases, plans), run, report, on_progress)
            finally:
                runner.run(crew.disband())
        report.stop = crew.stop
    finally:
        # What an unfinished call has cost is spent as well.
        report.cost_usd = purse.spent_usd
        finish_evals(
            run=run, cost_usd=report.cost_usd, stop=report.stop, now=clock.now()
        )
    return report


Ready = tuple[EvalCase, EnhancedAgent]


def _ready(cases: Iterable[EvalCase], plans: Plans) -> Iterator[Ready]:
    for case in cases:
        yield case, plans.agent(case.version_id)


def _keep_all(
    runner: asyncio.Runner,
    crew: "Crew",
    ready: Iterator[Ready],
    run: EvalRun,
    report: EvalReport,
    on_progress: Progress,
) -> None:
    while True:
        # Agents are read from the database here, outside the event loop.
        while crew.has_room and (work := next(ready, None)):
            runner.run(crew.begin(*work))
        trials = runner.run(crew.wait())
        if trials is None:
            return
        for trial in trials:
            record_trial(run=run, trial=trial, now=clock.now())
            report.add(trial)
            on_progress(report.tried, report.planned)


class Crew:
    """The trials under way; begins no more once it had to stop."""

    def __init__(
        self, provider: Provider, *, purse: Purse, judge: JudgeModel | None, size: int
    ) -> None:
        """`size` trials go on at a time."""
        self.stop: EvalStop | None = None
        self._provider = provider
        self._purse = purse
        self._judge = judge
        self._size = size
        self._tasks: set[asyncio.Task[Trial | None]] = set()

    @property
    def has_room(self) -> bool:
        """Whether another trial may begin."""
        return self.stop is None and len(self._tasks) < self._size

    async def begin(self, case: EvalCase, agent: EnhancedAgent) -> None:
        """Start one trial."""
        self._tasks.add(asyncio.create_task(self._try(case, agent)))

    async def wait(self) -> list[Trial] | None:
        """The next results, none for a trial that could not begin; None when all is over."""
        if not self._tasks:
            return None
        done, self._tasks = await asyncio.wait(
            self._tasks, return_when=asyncio.FIRST_COMPLETED
        )
        return [trial for task in done if (trial := task.result())]

    async def disband(self) -> None:
        """Stop what is under way and close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._provider.close()

    async def _try(self, case: EvalCase, agent: EnhancedAgent) -> Trial | None:
        line = Line(
            self._provider, purse=self._purse, max_chars=settings.MAX_OUTPUT_CHARS
        )
        try:
            return await try_one(case, agent=agent, model=self._judge, line=line)
        except NoPrice:
            self.stop = EvalStop.UNPRICED
        except OutOfMoney:
            self.stop = EvalStop.BUDGET
        except KeyRefused:
            self.stop = EvalStop.KEY_REFUSED
        return None
