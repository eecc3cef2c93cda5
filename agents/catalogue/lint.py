"""Is the catalogue good enough to ship? Rules L01 to L17; E stops, W is shown."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agents.catalogue import lint_agent, lint_form, lint_whole
from agents.catalogue.canonical import canonical_text
from agents.catalogue.files import read_folder
from agents.catalogue.findings import Finding
from agents.catalogue.folder import AgentText, Folder, TopicFile

#: Told while it goes on: how many files are judged, and of how many.
Progress = Callable[[int, int], None]


def lint_folder(
    root: Path, *, only: Sequence[Path] = (), on_progress: Progress | None = None
) -> list[Finding]:
    """Every finding about the catalogue under `root`, in the order of files and lines.

    `only` limits the answer to what stands in these files or folders; the rules that compare
    agents still see all of them.
    """
    folder = read_folder(root)
    chosen = [file for file in folder.topic_files if _is_chosen(file.file, only)]
    found = [Finding.of_problem(problem) for problem in folder.problems]
    found += lint_whole.findings(folder)
    for done, file in enumerate(chosen, start=1):
        found += _file_findings(folder, file)
        if on_progress:
            on_progress(done, len(chosen))
    shown = {finding for finding in found if _is_chosen(finding.file, only)}
    return sorted(shown, key=lambda f: (f.file, f.line, f.rule, f.message))


def rewrite_folder(root: Path, *, only: Sequence[Path] = ()) -> list[Path]:
    """Put sound files that are not in canonical form into it; returns those rewritten."""
    rewritten = []
    for file in read_folder(root).topic_files:
        if not _is_chosen(file.file, only):
            continue
        text = canonical_text(file.data)
        if text != file.text:
            file.file.write_text(text, encoding="utf-8")
            rewritten.append(file.file)
    return rewritten


def _is_chosen(path: Path, only: Iterable[Path]) -> bool:
    wanted = [part.resolve() for part in only]
    here = path.resolve()
    return not wanted or any(here == part or part in here.parents for part in wanted)


def _file_findings(folder: Folder, file: TopicFile) -> Iterable[Finding]:
    if canonical_text(file.data) != file.text:
        yield Finding(
            rule="L01",
            level="E",
            file=file.file,
            line=_first_difference(file),
            message="not in canonical form; lint_catalogue --fix rewrites it",
        )
    for agent in file.agents:
        yield from _agent_findings(folder, file, agent)


def _agent_findings(
    folder: Folder, file: TopicFile, agent: AgentText
) -> Iterable[Finding]:
    yield from lint_agent.findings(folder, agent, glossary=file.glossary)
    yield from lint_form.findings(folder, agent)


def _first_difference(file: TopicFile) -> int:
    pairs = zip(
        file.text.splitlines(), canonical_text(file.data).splitlines(), strict=False
    )
    return next((n for n, (old, new) in enumerate(pairs, start=1) if old != new), 1)
