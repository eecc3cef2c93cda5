"""What do the words of one agent say about its quality? Screens, each of them disputable.

words: runs of letters and digits (an apostrophe inside counts as part), one per CJK character.
sentences: parts of four or more words; a bullet or a line is a sentence.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SENTENCE_END = re.compile(r"(?<=[.!?\u3002\uff01\uff1f])\s+|\n+")
CAMEL = re.compile(r"([a-z])([A-Z])")
MIN_SENTENCE_WORDS = 4
#: The parts of an agent that are its own prose.
PROSE = (
    "purpose",
    "deliverable",
    "description",
    "role",
    "method",
    "ask_when_missing",
    "checks",
    "never",
    "handoff",
)
GENERIC = frozenset(
    {"agent", "agents", "assistant", "specialist", "expert", "helper", "bot", "advisor"}
    | {"adviser", "ai", "the", "and", "of", "for", "a", "an", "in", "to", "generic"}
    | {"general", "pro"}
)
SMALL = frozenset(
    {"the", "and", "of", "for", "a", "an", "in", "to", "with", "or", "on", "from", "by"}
    | {"that", "it", "its", "is", "one", "what", "how", "which", "into", "as", "at"}
    | {"each", "so", "this", "their"}
)
#: A trailing number that belongs to a standard or a form.
NUMBERED = re.compile(
    r"(?:^|[_\-\s])(?:iso|iec|ifrs|ias|asc|asu|form|gaap|nist|pci|soc|section|article|cfr"
    r"|part|en|din|bs|rfc|reg|w|s|scope|cxc|astm|api|class|level|title|wcag|incoterms)"
    r"[_\-\s]*\d+$",
    re.IGNORECASE,
)
AGENT_NUMBER = re.compile(
    r"[_\-\s](?:agent|assistant|bot|helper)[_\-\s]*\d+([_\-\s]\d+)?$", re.IGNORECASE
)
END_NUMBER = re.compile(r"[_\-\s]\d+$")
END_YEAR = re.compile(r"\b(?:19|20)\d\d$")
COPY_SUFFIX = re.compile(r"(?:\bcopy|\bv\d+|\(\d+\)|\b[ivx]{2,4})$", re.IGNORECASE)
PLACEHOLDER = re.compile(
    r"\b(test|sample|dummy|placeholder|lorem|tbd|todo)\b", re.IGNORECASE
)
#: Phrases that instruct nobody.
BANNED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"professional, accurate,? and actionable",
        r"accurate and actionable",
        r"practical and implementable",
        r"\bbest[- ]practices?\b",
        r"\bindustry tasks\b",
        r"\bcomprehensive (?:solution|overview|guide|analysis|report|plan|support)\b",
        r"\bleverag(?:e|es|ing) (?:synerg|the power|ai)",
        r"\bcutting-edge\b",
        r"\bstate-of-the-art\b",
        r"\bworld-class\b",
        r"\byou are an? (?:helpful|ai|expert)\b",
        r"\bbe professional and helpful\b",
        r"\bmaintain context across\b",
        r"\bseamless(?:ly)?\b",
        r"\bvarious\b",
        r"\band much more\b",
        r"\betc\b\.?",
        r"\bas an ai\b",
        r"\bdelv(?:e|es|ing)\b",
        r"in today['\u2019]s (?:fast|world|digital)",
        r"\bensur(?:e|es|ing) (?:high |the )?quality\b",
        r"\bhigh-quality (?:output|result)",
        r"\bactionable insights?\b",
        r"\btailored to your needs\b",
        r"\bone-stop\b",
        r"\bunlock(?:s|ing)? (?:the|your)\b",
        r"\bgame[- ]chang(?:er|ers|ing)\b",
        r"\bit is important to note\b",
    )
)
NO_VERB = frozenset(
    {
        "a",
        "an",
        "the",
        "this",
        "your",
        "our",
        "for",
        "with",
        "from",
        "when",
        "if",
        "helps",
    }
    | {"ai"}
)
ING_VERBS = frozenset({"bring", "string", "ring", "ping"})


def flat(value: Any) -> str:
    """All text inside `value`, one part a line; keys are left out."""
    match value:
        case None:
            return ""
        case Mapping():
            return "\n".join(flat(part) for part in value.values())
        case list() | tuple():
            return "\n".join(flat(part) for part in value)
        case _:
            return str(value)


def strings(value: Any) -> Iterator[str]:
    """Every text inside `value`, keys left out."""
    match value:
        case str():
            yield value
        case Mapping():
            for part in value.values():
                yield from strings(part)
        case list() | tuple():
            for part in value:
                yield from strings(part)


def prose(data: Mapping[str, Any]) -> str:
    """The prose that is the agent's own."""
    return "\n".join(text for part in PROSE if (text := flat(data.get(part))))


def tokens(text: str) -> list[str]:
    """The words of `text` in lower case."""
    text = text.replace("\\n", "\n")  # a literal backslash-n counts as a line break
    if CJK.search(text):
        text = CJK.sub(r" \g<0> ", text)
    return [word.lower() for word in TOKEN.findall(text)]


def sentences(text: str) -> list[str]:
    """The sentences of `text`, each as its words."""
    parts = (tokens(part) for part in SENTENCE_END.split(text.replace("\\n", "\n")))
    return [" ".join(words) for words in parts if len(words) >= MIN_SENTENCE_WORDS]


def split_words(text: str) -> list[str]:
    """The runs of letters in a name or slug, in lower case; camel case is split."""
    parts = re.findall(r"[^\W\d_]+", CAMEL.sub(r"\1 \2", text))
    return [word.lower() for word in parts]


def stem(word: str) -> str:
    """The word without a plural's ending, enough to compare terms."""
    for ending, least in (("ies", 5), ("es", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def filler_reason(slug: str, *, name: str, category: str) -> str:
    """Why a name looks generated rather than chosen; empty when it does not."""
    label = name or slug
    if re.search(r"#\s*\d+", label):
        return "numbered name"
    for text in filter(None, (slug, name)):
        if reason := _ending_reason(text):
            return reason
    words = [word for word in split_words(label) if word not in GENERIC]
    if not words:
        return "only generic words"
    if set(words) <= set(split_words(category)):
        return "only category words"
    if PLACEHOLDER.search(label) and len(words) <= 1:
        return "placeholder word"
    return ""


def _ending_reason(text: str) -> str:
    if AGENT_NUMBER.search(text):
        return "agent + number"
    is_known = NUMBERED.search(text) or END_YEAR.search(text)
    if END_NUMBER.search(text) and not is_known:
        return "ends in a number"
    return "copy or version suffix" if COPY_SUFFIX.search(text) else ""


def verb_problem(purpose: str) -> str:
    """Why the first word cannot be a base-form verb; empty when it can (a screen)."""
    first = (TOKEN.findall(purpose) or [""])[0]
    low = first.lower()
    if not first[:1].isupper():
        return "does not begin with a capital letter"
    if low in NO_VERB:
        return f"begins with '{first}'"
    is_ing = low.endswith("ing") and low not in ING_VERBS
    is_third_person = low.endswith("s") and not low.endswith(("ss", "us"))
    if is_ing or is_third_person:
        return f"begins with '{first}', not a base form"
    return ""


def banned_phrases(text: str) -> list[str]:
    """The phrases of `text` that instruct nobody."""
    hits = (m.group(0).lower() for pattern in BANNED for m in pattern.finditer(text))
    return sorted(set(hits))
