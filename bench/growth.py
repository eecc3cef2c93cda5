"""Does the cost of an execution and of a page stay flat as the stored rows and agents grow?

Stored executions are copies, made in SQL, of ones that the platform ran: spread over 90 days
and over the people who ask, each with its three events.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import httpx2

from bench import load
from bench.client import Target
from bench.figures import Figure, per
from bench.procfs import POSTGRES, Watch
from bench.results import Results, tell
from bench.stack import Stack, stack

FEW = 1_000
FEW_AGENTS = 10
RATE, SECONDS = 50.0, 6.0
PEOPLE, AGENTS = 2, 6
PAGES = 60
#: Flat means within so many times the figure of the smallest state.
FLAT = 1.2
PARTS = (*load.OURS, POSTGRES)
ADDRESSES = (
    "/api/v1/executions?page_size=25",
    "/api/v1/agents?page_size=10",
    # The figures of every agent, from all stored executions.
    "/api/v1/agents?ordering=-runs&page_size=10",
)
#: Time-ordered, as the platform makes them: milliseconds, then randomness.
NEW_ID = """
CREATE OR REPLACE FUNCTION bench_new_id(at timestamptz) RETURNS uuid LANGUAGE sql AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
          || '7' || substr(md5(random()::text), 1, 19))::uuid $$
"""
COPY_EXECUTIONS = """
INSERT INTO agents_execution SELECT copy.*
FROM (SELECT n, statement_timestamp() - interval '90 days' * random() AS at
      FROM generate_series(1, %s) AS n) AS moment
JOIN (SELECT e AS pattern, row_number() OVER () AS place, count(*) OVER () AS total
      FROM agents_execution AS e WHERE e.status = 'succeeded') AS patterns
  ON patterns.place = 1 + moment.n %% patterns.total
CROSS JOIN LATERAL jsonb_populate_record(pattern, jsonb_build_object(
  'id', bench_new_id(at), 'created_at', at, 'available_at', at, 'woken_at', at,
  'started_at', at, 'deadline_at', at + interval '15 minutes',
  'first_token_at', at, 'finished_at', at + interval '1 second')) AS copy
"""
COPY_EVENTS = """
INSERT INTO analytics_event SELECT copy.*
FROM (SELECT id, created_at AS at FROM agents_execution AS e WHERE NOT EXISTS
      (SELECT FROM analytics_event WHERE aggregate_id = e.id)) AS missing
