"""Evaluating the rules inside the process, by regorus.

An engine of regorus is bound to its thread, and use from another raises a panic that is no
`Exception`. So each thread makes its own, once, and the one `except BaseException` of the
platform stands here.
"""

import threading
from collections.abc import Mapping
from typing import Any

import regorus

from accounts.policy.bundle import RULE, Bundle
from accounts.policy.values import NoDecisionError
from aiagents.common import clock
from aiagents.common import json as strict_json

#: A decision takes 0.1 ms, on a busy machine some hundred; one that took this long comes
#: from a machine that is not well.
TIMEOUT_S = 2.0


class RegorusEngine:
    """The rules of one bundle, with an engine for each thread that asks."""

    def __init__(self, bundle: Bundle) -> None:
        """Nothing is compiled before a thread asks."""
        self.revision = bundle.revision
        self._bundle = bundle
        self._of_thread = threading.local()

    def evaluate(self, document: Mapping[str, Any]) -> Any:
        """The decision object. Raises NoDecisionError, also when it took too long."""
        started = clock.monotonic()
        try:
            value = self._evaluate(document)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # A panic of the engine is no Exception; after one it is not to be trusted.
            self._of_thread.engine = None
            raise NoDecisionError(repr(error)) from error
        if clock.monotonic() - started > TIMEOUT_S:
            raise NoDecisionError("too slow")
        return value

    def _evaluate(self, document: Mapping[str, Any]) -> Any:
        engine = getattr(self._of_thread, "engine", None)
        if engine is None:
            engine = self._of_thread.engine = build_engine(self._bundle)
        engine.set_input_json(strict_json.canonical(document).decode())
        return engine.eval_rule(f"data.{RULE.replace('/', '.')}")


def build_engine(bundle: Bundle, *, with_tests: bool = False) -> Any:
    """An engine for this thread."""
    engine = regorus.Engine()
    for name, text in bundle.rules + (bundle.tests if with_tests else ()):
        engine.add_policy(name, text)
    engine.add_data_json(bundle.data)
    return engine
