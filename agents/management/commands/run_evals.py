"""Try the samples of agents on the configured model and judge the answers."""

import sys
from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.choices import EvalStop
from agents.executor import EvalReport, run_evals
from agents.management.progress import ProgressLine
from agents.selectors import Selection
from agents.selectors.plans import TierWithoutModel
from aiagents.common.errors import NotFound

RULE_BROKEN = 1
INCOMPLETE = 2
INCOMPLETE_ENDS = (EvalStop.KEY_REFUSED, EvalStop.UNPRICED)
MAX_CONCURRENCY = 200
#: As stored, in whole micro-dollars.
MOST_USD = Decimal(100_000)


class Command(BaseCommand):
    """Ends with 1 when a rule was broken, with 2 when samples got no answer."""

    help = (
        "Run the samples of published versions, or of one agent's newest version, on the "
        "configured model, judge the answers by their checks and store the results. Results "
        "of the demo model are stored and never counted as quality. Exit status 1 when a "
        "check that needs no model failed; 2 when samples stayed without an answer, no key was "
        "accepted or a model has no price for --max-cost; 0 else, "
        "also when the budget ended it early."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which samples, how many at a time, and for how much."""
        parser.add_argument("--agent", default="", metavar="SLUG")
        parser.add_argument("--category", default="", metavar="SLUG")
        parser.add_argument(
            "--sample",
            type=_count,
            metavar="N",
            help="at most N samples, always the same ones, spread over the agents",
        )
        parser.add_argument(
            "--concurrency",
            type=_count,
            default=4,
            metavar="N",
            help="samples at a time (4)",
        )
        parser.add_argument(
            "--max-cost",
            type=_dollars,
            metavar="USD",
            help="stop before a call that might cost more than is left",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, and print what came of it."""
        selection = Selection(
            agent=options["agent"],
            category=options["category"],
            limit=options["sample"],
        )
        try:
            with ProgressLine(self.stderr, what="samples tried") as progress:
                report = run_evals(
                    selection,
                    concurrency=min(options["concurrency"], MAX_CONCURRENCY),
                    max_cost_usd=options["max_cost"],
                    on_progress=progress,
                )
        except NotFound as error:
            raise CommandError(error.message) from error
        except TierWithoutModel as error:
            raise CommandError(f"No model stands behind the tier '{error}'.") from error
        self._tell(report)
        if report.breaks_rules:
            sys.exit(RULE_BROKEN)
        if report.unanswered or report.stop in INCOMPLETE_ENDS:
            sys.exit(INCOMPLETE)

    def _tell(self, report: EvalReport) -> None:
        for slug, title, kind, rule, reason in report.failures:
            self.stdout.write(f"{slug} ({title}): {kind} {rule}: {reason}")
        self.stdout.write(f"{'check':<16}{'passed':>8}{'failed':>8}{'not judged':>12}")
        for kind in sorted({kind for kind, _ in report.counts}):
            passed, failed, open_ = (
                report.counts[kind, verdict] for verdict in (True, False, None)
            )
            self.stdout.write(f"{kind:<16}{passed:>8}{failed:>8}{open_:>12}")
        self.stdout.write(
            f"{report.tried} of {report.planned} samples tried, "
            f"{report.unanswered} without an answer; {report.cost_usd:.6f} USD."
        )
        if report.stop:
            self.stdout.write(f"Ended early: {report.stop.label}")
        if report.provider == "demo":
            self.stdout.write("The demo model answered: this says nothing of quality.")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
        raise ArgumentTypeError("a whole number above 0 is expected")
    return int(text)


def _dollars(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ArgumentTypeError("an amount as in 2.50 is expected") from error
    if not value.is_finite() or not 0 <= value <= MOST_USD:
        raise ArgumentTypeError(f"an amount from 0 to {MOST_USD} is expected")
    return round(value, 6)
