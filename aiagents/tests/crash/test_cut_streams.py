"""Streams are cut in every way: no partial text is ever taken for an answer."""

import random
from dataclasses import replace

from aiagents.testing.ledger import query, show
from aiagents.testing.messages_server import Behaviour, write_fault

TEXT = "One whole answer, from its first word to its very last one. " * 4
EVENTS = 20
CUTS = 100
WHOLE = Behaviour(text=TEXT, events=EVENTS, seconds=0.3)
WAYS = ("cut_after", "end_after", "error_event_after")


def fault(rng: random.Random, *, times: int | None) -> str:
    """One of the ways to cut a stream, after some pieces."""
    way = {rng.choice(WAYS): rng.randint(1, EVENTS)}
    behaviour = replace(WHOLE, **way)  # type: ignore[arg-type] # each takes a number
    return write_fault(behaviour, times=times)


def test_a_hundred_cut_streams(start_platform, rng: random.Random):
    ledger = start_platform(workers=1, EXECUTION_MAX_FAILURES="3")
    ledger.platform.model.default(WHOLE)
    always = {ledger.post(fault(rng, times=None)) for _ in range(CUTS // 2)}
    once = {ledger.post(fault(rng, times=1)) for _ in range(CUTS // 2)}
    ledger.wait_for_all(timeout=180)
    figures = ledger.check()
    show("100 cut streams", figures)
    rows = query(
        ledger.platform,
        "SELECT id, status, output, error_code, error_cause, stop_reason FROM agents_execution",
    )
    ends = {str(key): row for key, *row in rows}
    causes = {"llm_error", "llm_overloaded"}
    for key in always:
        status, output, code, cause, reason = ends[key]
        assert (status, code, reason) == ("failed", "attempts_exhausted", "")
        assert cause in causes
        assert TEXT.startswith(output)
    assert {tuple(ends[key][:2]) for key in once} == {("succeeded", TEXT)}
    # Each failed attempt counted once, and a breaker's rest not at all.
    assert figures["model_calls"] == 3 * len(always) + 2 * len(once)
