"""Assembling a prompt from sections; no formatting language ever sees a definition.

What is stable comes first, so that a service can cache the prefix: platform rules, category,
agent. Inputs travel in the user turn as escaped elements, because they are data.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from agents.catalogue.definition import Definition
from agents.runtime.values import PromptBlocks

FREE_TEXT = "task_description"


def assemble_system(
    definition: Definition, *, domain: str, blocks: PromptBlocks
) -> str:
    """The system prompt of one version."""
    sections = [
        ("rules", blocks.rules),
        ("domain", domain),
        ("role", f"You are {definition.role}."),
        ("deliverable", definition.deliverable),
        ("method", _numbered(definition.method)),
        ("standards", "; ".join(definition.standards)),
        ("missing_information", definition.ask_when_missing),
        ("output", _output(definition)),
        ("self_check", _bullets(definition.checks)),
        ("limits", _limits(definition, blocks)),
    ]
    return "\n\n".join(_section(name, text) for name, text in sections if text)


def assemble_short_system(definition: Definition) -> str:
    """The system prompt for a very small model, which reads slowly and follows little."""
    return f"You are {definition.role}."


def assemble_short_user(definition: Definition, *, inputs: Mapping[str, Any]) -> str:
    """The user turn for a very small model: it would repeat elements instead of reading them."""
    labels = {field.key: field.label for field in definition.inputs}
    facts = [f"- {labels.get(key, 'Task')}: {_text(v)}" for key, v in _given(inputs)]
    wanted = definition.deliverable[0].lower() + definition.deliverable[1:]
    return f"Write {wanted}\n\nFacts:\n" + "\n".join(facts)


def assemble_user(
    definition: Definition, *, inputs: Mapping[str, Any], is_free_text: bool
) -> str:
    """The user turn: each given value in an element that names its field."""
    labels = {field.key: field.label for field in definition.inputs}
    elements = [
        _element(key, labels.get(key, ""), value) for key, value in _given(inputs)
    ]
    if is_free_text:
        elements.append(
            "Take what is missing from the task; ask for what it does not say."
        )
    return "\n".join(elements)


def _given(inputs: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (key, value) for key, value in inputs.items() if value not in (None, "", [])
    ]


def _section(name: str, text: str) -> str:
    return f"<{name}>\n{text}\n</{name}>"


def _element(key: str, label: str, value: Any) -> str:
    title = f' label="{escape(label)}"' if label else ""
    return f'<input name="{escape(key)}"{title}>{escape(_text(value))}</input>'


def escape(text: str) -> str:
    """Keep data from closing or opening an element."""
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(raw, safe)
    return text


def _text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return "\n".join(_text(item) for item in value)
        case _:
            return str(value)


def _numbered(lines: Iterable[str]) -> str:
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _output(definition: Definition) -> str:
    output = definition.output
    lines = [f"Format: {output.format}."]
    if output.sections:
        lines.append(
            "Sections, as headings in this order: " + "; ".join(output.sections) + "."
        )
    if output.columns:
        lines.append("Columns, in this order: " + "; ".join(output.columns) + ".")
    if output.max_words:
        lines.append(f"At most {output.max_words} words.")
    return "\n".join(lines)


def _limits(definition: Definition, blocks: PromptBlocks) -> str:
    lines = [_bullets(f"Never: {line}" for line in definition.never)]
    if definition.handoff:
        lines.append(f"Hand over: {definition.handoff}")
    lines.append(blocks.risk.get(definition.risk, ""))
    return "\n".join(line for line in lines if line)
