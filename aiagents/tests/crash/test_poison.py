"""Some runs kill whoever runs them: they fail in the end, and nobody else does."""

import random
from concurrent.futures import ThreadPoolExecutor

from aiagents.testing.ledger import POSTERS, Ledger, query, show
from aiagents.testing.messages_server import Behaviour, Call, write_fault
from aiagents.testing.waiting import wait_until

RUNS = 500
POISONS = 5
#: Longer than it takes to kill, so that a poison never ends otherwise.
NEVER = write_fault(Behaviour(first_byte_delay=300))


class Killer:
    """Kills the worker of each call that a poison makes, and starts another."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.kills = 0
        self._seen = 0

    def look(self) -> None:
        """After the calls that came since the last look."""
        calls = self.ledger.platform.model.calls
        new, self._seen = calls[self._seen :], len(calls)
        owners = {self._owner(call.marker) for call in new if _is_poison(call)}
        for child in self.ledger.platform.workers:
            if str(child.process.pid) in owners:
                child.kill()
                self.kills += 1
                self.ledger.platform.spawn_worker()

    def _owner(self, marker: str | None) -> str:
        """The process that holds the execution of a call; "" when it was killed already."""
        rows = query(
            self.ledger.platform,
            "SELECT split_part(lease_owner, ':', 2) FROM agents_execution "
            f"WHERE status = 'running' AND inputs::text LIKE '%[[marker:{marker}]]%'",
        )
        return rows[0][0] if rows else ""


def _is_poison(call: Call) -> bool:
    return call.behaviour.first_byte_delay > 0


def test_five_poisons_among_500(start_platform, rng: random.Random):
    ledger = start_platform()
    ledger.platform.model.default(Behaviour(seconds=1, events=5))
    texts = [NEVER] * POISONS + [""] * (RUNS - POISONS)
    rng.shuffle(texts)
    killer = Killer(ledger)

    def is_over() -> bool:
        killer.look()
        return len(ledger.acknowledged) == RUNS and not (
            ledger.statuses().keys() & {"queued", "running"}
        )

    with ThreadPoolExecutor(POSTERS) as pool:
        posts = [pool.submit(ledger.post, text) for text in texts]
        wait_until(is_over, 240, message=lambda: f"{ledger.statuses()}", step=0.05)
    assert all(post.result() for post in posts)
    figures = ledger.check()
    show("5 poisons among 500", figures | {"kills": killer.kills})
    assert figures["by_status"] == {"succeeded": RUNS - POISONS, "failed": POISONS}
    failed = query(
        ledger.platform,
        "SELECT error_code, error_cause, inputs::text LIKE '%first_byte_delay%', attempt "
        "FROM agents_execution WHERE status = 'failed'",
    )
    assert failed == [("attempts_exhausted", "worker_lost", True, 5)] * POISONS
