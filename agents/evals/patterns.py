"""Searching by a regular expression that cannot hold us up.

Python's engine cannot be interrupted: some patterns take longer than the universe on a line of
thirty letters, and hold the interpreter lock meanwhile. So each search has a process of its own,
which knows nothing of ours and is killed when its time is up.
"""

import subprocess
import sys

import orjson

#: Seconds; a start of the interpreter is part of it, also on a busy machine.
LIMIT_S = 10.0
FOUND, MISSING, BROKEN = 0, 1, 2
_CHILD = """
import json, re, sys
pattern, text = json.loads(sys.stdin.buffer.read())
try:
    found = re.search(pattern, text)
except (re.error, RecursionError, OverflowError):
    sys.exit(2)
sys.exit(0 if found else 1)
"""


class PatternTooSlow(Exception):
    """The search took longer than it may."""


class PatternBroken(Exception):
    """The pattern does not compile."""


def search(pattern: str, text: str, *, limit_s: float = LIMIT_S) -> bool:
    """Whether `pattern` is found. Raises PatternTooSlow, PatternBroken."""
    given = orjson.dumps([pattern, text.encode("utf-8", "replace").decode()])
    try:
        ended = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CHILD],
            input=given,
            timeout=limit_s,
            check=False,
            env={},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise PatternTooSlow from error
    if ended.returncode not in {FOUND, MISSING}:
        raise PatternBroken
    return ended.returncode == FOUND
