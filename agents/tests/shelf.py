"""A small catalogue in a folder of its own: two good agents, to be spoilt by a test."""

import copy
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from agents.catalogue.canonical import canonical_text
from agents.catalogue.digest import definition_digest
from agents.catalogue.findings import Finding
from agents.catalogue.lint import lint_folder
from agents.catalogue.reader import read_document

SELECTOR = "incoterms-term-selector"
RECORD = "cooling-deviation-record"
PLACES = {
    SELECTOR: ("logistics_manufacturing", "customs-trade"),
    RECORD: ("hospitality_tourism", "kitchen-food-safety"),
}


class Shelf:
    """The folder; `files` holds the data of its topic files by (category, topic)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[tuple[str, str], dict[str, Any]] = {}
        self.accepted: dict[str, dict[str, str]] = {}
        root.mkdir(parents=True)
        for name in ("_prompt.yaml", "_standards.yaml"):
            shutil.copy(settings.CATALOGUE_DIR / name, root / name)
        self._take_taxonomy()
        for slug, place in PLACES.items():
            self._take(slug, place)

    def _take_taxonomy(self) -> None:
        categories = {category for category, _ in PLACES.values()}
        data = _source("taxonomy.yaml")
        kept = [entry for entry in data if entry["slug"] in categories]
        (self.root / "taxonomy.yaml").write_text(canonical_text(kept))

    def _take(self, slug: str, place: tuple[str, str]) -> None:
        category, topic = place
        source = settings.CATALOGUE_DIR / category
        data = _source(f"{category}/{topic}.yaml")
        data["agents"] = [agent for agent in data["agents"] if agent["slug"] == slug]
        self.files[place] = data
        (self.root / category).mkdir()
        shutil.copy(source / "_category.yaml", self.root / category / "_category.yaml")
        self.write()

    def write(self) -> None:
        """Put what `files` and `accepted` hold on the disk, in canonical form."""
        for (category, topic), data in self.files.items():
            self.path(category, topic).write_text(canonical_text(data))
        for category, accepted in self.accepted.items():
            text = canonical_text({"accepted": accepted})
            (self.root / category / "_accepted.yaml").write_text(text)

    def path(self, category: str, topic: str) -> Path:
        """Where a topic stands."""
        return self.root / category / f"{topic}.yaml"

    def agent(self, slug: str = SELECTOR) -> dict[str, Any]:
        """The data of one agent, to be changed in place."""
        return next(
            agent
            for data in self.files.values()
            for agent in data["agents"]
            if agent["slug"] == slug
        )

    def change(self, slug: str = SELECTOR, **parts: Any) -> None:
        """Replace parts of an agent and write."""
        self.agent(slug).update(copy.deepcopy(parts))
        self.write()

    def add(self, agent: dict[str, Any], *, beside: str = SELECTOR) -> None:
        """One more agent in the topic of another."""
        self.files[PLACES[beside]]["agents"].append(agent)
        self.write()

    def accept(self, *slugs: str) -> None:
        """Note that the present texts passed review."""
        for slug in slugs or PLACES:
            accepted = self.accepted.setdefault(PLACES[slug][0], {})
            accepted[slug] = definition_digest(self.agent(slug))
        self.write()

    def lint(self, rule: str) -> list[Finding]:
        """What the linter says under one rule."""
        return [finding for finding in lint_folder(self.root) if finding.rule == rule]


def _source(name: str) -> Any:
    return copy.deepcopy(_read_once(name))


@cache
def _read_once(name: str) -> Any:
    return read(settings.CATALOGUE_DIR / name)


def read(path: Path) -> Any:
    """The data of a file that is known to be good."""
    document = read_document(path.read_text(encoding="utf-8"))
    assert not document.complaints
    return document.data
