"""The files of a policy: Rego rules and JSON data in one folder, as an OPA server loads them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RULE = "aiagents/agent_access/decision"
TEST_ENDING = "_test.rego"
REVISION_CHARS = 16


class BadPolicyError(ValueError):
    """A folder or a text that is no policy; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Rules and data as they were read."""

    #: Name and Rego text.
    rules: tuple[tuple[str, str], ...]
    #: Becomes `data` of the rules.
    data: str
    tests: tuple[tuple[str, str], ...] = ()

    @property
    def revision(self) -> str:
        """The beginning of the SHA-256 of all that decides."""
        parts = json.dumps([self.rules, self.data]).encode()
        return hashlib.sha256(parts).hexdigest()[:REVISION_CHARS]


def read_bundle(folder: Path) -> Bundle:
    """The rules, data and tests of a folder. Raises BadPolicyError."""
    try:
        rego = {path.name: path.read_text("utf-8") for path in folder.glob("*.rego")}
        data = {path.name: path.read_text("utf-8") for path in folder.glob("*.json")}
    except (OSError, UnicodeDecodeError) as error:
        raise BadPolicyError(f"{folder} cannot be read: {error}") from error
    tests = {name for name in rego if name.endswith(TEST_ENDING)}
    if not set(rego) - tests:
        raise BadPolicyError(f"{folder} holds no .rego file.")
    return Bundle(
        rules=tuple((name, rego[name]) for name in sorted(set(rego) - tests)),
        data=merged(data),
        tests=tuple((name, rego[name]) for name in sorted(tests)),
    )


def merged(texts: Mapping[str, str]) -> str:
    """The members of several JSON objects as one. Raises BadPolicyError."""
    whole: dict[str, Any] = {}
    for name, text in sorted(texts.items()):
        try:
            part = json.loads(text)
        except ValueError as error:
            raise BadPolicyError(f"{name} is no JSON: {error}") from error
        if not isinstance(part, dict) or not whole.keys().isdisjoint(part):
            raise BadPolicyError(f"{name} must be an object with names of its own.")
        whole |= part
    return json.dumps(whole, sort_keys=True)
