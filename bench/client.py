"""`python -m bench.client`: an open-loop HTTP client at a fixed rate, in a process of its own.

Reads a plan as JSON from stdin and writes what happened to stdout. Requests are sent when they
are due, however late earlier answers are; connections are kept alive.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp

TIMEOUT_S = 30
NO_ANSWER = 0
MAX_CONNECTIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One request that is sent again and again."""

    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send; targets take turns."""

    base_url: str
    targets: Sequence[Target]
    rate: float
    count: int


@dataclass(slots=True, kw_only=True)
class Sent:
    """What became of it."""

    latencies_ms: list[float] = field(default_factory=list)
    #: How much later than due each request was sent: the client's own lack of CPU.
    lags_ms: list[float] = field(default_factory=list)
    #: Answers by status, as text; "0" stands for none.
    statuses: dict[str, int] = field(default_factory=dict)
    #: The ids in the answers that accepted something.
    ids: list[str] = field(default_factory=list)
    cpu_ms: float = 0.0


def send(plan: Plan) -> Sent:
    """Run the client to its end. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.client"],
        input=json.dumps(asdict(plan)),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Sent(**json.loads(done.stdout))


async def _run(plan: dict[str, Any]) -> Sent:
    sent, statuses = Sent(), Counter[str]()
    bodies = [json.dumps(target["body"]).encode() for target in plan["targets"]]
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(
        plan["base_url"], connector=connector, timeout=timeout
    ) as session:
        started = time.monotonic()
        tasks = []
        for number in range(plan["count"]):
            due = started + number / plan["rate"]
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            place = number % len(bodies)
            one = _post(session, plan["targets"][place], bodies[place], sent, statuses)
            sent.lags_ms.append((time.monotonic() - due) * 1000)
            tasks.append(asyncio.create_task(one))
        await asyncio.gather(*tasks)
    sent.statuses = dict(statuses)
    sent.cpu_ms = time.process_time() * 1000
    return sent


async def _post(
    session: aiohttp.ClientSession,
    target: dict[str, Any],
    body: bytes,
    sent: Sent,
    statuses: Counter[str],
) -> None:
    headers = {"Content-Type": "application/json", **target["headers"]}
    began = time.monotonic()
    try:
        async with session.post(target["path"], data=body, headers=headers) as answer:
            text = await answer.read()
    except (aiohttp.ClientError, TimeoutError):
        statuses[str(NO_ANSWER)] += 1
        return
    sent.latencies_ms.append((time.monotonic() - began) * 1000)
    statuses[str(answer.status)] += 1
    if answer.ok:
        sent.ids.append(json.loads(text)["id"])


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_run(json.load(sys.stdin))))))
