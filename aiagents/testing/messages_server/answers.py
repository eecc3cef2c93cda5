"""What the model says: text, a tool call and the reason it stopped."""

import json
from dataclasses import dataclass, replace
from typing import Any

from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.messages_server.errors import invalid_request
from aiagents.testing.messages_server.markers import without_markers
from aiagents.testing.messages_server.prompts import Prompt
from aiagents.testing.messages_server.samples import sample
from aiagents.testing.messages_server.usage import (
    CHARS_PER_TOKEN,
    Usage,
    count_tokens,
)

HUGE_BYTES = 5 * 1024 * 1024
_QUOTED_CHARS = 200
_REFUSAL = "I can't help with that."
_TOOL_TEXT = "I will look that up."

_MARKDOWN = """\
## Answer

> {quote}

The request has **{words} words**; this text was made by the test server for \
`{model}`{label}.

1. First, the request was read.
2. Then it was quoted, so that a test can recognise it.
3. Nothing was looked up and nothing was decided.

| figure | value |
| --- | ---: |
| characters | {chars} |
| words | {words} |

```python
answer = "deterministic"
```

See the [Messages API](https://platform.claude.com/docs/en/api/messages) for what a \
real model would answer. The same request always gets the same text.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    id: str
    name: str
    input: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One message of the model, complete."""

    id: str
    model: str
    text: str
    tool: ToolCall | None
    stop_reason: str
    usage: Usage

    def content(self) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = []
        if self.text:
            blocks.append({"type": "text", "text": self.text})
        if self.tool:
            call = {"id": self.tool.id, "name": self.tool.name}
            blocks.append({"type": "tool_use", **call, "input": self.tool.input})
        return blocks

    def stop(self) -> dict[str, Any]:
        """The fields that say why the answer ends."""
        details = {"type": "refusal", "category": None, "explanation": None}
        refused = self.stop_reason == "refusal"
        return {
            "stop_reason": self.stop_reason,
            "stop_sequence": None,
            "stop_details": details if refused else None,
        }

    def message(self) -> dict[str, Any]:
        return self.envelope() | {
            "content": self.content(),
            "usage": self.usage.full(),
            **self.stop(),
        }

    def envelope(self) -> dict[str, Any]:
        """The message as a stream opens it: no content, no reason to stop yet."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": replace(self.usage, output_tokens=1).full(),
        }


def answer(
    prompt: Prompt, behaviour: Behaviour, *, number: int, usage: Usage
) -> Answer:
    """Raises RefusedError when a tool is to be called and none is offered."""
    tool = _tool_call(prompt, behaviour, number=number)
    text, stop_reason = _said(prompt, behaviour)
    if tool:
        stop_reason = "tool_use"
    spoken = text + (json.dumps(tool.input) if tool else "")
    return Answer(
        id=f"msg_{number:024d}",
        model=prompt.model,
        text=text,
        tool=tool,
        stop_reason=stop_reason,
        usage=replace(usage, output_tokens=count_tokens(spoken)),
    )


def _said(prompt: Prompt, behaviour: Behaviour) -> tuple[str, str]:
    if behaviour.empty:
        return "", "end_turn"
    text = _text(prompt, behaviour)
    if behaviour.nul:
        half = len(text) // 2
        text = f"{text[:half]}\x00{text[half:]}\x00"
    if behaviour.refuse:
        return text, "refusal"
    if behaviour.max_tokens:
        return text[: max(1, len(text) // 2)], "max_tokens"
    longest = prompt.max_tokens * CHARS_PER_TOKEN
    if len(text) > longest and not behaviour.huge_line:
        return text[:longest], "max_tokens"
    return text, "end_turn"


def _text(prompt: Prompt, behaviour: Behaviour) -> str:
    if behaviour.huge_line:
        return "x" * HUGE_BYTES
    for given in (behaviour.text, behaviour.json):
        if given is not None:
            return given
    if behaviour.refuse:
        return _REFUSAL
    if behaviour.tool_use is not None:
        return _TOOL_TEXT
    if prompt.schema is not None:
        return json.dumps(_sample(prompt.schema, text=_quote(prompt)[:40] or "sample"))
    return _markdown(prompt)


def _sample(schema: dict[str, Any], *, text: str = "sample") -> Any:
    try:
        return sample(schema, text=text)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        message = f"The schema is not supported: {error!r}"
        raise invalid_request(message) from error


def _markdown(prompt: Prompt) -> str:
    question = without_markers(prompt.question)
    return _MARKDOWN.format(
        quote=_quote(prompt),
        words=len(question.split()),
        chars=len(question),
        model=prompt.model,
        label=f", marked {prompt.marker}" if prompt.marker else "",
    )


def _quote(prompt: Prompt) -> str:
    return " ".join(without_markers(prompt.question).split())[:_QUOTED_CHARS]


def _tool_call(prompt: Prompt, behaviour: Behaviour, *, number: int) -> ToolCall | None:
    if behaviour.tool_use is None:
        return None
    offered = {str(tool.get("name")): tool for tool in prompt.tools}
    name = behaviour.tool_use or next(iter(offered), "")
    if not name:
        message = "The fault tool_use needs a tool in the request, or a name."
        raise invalid_request(message)
    if behaviour.tool_input is not None:
        value = json.loads(behaviour.tool_input)
    else:
        value = _sample(offered.get(name, {}).get("input_schema") or {"type": "object"})
    return ToolCall(id=f"toolu_{number:022d}", name=name, input=value)
