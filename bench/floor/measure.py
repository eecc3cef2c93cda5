"""The bare parts of an execution at one offered rate, each in CPU ms of its own process."""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

import jwt
import orjson
import psycopg

from aiagents.common import ids, programs
from aiagents.testing.platform import Child
from aiagents.testing.waiting import wait_until
from bench.client import Plan, Target, send
from bench.figures import per
from bench.floor.authentication import ALGORITHM
from bench.procfs import use_of_sessions
from bench.stack import START_S, Stack

#: Appends of one execution: text of one second coalesced to 100 ms, begin and end.
APPENDS = 12
#: How often results are written together.
BATCH_S = 0.1
LOOP_S = 0.3
TABLE = """
CREATE TABLE bench_work (
  id uuid PRIMARY KEY, user_id uuid NOT NULL, agent varchar(64) NOT NULL,
  inputs jsonb NOT NULL, status varchar(10) NOT NULL, created_at timestamptz NOT NULL,
  output text NOT NULL DEFAULT '');
CREATE INDEX ON bench_work (user_id, created_at DESC, id DESC);
"""
UPDATE = """
UPDATE bench_work SET status = 'succeeded', output = given.output
FROM unnest(%s::uuid[], %s::text[]) AS given (id, output) WHERE bench_work.id = given.id
"""
INPUTS = {"task": "Write about the sea. " * 60}
FRAME = orjson.dumps({"type": "delta", "data": {"text": "x" * 90}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """CPU ms per execution of each bare part."""

    insert_ms: float
    push_ms: float
    stream_ms: float
    update_ms: float
    append_ms: float
    #: What a bare stream takes beyond the model's own time.
    stream_added_p95_ms: float

    @property
    def total_ms(self) -> float:
        """What an execution costs at least."""
        return (
            self.insert_ms
            + self.push_ms
            + self.stream_ms
            + self.update_ms
            + self.append_ms
        )

    def as_json(self) -> dict[str, float]:
        """For `results.json`."""
        return asdict(self) | {"total_ms": self.total_ms}


class Floors:
    """Measures beside a stack: its PostgreSQL, Redis and model, none of its own processes."""

    def __init__(self, stack: Stack) -> None:
        """Starts the bare web process and makes its table."""
        self._stack = stack
        with psycopg.connect(stack.database_url, autocommit=True) as server:
            server.execute(TABLE)
        self._port = programs.free_port()
        self._web = self._start()

    def measure(self, *, rate: float, seconds: float) -> Floor:
        """All parts at `rate`; takes about `seconds` and four more."""
        stream = self._stream(rate=rate, seconds=seconds)
        with stream:
            insert_ms = self._insert(rate=rate, seconds=seconds)
            written, _ = stream.communicate()
        if stream.returncode:
            raise RuntimeError("The bare streams failed.")
        told = json.loads(written)
        return Floor(
            insert_ms=insert_ms,
            push_ms=self._push(),
            stream_ms=told["cpu_ms"],
            update_ms=self._update(batch=max(1, round(rate * BATCH_S))),
            append_ms=self._append(streams=max(1, round(rate))),
            stream_added_p95_ms=told["added_p95_ms"],
        )

    def _start(self) -> Child:
        before = self._stack.env["DJANGO_SETTINGS_MODULE"]
        self._stack.env["DJANGO_SETTINGS_MODULE"] = "bench.floor.settings"
        try:
            application = "django.core.wsgi:get_wsgi_application"
            web = self._stack.start_granian(
                "floor", application, port=self._port, factory=True
            )
        finally:
            self._stack.env["DJANGO_SETTINGS_MODULE"] = before
        wait_until(
            lambda: web.says("") or self._accepted(1, rate=1) == 1,
            START_S,
            message="the bare web process does not answer",
            step=0.2,
        )
        return web

    def _insert(self, *, rate: float, seconds: float) -> float:
        self._accepted(round(rate), rate=rate)
        leader = {"floor": self._web.process.pid}
        before = use_of_sessions(leader)["floor"].cpu_ms
        count = self._accepted(round(rate * seconds), rate=rate)
        used = use_of_sessions(leader)["floor"].cpu_ms - before
        return per(used, count) or 0.0

    def _accepted(self, count: int, *, rate: float) -> int:
        claims = {"sub": str(ids.new_id()), "exp": int(time.time()) + 3600}
        token = jwt.encode(claims, self._stack.env["SECRET_KEY"], ALGORITHM)
        target = Target(
            path="/agents/bare",
            headers={"Authorization": f"Bearer {token}"},
            body={"inputs": INPUTS},
        )
        address = f"http://127.0.0.1:{self._port}"
        plan = Plan(base_url=address, targets=[target], rate=rate, count=count)
        return len(send(plan).ids)

    def _stream(self, *, rate: float, seconds: float) -> subprocess.Popen[str]:
        options: dict[str, Any] = {
            "--url": self._stack.env["ANTHROPIC_BASE_URL"],
            "--rate": rate,
            "--seconds": seconds,
            "--model-seconds": 1.0,
        }
        words = [str(word) for pair in options.items() for word in pair]
        return subprocess.Popen(
            [sys.executable, "-m", "bench.floor.stream", *words],
            stdout=subprocess.PIPE,
            text=True,
        )

    def _push(self) -> float:
        message = orjson.dumps({"id": str(ids.new_id())})
        with self._stack.redis.client() as client:

            def push() -> int:
                client.lpush("bench:queue", message)
                return 1

            cost = _cpu_ms(push)
            client.delete("bench:queue")
        return cost

    def _append(self, *, streams: int) -> float:
        keys = [f"bench:progress:{number}" for number in range(streams)]
        with self._stack.redis.client() as client:

            def append() -> int:
                pipeline = client.pipeline(transaction=False)
                for key in keys:
                    pipeline.xadd(key, {"e": FRAME}, maxlen=20_000, approximate=True)
                pipeline.execute()
                return streams

            cost = _cpu_ms(append)
            client.delete(*keys)
        return cost * APPENDS

    def _update(self, *, batch: int) -> float:
        output = "x" * 900
        with psycopg.connect(self._stack.database_url, autocommit=True) as server:
            rows = server.execute("SELECT id FROM bench_work LIMIT %s", [batch])
            keys = [key for (key,) in rows]

            def update() -> int:
                server.execute(UPDATE, [keys, [output] * len(keys)])
                return len(keys)

            return _cpu_ms(update)


def _cpu_ms(work: Any) -> float:
    """Own CPU ms of one unit of `work`, which answers how many it has done."""
    work()
    count, before, until = 0, time.process_time(), time.monotonic() + LOOP_S
    while time.monotonic() < until:
        count += work()
    return (time.process_time() - before) * 1000 / count
