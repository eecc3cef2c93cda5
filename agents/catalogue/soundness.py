"""What must hold inside one agent that a schema cannot say?"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from agents.catalogue import forms
from agents.catalogue.definition import InputField
from agents.catalogue.schema import Flaw, Path

#: The name under which a task told in free text travels beside the known values.
RESERVED_KEYS = frozenset({"task_description"})
#: Addresses beside the agents' own.
RESERVED_SLUGS = frozenset({"library", "categories"})


def soundness_flaws(data: Mapping[str, Any]) -> list[Flaw]:
    """Flaws of an agent that passes the schema but could not be run or tested."""
    parts = (_slug_flaws, _input_flaws, _output_flaws, _sample_flaws)
    return [flaw for part in parts for flaw in part(data)]


def _slug_flaws(data: Mapping[str, Any]) -> Iterator[Flaw]:
    if data["slug"] in RESERVED_SLUGS:
        yield Flaw(path=("slug",), reason=f"the slug {data['slug']} is reserved")


def _input_flaws(data: Mapping[str, Any]) -> Iterator[Flaw]:
    keys = Counter(entry["key"] for entry in data["inputs"])
    for index, entry in enumerate(data["inputs"]):
        path: Path = ("inputs", index)
        key = entry["key"]
        if keys[key] > 1:
            yield Flaw(path=path, reason=f"the input {key} occurs twice")
        if key in RESERVED_KEYS:
            yield Flaw(path=path, reason=f"the input name {key} is reserved")
        if "min" in entry and "max" in entry and entry["min"] > entry["max"]:
            yield Flaw(path=path, reason=f"the input {key} has a min above its max")
        yield from _default_flaws(entry, path)


def _default_flaws(entry: Mapping[str, Any], path: Path) -> Iterator[Flaw]:
    if "default" not in entry:
        return
    field = InputField.from_dict(entry)
    for problems in forms.validate([field], {field.key: entry["default"]}).values():
        yield Flaw(path=path, reason=f"the default of {field.key}: {problems[0]}")


def _output_flaws(data: Mapping[str, Any]) -> Iterator[Flaw]:
    schema = data["output"].get("json_schema")
    if schema is None:
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        reason = f"json_schema is no JSON Schema: {error.message:.120}"
        yield Flaw(path=("output", "json_schema"), reason=reason)


def _sample_flaws(data: Mapping[str, Any]) -> Iterator[Flaw]:
    for index, sample in enumerate(data["samples"]):
        for place, check in enumerate(sample["checks"]):
            if check["kind"] == "regex" and (problem := _regex_problem(check["value"])):
                yield Flaw(path=("samples", index, "checks", place), reason=problem)


def _regex_problem(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        return f"the regular expression does not compile: {error}"
    return ""
