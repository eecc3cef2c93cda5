"""The models the server lists; it answers for any other name as well."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    id: str
    display_name: str
    line: str
    max_input_tokens: int = 1_000_000
    max_tokens: int = 128_000

    def to_json(self) -> dict[str, Any]:
        fixed = {"type": "model", "lifecycle": "active"}
        return asdict(self) | fixed | {"created_at": "2026-10-21T00:00:00Z"}


#: Ids of anthropic 2.12; the sizes are those of the models page, 2026-11-22.
MODELS = {
    f"claude-{line}-{version}": Model(
        id=f"claude-{line}-{version}",
        display_name=f"Claude {line.title()} {version.replace('-', '.')}",
        line=line,
    )
    for line, version in (
        ("haiku", "5-5"),
        ("sonnet", "5-5"),
        ("opus", "5-5"),
        ("fable", "5-1"),
    )
}
