"""`make bench`: measures, prints each figure beside its floor and its aim, writes results.json.

Only loopback, databases of its own that are dropped afterwards, no paid call. Run it on a
machine that does nothing else; the load before the run is part of the result.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aiagents.testing import databases
from bench import engine, growth, machine, probes
from bench.figures import table
from bench.results import Results, tell
from bench.stack import template_database

PARTS = ("load", "floor", "held", "policy", "search", "growth")
OUTPUT = Path(__file__).parent / "results.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Always 0 when it ran: an aim that is missed is a result, not an error."""
    options = _parser().parse_args(arguments)
    # So that `finally` ends children and drops databases.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    described, began = machine.describe(), time.monotonic()
    results = Results()
    with databases.postgres() as server:
        _measure(options, server, results)
    print(table(results.figures), "", sep="\n")
    document = {
        "machine": described,
        "settings": {k: v for k, v in vars(options).items() if k != "output"},
        "seconds": round(time.monotonic() - began, 1),
        "figures": [figure.as_json() for figure in results.figures],
        "detail": results.detail,
    }
    options.output.write_text(json.dumps(document, indent=1, default=str) + "\n")
    print(f"{document['seconds']:g} s; written to {options.output}")
    return 0


def _measure(options: argparse.Namespace, server: str, results: Results) -> None:
    tell("a database with the catalogue")
    with template_database(server) as template:
        if {"load", "held"} & set(options.parts):
            wanted = engine.EngineOptions(
                parts=options.parts,
                rates=sorted(options.rates),
                seconds=options.seconds,
                server=options.server,
            )
            engine.measure(
                wanted, server_url=server, template=template, results=results
            )
        if {"policy", "search"} & set(options.parts):
            probes.measure(
                options.parts, server_url=server, template=template, results=results
            )
        if "growth" in options.parts:
            growth.measure(
                server_url=server,
                template=template,
                stored=options.stored,
                server=options.server,
                results=results,
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--parts",
        type=_parts,
        default=list(PARTS),
        help=f"which of {','.join(PARTS)}; floor only beside load",
    )
    parser.add_argument(
        "--rates",
        type=lambda text: [float(word) for word in text.split(",")],
        default=[20.0, 50.0, 120.0, 200.0],
        help="executions offered a second, comma-separated",
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="length of each rate"
    )
    parser.add_argument(
        "--stored",
        type=int,
        default=200_000,
        help="stored executions of growth; 1000000 takes some minutes more",
    )
    parser.add_argument(
        "--server",
        choices=("granian", "uvicorn"),
        default="granian",
        help="what serves web: as in production, or as `make run`",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT)
    return parser


def _parts(text: str) -> list[str]:
    chosen = text.split(",")
    if unknown := set(chosen) - set(PARTS):
        message = f"unknown: {', '.join(sorted(unknown))}"
        raise argparse.ArgumentTypeError(message)
    return chosen


if __name__ == "__main__":
    sys.exit(main())
