"""What has been measured so far."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bench.figures import Figure


@dataclass(slots=True)
class Results:
    """Figures in the order in which they are printed, and details for results.json."""

    figures: list[Figure] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, figures: Iterable[Figure], detail: Any = None) -> None:
        """Take in the result of one part."""
        self.figures.extend(figures)
        if detail is not None:
            self.detail[name] = detail


def tell(words: str) -> None:
    """Say on stderr what is being done now."""
    sys.stderr.write(f"bench: {words}\n")
    sys.stderr.flush()
