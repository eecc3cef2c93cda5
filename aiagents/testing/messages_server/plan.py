"""Which behaviour the next request gets: its own marker, a script, the default."""

import threading
from collections import Counter
from dataclasses import dataclass

from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.messages_server.errors import invalid_request
from aiagents.testing.messages_server.markers import Fault, find_fault
from aiagents.testing.messages_server.prompts import Prompt


@dataclass(slots=True)
class _Scripted:
    behaviour: Behaviour
    left: int
    match: str | None


class Plan:
    """Behaviours for requests to come; set and read from different threads."""

    def __init__(self, default: Behaviour) -> None:
        self._first_default = default
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._default = self._first_default
            self._scripted: list[_Scripted] = []
            self._faults: Counter[str] = Counter()

    def set_default(self, behaviour: Behaviour) -> None:
        with self._lock:
            self._default = behaviour

    def script(self, behaviour: Behaviour, *, times: int, match: str | None) -> None:
        if times < 1:
            message = "times must be at least 1."
            raise ValueError(message)
        with self._lock:
            self._scripted.append(_Scripted(behaviour, times, match))

    def take(self, prompt: Prompt) -> Behaviour:
        """The behaviour for this prompt, used up. Raises RefusedError (400)."""
        try:
            fault = find_fault(prompt.question)
        except ValueError as error:
            message = f"messages: {error}"
            raise invalid_request(message) from error
        with self._lock:
            chosen = self._commanded(fault) or self._next(prompt) or self._default
            return chosen.paced_like(self._default)

    def _commanded(self, fault: Fault | None) -> Behaviour | None:
        if fault is None:
            return None
        self._faults[fault.written] += 1
        used_up = fault.times is not None and self._faults[fault.written] > fault.times
        return None if used_up else fault.behaviour

    def _next(self, prompt: Prompt) -> Behaviour | None:
        for scripted in self._scripted:
            if scripted.match is None or scripted.match in prompt.text:
                scripted.left -= 1
                if not scripted.left:
                    self._scripted.remove(scripted)
                return scripted.behaviour
        return None
