"""Finding agents by words and by a task: pure ranking over an index in memory."""

from marketplace.search.listing import RELEVANCE, Wanted, list_slugs
from marketplace.search.match import Match, find, match

__all__ = ["RELEVANCE", "Match", "Wanted", "find", "list_slugs", "match"]
