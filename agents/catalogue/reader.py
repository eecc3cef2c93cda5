"""Reading YAML strictly: only what JSON can hold, and every complaint with its line.

YAML 1.1 turns `21:30` into 1290, `no` into false and a date into an object, and takes the last
of two equal keys in silence. Each of these is refused here with the advice to quote it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from agents.catalogue.schema import Path

#: libyaml's parser; the one in Python takes ten times as long.
Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_DEPTH = 24
TAG = "tag:yaml.org,2002:"
PLAIN_INT = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
PLAIN_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
BOOLEANS = {"true": True, "false": False}
NULLS = frozenset({"null", "~", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something that a document must not hold."""

    path: Path
    line: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Document:
    """The data of one file, what is wrong with it, and where everything stands."""

    data: Any = None
    complaints: list[Complaint] = field(default_factory=list)
    root: yaml.Node | None = None

    def line(self, path: Path) -> int:
        """The line, from 1, of what stands at `path` or of its nearest surroundings."""
        line, node = 1, self.root
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line

    def key_lines(self, path: Path) -> dict[str, int]:
        """The line of each key of the mapping at `path`."""
        node = self.root
        for part in path:
            found = _child(node, part)
            node = found[1] if found else None
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        return {key.value: key.start_mark.line + 1 for key, _ in pairs}


def read_document(text: str) -> Document:
    """Parse one YAML document. Text that is no YAML gives one complaint and no data."""
    if "\x00" in text:
        return _unreadable("holds a NUL character", line=1)
    try:
        root = _compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"no YAML: {error.problem or error.context}"
        return _unreadable(reason, line=mark.line + 1 if mark else 1)
    except yaml.YAMLError as error:
        return _unreadable(f"no YAML: {error}", line=1)
    if root is None:
        return _unreadable("is empty", line=1)
    return _build(root)


def _unreadable(reason: str, *, line: int) -> Document:
    return Document(complaints=[Complaint(path=(), line=line, reason=reason)])


def _compose(text: str) -> yaml.Node | None:
    loader = Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


def _build(root: yaml.Node) -> Document:
    builder = _Builder()
    document = Document(root=root, complaints=builder.complaints)
    document.data = builder.value(root, ())
    return document


class _Builder:
    """Turns nodes into data; keeps going after a complaint, so that all are told at once."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> Any:
        """The data of `node`."""
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._seen:
            return self._complain(
                node, path, "an alias (*) is not allowed; write it out"
            )
        self._seen.add(id(node))
        if len(path) > MAX_DEPTH:
            return self._complain(node, path, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
            return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._complain(node, path, f"the tag {node.tag} is not allowed")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag != f"{TAG}str":
                self._complain(
                    key_node, path, f"the key {key_node.value!s:.40} needs quotes"
                )
                continue
            key = key_node.value
            if key in data:
                self._complain(
                    key_node, (*path, key), f"the key {key:.40} occurs twice"
                )
            data[key] = self.value(value_node, (*path, key))
        return data

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        text, kind = node.value, node.tag.removeprefix(TAG)
        if kind == "str":
            return text
        if kind == "int" and PLAIN_INT.match(text):
            return int(text)
        if kind == "float" and PLAIN_FLOAT.match(text):
            return float(text)
        if kind == "bool" and text in BOOLEANS:
            return BOOLEANS[text]
        if kind == "null" and text in NULLS:
            return None
        return self._complain(
            node, path, f"{text:.40} is read as {kind}; put it in quotes"
        )

    def _complain(self, node: yaml.Node, path: Path, reason: str) -> None:
        line = node.start_mark.line + 1
        self.complaints.append(Complaint(path=path, line=line, reason=reason))


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    match node:
        case yaml.MappingNode():
            return next(_named(node, part), None)
        case yaml.SequenceNode() if isinstance(part, int) and part < len(node.value):
            item = node.value[part]
            return item.start_mark.line + 1, item
        case _:
            return None


def _named(node: yaml.MappingNode, name: str | int) -> Iterator[tuple[int, yaml.Node]]:
    for key, value in node.value:
        if key.value == name:
            yield key.start_mark.line + 1, value
