"""`python -m aiagents.testing.messages_server --port N`: the server as a process."""

import argparse
import importlib
import importlib.util
import signal
import sys
from collections.abc import Sequence

from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.messages_server.server import LoopFactory, MessagesServer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    default = Behaviour(seconds=options.seconds, events=options.events)
    # Blocked in all threads, so that the signal waits for sigwait() below.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    with MessagesServer(
        port=options.port, default=default, loop_factory=_fast_loop()
    ) as server:
        sys.stdout.write(f"Messages server at {server.base_url}\n")
        sys.stdout.flush()
        signal.sigwait(_SIGNALS)
    return 0


def _fast_loop() -> LoopFactory | None:
    """uvloop, where it is installed: a sixth less CPU per stream."""
    if importlib.util.find_spec("uvloop") is None:
        return None
    factory: LoopFactory = importlib.import_module("uvloop").new_event_loop
    return factory


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="messages_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seconds", type=float, help="length of a stream")
    parser.add_argument("--events", type=int, help="pieces of text in a stream")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
