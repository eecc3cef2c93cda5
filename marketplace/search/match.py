"""Which agent for this task, and why?"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from agents.selectors import SearchDocument
from marketplace.search.bm25 import WEIGHTS
from marketplace.search.index import SearchIndex, current_index
from marketplace.search.words import is_content, stem, words_of

MAX_REASONS = 3
MAX_WORDS_SHOWN = 6
#: More is cut: nobody describes a task at greater length, and time grows with it.
MAX_QUERY_CHARS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An agent that fits a task."""

    slug: str
    #: Comparable within one answer only.
    score: float
    #: Which words fitted where: "purpose: reconcile, invoices".
    reasons: tuple[str, ...]


def find(words: str) -> list[str]:
    """The slugs of all agents that fit `words`, best first; none for words without meaning."""
    return [hit.document.slug for hit in current_index().hits(words[:MAX_QUERY_CHARS])]


def match(task: str, category: str = "", limit: int = 5) -> list[Match]:
    """The agents that fit a task best, each with its reasons; suspended ones are left out.

    An empty task, or one without a word that any agent knows, has no match.
    """
    index, query = current_index(), task[:MAX_QUERY_CHARS]
    hits = [
        hit
        for hit in index.hits(query)
        if not hit.document.is_suspended and category in ("", hit.document.category)
    ]
    meant = _meant(index, query)
    return [
        Match(
            slug=hit.document.slug,
            score=round(hit.score, 4),
            reasons=tuple(_reasons(hit.document, meant)),
        )
        for hit in hits[:limit]
    ]


def _meant(index: SearchIndex, query: str) -> Collection[str]:
    return {term for meaning in index.words.meanings(query) for term in meaning}


def _reasons(document: SearchDocument, meant: Collection[str]) -> Iterator[str]:
    """The fields that fit, the weightier first; a word is named where it counts most."""
    told: set[str] = set()
    shown = 0
    for field in sorted(WEIGHTS, key=lambda name: -WEIGHTS[name]):
        found = _fitting_words(document.fields.get(field, ""), meant)
        fresh = {term: word for term, word in found.items() if term not in told}
        if not fresh or shown == MAX_REASONS:
            continue
        told |= fresh.keys()
        shown += 1
        yield f"{field}: {', '.join(list(fresh.values())[:MAX_WORDS_SHOWN])}"


def _fitting_words(text: str, meant: Collection[str]) -> Mapping[str, str]:
    """The first word of `text` for each stem that was meant, by stem."""
    found: dict[str, str] = {}
    for word in words_of(text):
        if is_content(word) and (term := stem(word)) in meant:
            found.setdefault(term, word)
    return found
