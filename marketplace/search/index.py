"""Where does the search keep what it knows? In memory, built again when the catalogue changes."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents import selectors as agent_selectors
from agents.selectors import SearchDocument
from marketplace.search.bm25 import Bm25, Floats

#: A hit that scores less than this share of the best one only happens to share a word.
LEAST_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A document that fits, and how well."""

    document: SearchDocument
    score: float


class SearchIndex:
    """Everything that can be found, as of one state of the catalogue."""

    def __init__(self, documents: Sequence[SearchDocument]) -> None:
        """Takes about a second for 1,500 documents."""
        self.documents = tuple(documents)
        self.words = Bm25([document.fields for document in documents])

    def hits(self, query: str) -> list[Hit]:
        """What fits, best first; equal scores in the order of slugs."""
        scores = self.scores(query)
        best = float(scores.max(initial=0.0))
        if best <= 0:
            return []
        order = np.argsort(-scores, kind="stable")
        chosen = [int(place) for place in order if scores[place] >= best * LEAST_SHARE]
        return [
            Hit(document=self.documents[place], score=float(scores[place]))
            for place in chosen
        ]

    def scores(self, query: str) -> Floats:
        """A score for each document; the place where other rankings would be fused in."""
        return self.words.scores(query)


class _Holder:
    """The index of this process. Readers never wait for a builder once one index exists."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: tuple[str, SearchIndex] | None = None

    def get(self) -> SearchIndex:
        stamp = agent_selectors.catalogue_stamp()
        current = self._current
        if current and current[0] == stamp:
            return current[1]
        if not self._lock.acquire(blocking=current is None):
            # Somebody builds already; what is there is a moment old.
            return current[1] if current else self.get()
        try:
            return self._build(stamp)
        finally:
            self._lock.release()

    def _build(self, stamp: str) -> SearchIndex:
        if self._current and self._current[0] == stamp:
            return self._current[1]
        index = SearchIndex(list(agent_selectors.iterate_search_documents()))
        self._current = (stamp, index)
        return index


_HOLDER = _Holder()


def current_index() -> SearchIndex:
    """The index of the catalogue as it is now; one query when nothing has changed."""
    return _HOLDER.get()
