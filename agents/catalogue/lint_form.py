"""Are the form and the samples of one agent good? Rules L11, L12, L14."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from agents.catalogue import forms
from agents.catalogue.definition import Definition, Sample
from agents.catalogue.findings import Finding, error
from agents.catalogue.folder import AgentText, Folder
from agents.catalogue.text_rules import PROSE, flat, strings

FREE_TEXT = frozenset({"string", "text"})
#: Names of a field that asks for anything.
VAGUE_KEYS = frozenset(
    {"task", "context", "input", "text", "request", "details", "description", "prompt"}
    | {"query", "question", "message", "information", "notes"}
)
MIN_SPECIFIC = 2
BRACE = re.compile(r"[{}]")
SECRET = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}"
    r"|xox[abpr]-[A-Za-z0-9-]{10,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
)
EMAIL = re.compile(r"[\w.+-]+@((?:[\w-]+\.)+[a-z]{2,})", re.IGNORECASE)
ADDRESS = re.compile(r"(?:https?://|\bwww\.)([\w.-]+)", re.IGNORECASE)
PHONE = re.compile(
    r"\+\d{1,3}[\s().-]*\d(?:[\s().-]*\d){6,11}\b"
    r"|(?<![\d-])(?:\(\d{3}\)\s?|\d{3}[-.])\d{3}[-.]\d{4}(?![\d-])"
)
#: RFC 2606 and RFC 6761: names that belong to nobody.
NOBODYS = re.compile(
    r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)$",
    re.IGNORECASE,
)
#: Living people whom writers reach for; a screen, review does the rest.
FAMOUS = re.compile(
    r"\b(?:Elon Musk|Jeff Bezos|Bill Gates|Mark Zuckerberg|Tim Cook|Satya Nadella|"
    r"Sam Altman|Warren Buffett|Donald Trump|Joe Biden|Barack Obama|Taylor Swift|"
    r"Oprah Winfrey|Keir Starmer|Emmanuel Macron|Vladimir Putin|Lionel Messi|"
    r"Cristiano Ronaldo|Serena Williams|Greta Thunberg)\b",
    re.IGNORECASE,
)


def findings(folder: Folder, agent: AgentText) -> Iterator[Finding]:
    """What is wrong with the form and the samples of `agent`."""
    definition = Definition.from_dict(agent.data)
    return chain(_samples(agent, definition), _inputs(agent, definition), _text(agent))


def _samples(agent: AgentText, definition: Definition) -> Iterator[Finding]:
    keys = {field.key for field in definition.inputs}
    for sample in definition.samples:
        yield from _sample_input(agent, definition, sample)
        for key in sample.asked_keys:
            if key not in keys:
                message = f"sample '{sample.title}' asks for the unknown input {key}"
                yield error("L11", agent, message, part="samples")
    for is_incomplete, kind in ((False, "without asks"), (True, "with asks")):
        if not any(s.is_incomplete is is_incomplete for s in definition.samples):
            yield error("L11", agent, f"no sample {kind}", part="samples")


def _sample_input(
    agent: AgentText, definition: Definition, sample: Sample
) -> Iterator[Finding]:
    problems = forms.validate(definition.inputs, sample.input)
    for key, sentences in problems.items():
        message = f"sample '{sample.title}', {key}: {sentences[0]}"
        yield error("L11", agent, message, part="samples")


def _inputs(agent: AgentText, definition: Definition) -> Iterator[Finding]:
    required = [field for field in definition.inputs if field.required]
    texts = [field for field in definition.inputs if field.type in FREE_TEXT]
    specific = [field for field in texts if field.key not in VAGUE_KEYS]
    is_typed = any(field.type not in FREE_TEXT for field in required)
    if not is_typed and len(specific) < MIN_SPECIFIC:
        message = (
            "neither a required input that is not free text nor two specific texts"
        )
        yield error("L12", agent, message, part="inputs")
    if len(required) == 1 and required[0].key in {"task", "context"}:
        message = f"all that is required is '{required[0].key}'"
        yield error("L12", agent, message, part="inputs")


def _text(agent: AgentText) -> Iterator[Finding]:
    for part in PROSE:
        if BRACE.search(flat(agent.data.get(part))):
            yield error("L14", agent, f"a brace in {part}", part=part)
    for part, value in agent.data.items():
        if any("\\n" in text for text in _outside_regex(value)):
            yield error("L14", agent, f"a literal backslash-n in {part}", part=part)
    for sample in agent.data["samples"]:
        for text in strings(sample["input"]):
            for what in _private(text):
                message = f"sample '{sample['title']}' holds {what}"
                yield error("L14", agent, message, part="samples")


def _outside_regex(value: Any) -> Iterator[str]:
    match value:
        case {"kind": "regex", **rest}:
            yield from strings({key: v for key, v in rest.items() if key != "value"})
        case dict():
            for part in value.values():
                yield from _outside_regex(part)
        case list():
            for part in value:
                yield from _outside_regex(part)
        case str():
            yield value


def _private(text: str) -> Iterator[str]:
    if SECRET.search(text):
        yield "a key"
    if any(not NOBODYS.search(host) for host in EMAIL.findall(text)):
        yield "an e-mail address"
    if any(not NOBODYS.search(host) for host in ADDRESS.findall(text)):
        yield "a web address"
    if PHONE.search(text):
        yield "a phone number"
    if FAMOUS.search(text):
        yield "a real person"
