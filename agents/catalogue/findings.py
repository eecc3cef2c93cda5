"""What does the linter say? One finding, as people and editors read it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agents.catalogue.folder import AgentText, Problem

Level = Literal["E", "W"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule."""

    rule: str
    #: E stops, W is shown.
    level: Level
    file: Path
    line: int
    message: str
    slug: str = ""

    def __str__(self) -> str:
        named = f" {self.slug}" if self.slug else ""
        return (
            f"{self.file}:{self.line}: {self.level} {self.rule}{named}: {self.message}"
        )

    @classmethod
    def of_problem(cls, problem: Problem) -> "Finding":
        """What could not be read breaks the first rule."""
        return cls(
            rule="L01",
            level="E",
            file=problem.file,
            line=problem.line,
            slug=problem.slug,
            message=problem.reason,
        )


def error(rule: str, agent: AgentText, message: str, *, part: str = "") -> Finding:
    """An error of one agent, at the line of `part`."""
    return _about("E", rule, agent, message, part)


def warning(rule: str, agent: AgentText, message: str, *, part: str = "") -> Finding:
    """A warning about one agent, at the line of `part`."""
    return _about("W", rule, agent, message, part)


def _about(
    level: Level, rule: str, agent: AgentText, message: str, part: str
) -> Finding:
    return Finding(
        rule=rule,
        level=level,
        file=agent.file,
        line=agent.lines.get(part, agent.line),
        slug=agent.slug,
        message=message,
    )