CROSS JOIN (SELECT e AS pattern FROM analytics_event AS e WHERE e.aggregate_id =
  (SELECT aggregate_id FROM analytics_event WHERE type = 'execution.succeeded' LIMIT 1)
) AS patterns
CROSS JOIN LATERAL jsonb_populate_record(pattern, jsonb_build_object(
  'id', bench_new_id(at), 'aggregate_id', missing.id, 'time', at, 'published_at', at)
) AS copy
"""
FEWER_AGENTS = """
UPDATE agents_agent SET live_version_id = NULL WHERE slug <> ALL (%s) AND id NOT IN
  (SELECT id FROM agents_agent WHERE live_version_id IS NOT NULL
   ORDER BY slug = ANY (%s) DESC, slug LIMIT %s)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What was stored, and what executions and pages cost then."""

    name: str
    executions: int
    agents: int
    execution_ms: float | None
    #: CPU by address, of web and of PostgreSQL where that can be seen.
    page_ms: dict[str, dict[str, float | None]]


def measure(
    *, server_url: str, template: str, stored: int, server: str, results: Results
) -> None:
    """Few executions and agents, all agents, then `stored` executions."""
    states: list[State] = []
    with stack(server_url, template=template) as made:
        tell("growth: starting")
        made.start_model(seconds=load.MODEL_S)
        made.start_server(server=server)
        made.start_worker()
        made.start_sweeper()
        targets = made.targets(people=PEOPLE, agents=AGENTS)
        load.warm_up(made, targets)
        fill(made, FEW)
        hidden = _hide_agents(made, targets)
        states.append(_state(made, targets, "few executions, few agents"))
        _show_agents(made, hidden)
        states.append(_state(made, targets, "few executions, all agents"))
        tell(f"growth: storing {stored:,} executions")
        fill(made, stored)
        states.append(_state(made, targets, "many executions, all agents"))
    results.add("growth", figures(states), [asdict(state) for state in states])


def fill(made: Stack, wanted: int) -> None:
    """Copy finished executions until `wanted` are stored, as if they had been run."""
    ((have,),) = made.query("SELECT count(*) FROM agents_execution")
    made.execute(NEW_ID)
    made.execute(COPY_EXECUTIONS, (max(0, wanted - have),))
    made.execute(COPY_EVENTS)
    # What autovacuum would have done in the course of 90 days.
    made.execute("VACUUM ANALYZE agents_execution")
    made.execute("VACUUM ANALYZE analytics_event")


def figures(states: Sequence[State]) -> list[Figure]:
    """Each state beside the first; the aim is that nothing grows."""
    first, made = states[0], []
    for state in states:
        part = (
            f"growth: {state.executions:,} executions stored, {state.agents:,} agents"
        )
        pairs = [("execution", state.execution_ms, first.execution_ms)]
        pairs += [
            (a, _sum(ms), _sum(first.page_ms[a])) for a, ms in state.page_ms.items()
        ]
        for name, value, before in pairs:
            made.append(
                Figure(
                    part=part,
                    name=f"CPU with PostgreSQL: {name}",
                    value=value,
                    unit="ms",
                    floor=None if state is first else before,
                    at_most=None if state is first else FLAT,
                    aim_is_ratio=state is not first,
                )
            )
    return made


def _state(made: Stack, targets: Sequence[Target], name: str) -> State:
    tell(f"growth: {name}")
    made.execute("CHECKPOINT")
    ((executions,),) = made.query("SELECT count(*) FROM agents_execution")
    sql = "SELECT count(*) FROM agents_agent WHERE live_version_id IS NOT NULL"
    ((agents,),) = made.query(sql)
    stage = load.run_stage(made, targets, rate=RATE, seconds=SECONDS)
    pages = {address: _page_ms(made, targets[0], address) for address in ADDRESSES}
    return State(
        name=name,
        executions=executions,
        agents=agents,
        execution_ms=stage.cost(*PARTS),
        page_ms=pages,
    )


def _sum(parts: dict[str, float | None]) -> float:
    return sum(ms for ms in parts.values() if ms is not None)


def _page_ms(made: Stack, target: Target, address: str) -> dict[str, float | None]:
    """CPU ms of one page in web and PostgreSQL."""
    with made.client(**target.headers) as client:
        _get(client, address)
        with Watch(made.leaders(), database_url=made.database_url) as watch:
            for _ in range(PAGES):
                _get(client, address)
    return {name: per(watch.cpu_ms.get(name), PAGES) for name in ("web", POSTGRES)}


def _get(client: httpx2.Client, address: str) -> None:
    client.get(address).raise_for_status()


def _hide_agents(made: Stack, targets: Sequence[Target]) -> list[Any]:
    """Take all but a few from the catalogue; returns what `_show_agents` brings back."""
    sql = (
        "SELECT id, live_version_id FROM agents_agent WHERE live_version_id IS NOT NULL"
    )
    before = made.query(sql)
    slugs = list({target.path.split("/")[4] for target in targets})
    made.execute(FEWER_AGENTS, (slugs, slugs, FEW_AGENTS))
    return before


def _show_agents(made: Stack, hidden: Sequence[Any]) -> None:
    sql = """UPDATE agents_agent SET live_version_id = given.version FROM
      unnest(%s::uuid[], %s::uuid[]) AS given (id, version) WHERE agents_agent.id = given.id"""
    agents, versions = zip(*hidden, strict=True)
    made.execute(sql, (list(agents), list(versions)))
