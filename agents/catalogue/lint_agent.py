"""Are the words of one agent good? Rules L02, L03, L04, L07, L08, L09, L10, L13, L16."""

import re
from collections.abc import Iterator, Sequence

from agents.catalogue.findings import Finding, error, warning
from agents.catalogue.folder import AgentText, Folder
from agents.catalogue.text_rules import (
    SMALL,
    banned_phrases,
    filler_reason,
    flat,
    prose,
    stem,
    tokens,
    verb_problem,
)

WORDS = (180, 500)
PREFERRED_WORDS = (220, 420)
MIN_FIRST_WORDS = 4
WEAK_VERBS = frozenset({"analyse", "analyze", "provide", "ensure", "consider"})
MIN_TERMS = 5
MIN_WORD = 3
RISKS = ("low", "medium", "high")
#: "Incoterms 2020", "ISO 22301:2019", "Codex CXC 1-1969 (2022)", "NIST CSF 2.0".
EDITION = re.compile(
    r"(?:[:\s]+(?:of\s+)?\(?(?:19|20)\d\d\)?|\s+v?\d+(?:\.\d+)+)(?:\s+edition)?$",
    re.IGNORECASE,
)
#: Roles that no ending gives away.
ROLES = frozenset(
    {
        "counsel",
        "agent",
        "lead",
        "head",
        "nurse",
        "chair",
        "board",
        "chief",
        "dpo",
        "cfo",
        "ceo",
    }
    | {"cto", "ciso", "coo", "police", "regulator", "authority", "ombudsman", "legal"}
    | {"staff", "team", "committee", "judge", "pilot", "coach", "midwife", "chef"}
    | {"foreman", "parent", "hr", "person", "bank", "union", "desk", "service", "clerk"}
    | {"executive", "principal", "dean", "professional", "people", "council", "vet"}
)
ROLE_ENDING = re.compile(r"[a-z]{3,}(?:er|or|ist|ian|ant|yst|eer|ect|ive)s?\Z")
NO_ROLES = frozenset(
    {
        "after",
        "before",
        "under",
        "over",
        "other",
        "another",
        "whether",
        "never",
        "number",
    }
    | {"order", "paper", "letter", "matter", "either", "neither", "later", "rather"}
    | {"further", "offer", "answer", "together", "however", "ever", "error", "major"}
    | {"minor", "prior", "factor", "monitor", "director's", "water", "power", "tender"}
    | {"cover", "register", "quarter", "former", "proper", "want", "grant", "relevant"}
    | {"significant", "important", "tenant's", "instant", "list", "exist", "consist"}
    | {
        "first",
        "project",
        "subject",
        "object",
        "effect",
        "suspect",
        "direct",
        "correct",
    }
    | {"expect", "collect", "protect", "affect", "active", "effective", "live", "give"}
    | {"sensitive", "negative", "positive", "objective", "receive", "drive", "filter"}
)


def findings(
    folder: Folder, agent: AgentText, *, glossary: Sequence[str]
) -> Iterator[Finding]:
    """What is wrong with the words of `agent`."""
    yield from _name(folder, agent)
    yield from _length(agent)
    for phrase in banned_phrases(prose(agent.data)):
        yield error("L04", agent, f"banned phrase '{phrase}'")
    if problem := verb_problem(agent.data["purpose"]):
        yield error("L07", agent, f"the purpose {problem}", part="purpose")
    yield from _method(agent)
    yield from _terms(agent, glossary)
    yield from _standards(folder, agent)
    yield from _risk(folder, agent)
    yield from _empty_checks(agent)


def _name(folder: Folder, agent: AgentText) -> Iterator[Finding]:
    names = {entry.slug: entry.name for entry in folder.categories}
    category = f"{agent.category} {names.get(agent.category, '')}"
    if why := filler_reason(agent.slug, name=agent.data["name"], category=category):
        yield error("L02", agent, f"filler name: {why}", part="name")


def _length(agent: AgentText) -> Iterator[Finding]:
    count = len(tokens(prose(agent.data)))
    if not WORDS[0] <= count <= WORDS[1]:
        yield error("L03", agent, f"{count} words of unique prose; 180 to 500 wanted")
    elif not PREFERRED_WORDS[0] <= count <= PREFERRED_WORDS[1]:
        yield warning(
            "L03", agent, f"{count} words of unique prose; 220 to 420 preferred"
        )


def _method(agent: AgentText) -> Iterator[Finding]:
    first = [(tokens(line) or [""])[0] for line in agent.data["method"]]
    if len(set(first)) < MIN_FIRST_WORDS:
        message = f"{len(set(first))} different first words in the method; 4 wanted"
        yield error("L08", agent, message, part="method")
    weak = [word for word in first if word in WEAK_VERBS]
    if len(weak) > 1:
        message = f"weak first words in the method: {', '.join(weak)}; one allowed"
        yield error("L08", agent, message, part="method")


def _terms(agent: AgentText, glossary: Sequence[str]) -> Iterator[Finding]:
    text = _stems(flat(agent.data))
    used = [term for term in glossary if f" {_stems(term).strip()} " in text]
    if len(used) < MIN_TERMS:
        yield error(
            "L09", agent, f"{len(used)} terms of the glossary are used; 5 wanted"
        )


def _stems(text: str) -> str:
    return f" {' '.join(stem(word) for word in tokens(text))} "


def _standards(folder: Folder, agent: AgentText) -> Iterator[Finding]:
    text = _stems(flat([agent.data["method"], agent.data["checks"]]))
    for name in agent.data.get("standards", ()):
        if name not in folder.standards:
            message = f"'{name}' is not in _standards.yaml"
            yield error("L10", agent, message, part="standards")
        if f" {_stems(EDITION.sub('', name)).strip()} " not in text:
            message = f"'{name}' is named neither in the method nor in the checks"
            yield error("L10", agent, message, part="standards")


def _risk(folder: Folder, agent: AgentText) -> Iterator[Finding]:
    topic = folder.topic(agent.category, agent.topic)
    risk = agent.data["risk"]
    if topic and RISKS.index(risk) < RISKS.index(topic.min_risk):
        message = f"risk {risk}; the topic asks for {topic.min_risk}"
        yield error("L13", agent, message, part="risk")
    handoff = agent.data.get("handoff", "")
    if handoff and not names_a_role(handoff):
        yield error("L13", agent, "the handoff names no role", part="handoff")


def names_a_role(text: str) -> bool:
    """Whether a word of `text` looks like somebody's role (a screen)."""
    words = [word.removesuffix("'s").removesuffix("\u2019s") for word in tokens(text)]
    return any(
        word in ROLES
        or stem(word) in ROLES
        or (word not in NO_ROLES and ROLE_ENDING.fullmatch(word))
        for word in words
    )


def _empty_checks(agent: AgentText) -> Iterator[Finding]:
    data = agent.data
    named = flat([data["inputs"], data["output"], data["deliverable"]])
    known = _content(f"{named} {flat(_keys(data['output']))}")
    for line in data["checks"]:
        if not _content(line) & known:
            message = f"a check shares no word with the form or the output: {line:.60}"
            yield warning("L16", agent, message, part="checks")


def _keys(value: object) -> list[str]:
    match value:
        case dict():
            inner = [key for part in value.values() for key in _keys(part)]
            return [key.replace("_", " ") for key in value] + inner
        case list():
            return [key for part in value for key in _keys(part)]
        case _:
            return []


def _content(text: str) -> set[str]:
    return {stem(w) for w in tokens(text) if len(w) >= MIN_WORD and w not in SMALL}
