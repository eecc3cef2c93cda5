"""The checks that need no model: one function a kind, in one table."""

from collections.abc import Callable, Mapping
from typing import Any

from agents.catalogue.definition import Check, InputField
from agents.evals import paths, patterns
from agents.evals.reading import Answer, folded, matches_title
from agents.evals.values import Verdict, verdict

MAX_QUESTIONS = 3
#: Whether it is kept, and why.
Ruling = tuple[bool, str]


def judge_rule(check: Check, answer: Answer, *, labels: Mapping[str, str]) -> Verdict:
    """The verdict of a check of a kind in RULES. `labels` names the fields of the form.

    Blocks for as long as a regular expression may take.
    """
    if check.kind == "asks":
        passed, reason = _asks(check.value, answer, labels)
    else:
        passed, reason = RULES[check.kind](check.value, answer)
    return verdict(check, passed, reason)


def labels_of(fields: tuple[InputField, ...]) -> Mapping[str, str]:
    """The label of each field of a form."""
    return {field.key: field.label for field in fields}


def _contains(value: str, answer: Answer) -> Ruling:
    if folded(value) in folded(answer.text):
        return True, "found"
    return False, "not found"


def _contains_any(value: list[str], answer: Answer) -> Ruling:
    text = folded(answer.text)
    found = next((one for one in value if folded(one) in text), None)
    return (False, "none found") if found is None else (True, f"found: {found}")


def _not_contains(value: str, answer: Answer) -> Ruling:
    if folded(value) in folded(answer.text):
        return False, "found"
    return True, "not found"


def _regex(value: str, answer: Answer) -> Ruling:
    try:
        is_found = patterns.search(value, answer.text)
    except patterns.PatternTooSlow:
        return False, f"stopped after {patterns.LIMIT_S:.0f} s; simplify the pattern"
    except patterns.PatternBroken:
        return False, "the pattern does not compile"
    return (True, "found") if is_found else (False, "not found")


def _max_words(value: int, answer: Answer) -> Ruling:
    count = answer.word_count
    return count <= value, f"{count} words"


def _min_table_rows(value: int, answer: Answer) -> Ruling:
    count = answer.table_rows
    return count >= value, f"{count} rows"


def _sections(_: bool, answer: Answer) -> Ruling:  # noqa: FBT001 - always true
    """Each section is a heading, in order; other headings may stand between them."""
    place = 0
    headings = [heading.text for heading in answer.headings]
    for wanted in answer.contract.sections:
        later = range(place, len(headings))
        found = next((n for n in later if matches_title(wanted, headings[n])), None)
        if found is None:
            is_there = any(matches_title(wanted, text) for text in headings)
            problem = "out of order" if is_there else "missing"
            return False, f"{problem}: {wanted}"
        place = found + 1
    return True, "all, in order"


def _asks(value: list[str], answer: Answer, labels: Mapping[str, str]) -> Ruling:
    asked = answer.questions()
    if asked is None:
        where = "list" if answer.contract.format == "json" else "heading"
        return False, f'no {where} "Questions"'
    if not 1 <= len(asked) <= MAX_QUESTIONS:
        return False, f"{len(asked)} numbered questions; 1 to {MAX_QUESTIONS} expected"
    text = [_plain(question) for question in asked]
    for key in value:
        label = labels.get(key, key)
        if not any(_plain(label) in question for question in text):
            return False, f"no question names '{label}'"
    return True, f"{len(asked)} questions"


def _plain(text: str) -> str:
    return folded(text.replace("*", "").replace("`", "").replace("_", " "))


def _json_path(value: Mapping[str, Any], answer: Answer) -> Ruling:
    try:
        found = paths.look_up(answer.json(), value["path"])
    except LookupError:
        return False, "nothing there"
    except (ValueError, RecursionError):
        return False, "the answer is not JSON"
    if "equals" in value:
        return paths.is_same(found, value["equals"]), f"found: {found!r}"
    return found is not None, "null" if found is None else "there"


#: Beside `asks`, which reads the form as well.
RULES: Mapping[str, Callable[[Any, Answer], Ruling]] = {
    "contains": _contains,
    "contains_any": _contains_any,
    "not_contains": _not_contains,
    "regex": _regex,
    "max_words": _max_words,
    "min_table_rows": _min_table_rows,
    "sections": _sections,
    "json_path": _json_path,
}
KINDS = frozenset({*RULES, "asks", "rubric"})
