"""The parts that need the whole platform: load with its floor, and what one worker holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench import held, load
from bench.floor.measure import Floors
from bench.results import Results, tell
from bench.stack import stack

FLOOR_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What to measure of the engine."""

    parts: Sequence[str]
    rates: Sequence[float]
    seconds: float
    #: `granian` or `uvicorn`.
    server: str


def measure(
    options: EngineOptions, *, server_url: str, template: str, results: Results
) -> None:
    """Load at each rate with the floor beside it, then what one worker holds."""
    with stack(server_url, template=template) as made:
        tell("starting model, web, worker and sweeper")
        made.start_model(seconds=load.MODEL_S)
        made.start_server(server=options.server)
        made.start_worker()
        made.start_sweeper()
        targets = made.targets()
        load.warm_up(made, targets)
        if "load" in options.parts:
            floors = Floors(made) if "floor" in options.parts else None
            for rate in options.rates:
                tell(f"load of {rate:g}/s for {options.seconds:g} s")
                stage = load.run_stage(
                    made, targets, rate=rate, seconds=options.seconds
                )
                if floors and not stage.unfinished:
                    seconds = min(FLOOR_S, options.seconds)
                    stage.floor = floors.measure(rate=rate, seconds=seconds)
                results.add(f"load_{rate:g}", load.figures(stage), load.detail(stage))
                if stage.unfinished:
                    tell(
                        f"{rate:g}/s is more than it can do; higher rates are left out"
                    )
                    break
        if "held" in options.parts and not made.wait_for_all(timeout_s=load.DRAIN_S):
            tell(f"{held.COUNT} executions for one worker")
            results.add("held", *held.measure(made, targets))
