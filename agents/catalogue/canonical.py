"""The one written form of a catalogue file: an export after an import gives the same bytes.

Keys in the order of the schema; lists and mappings of scalars on one line where they fit,
sentences one per line; 132 columns; no anchors, no comments. The order of a sample's input is
that of the agent's fields, and the order of a JSON Schema that of its `required`: both can be
told from the data alone, since PostgreSQL's jsonb keeps no order of keys.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

WIDTH = 132
#: A list of sentences or a mapping longer than this gets one entry per line.
FIT = 124
MAX_SHORT = 40
UNLIMITED = 10**6


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FILE = _words("category topic domain glossary topics agents")
AGENT = _words(
    "slug name purpose deliverable description tags risk inputs role method standards "
    "ask_when_missing output checks never handoff samples model"
)
PART = _words(
    "key label type required help default options min max max_length unit accept "
    "format sections columns max_words json_schema title input checks kind value path "
    "equals tier effort max_tokens tools"
)
SCHEMA = _words(
    "$schema title type description additionalProperties required properties items enum"
)
#: Folded text whose line breaks mean nothing.
FOLDED = frozenset({"description", "domain"})
MAP_TAG = "tag:yaml.org,2002:map"
SEQ_TAG = "tag:yaml.org,2002:seq"


def canonical_text(data: Any) -> str:
    """The written form of one catalogue file, given what reading it gave."""
    return yaml.dump(
        ordered(data),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=WIDTH,
        default_flow_style=False,
    )


def ordered(data: Any, *, key: str = "") -> Any:
    """The same data with the keys of every mapping in their written order."""
    if isinstance(data, list):
        return [ordered(item) for item in data]
    if not isinstance(data, dict):
        is_folded = isinstance(data, str) and key in FOLDED
        return " ".join(data.split()) if is_folded else data
    if key == "json_schema":
        return ordered_schema(data)
    result = {name: ordered(data[name], key=name) for name in _names(data)}
    if "slug" in data and "inputs" in data:
        _order_samples(result)
    return result


def ordered_schema(schema: Any) -> Any:
    """A JSON Schema with its keywords in one order and its properties as `required` has them."""
    if isinstance(schema, list):
        return [ordered_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {}
    for name in sorted(schema, key=_rank(SCHEMA)):
        value = schema[name]
        if name in {"properties", "$defs"} and isinstance(value, dict):
            first = _rank([str(key) for key in schema.get("required", ())])
            result[name] = {
                k: ordered_schema(value[k]) for k in sorted(value, key=first)
            }
        else:
            result[name] = ordered_schema(value)
    return result


def _names(data: Mapping[str, Any]) -> list[str]:
    order = AGENT if "slug" in data else FILE if "category" in data else PART
    return sorted(data, key=_rank(order))


def _rank(order: Sequence[str]) -> Any:
    places = {name: place for place, name in enumerate(order)}
    return lambda name: (places.get(name, len(places)), name)


def _order_samples(agent: dict[str, Any]) -> None:
    fields = [
        str(entry.get("key")) for entry in agent["inputs"] if isinstance(entry, dict)
    ]
    for sample in agent.get("samples") or ():
        if isinstance(sample, dict) and isinstance(sample.get("input"), dict):
            given = sample["input"]
            sample["input"] = {
                key: given[key] for key in sorted(given, key=_rank(fields))
            }


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of PyYAML
        super().increase_indent(flow, False)  # noqa: FBT003 - as above

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _is_flow(value: dict[str, Any] | list[Any]) -> bool:
    if isinstance(value, list) and all(_is_short(item) for item in value):
        return True  # short words: one line, wrapped at WIDTH
    parts = value.values() if isinstance(value, dict) else value
    nested = isinstance(value, dict)
    return all(_is_simple(part, nested=nested) for part in parts) and _fits(value)


def _is_short(value: Any) -> bool:
    return _is_scalar(value) and len(str(value)) <= MAX_SHORT


def _is_simple(value: Any, *, nested: bool) -> bool:
    return _is_scalar(value) or (
        nested and isinstance(value, list) and all(map(_is_scalar, value))
    )


def _fits(value: Any) -> bool:
    # Writing is slow; what is too long unquoted is too long in any case.
    return _least_length(value) <= FIT and len(_one_line(value)) <= FIT


def _least_length(value: Any) -> int:
    match value:
        case dict():
            return sum(len(k) + _least_length(v) + 4 for k, v in value.items())
        case list():
            return sum(_least_length(item) + 2 for item in value)
        case str():
            return len(value)
        case _:
            return 1


def _one_line(value: Any) -> str:
    return yaml.dump(
        value,
        Dumper=yaml.SafeDumper,
        default_flow_style=True,
        sort_keys=False,
        allow_unicode=True,
        width=UNLIMITED,
    ).strip()


def _represent_dict(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    return dumper.represent_mapping(MAP_TAG, value.items(), flow_style=_is_flow(value))


def _represent_list(dumper: yaml.SafeDumper, value: list[Any]) -> yaml.Node:
    return dumper.represent_sequence(SEQ_TAG, value, flow_style=_is_flow(value))


_Dumper.add_representer(dict, _represent_dict)
_Dumper.add_representer(list, _represent_list)
