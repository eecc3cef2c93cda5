"""A request to the Messages API as a checked value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aiagents.testing.messages_server.errors import invalid_request
from aiagents.testing.messages_server.markers import find_marker

_ROLES = ("user", "assistant")
_SAMPLING = ("temperature", "top_p", "top_k")
#: Models that refuse prefill, forced tools and thinking budgets (models page).
_STRICT_MODELS = ("claude-sonnet-5-5",)


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What was asked; `body` is the request as it came."""

    body: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def max_tokens(self) -> int:
        return int(self.body["max_tokens"])

    @property
    def is_stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def tools(self) -> list[dict[str, Any]]:
        return list(self.body.get("tools") or [])

    @property
    def messages(self) -> tuple[dict[str, Any], ...]:
        return tuple(self.body["messages"])

    @cached_property
    def system(self) -> str:
        return "\n".join(texts(self.body.get("system")))

    @cached_property
    def question(self) -> str:
        """The text of the last message, when the user wrote it."""
        last = self.messages[-1]
        return "\n".join(_own_texts(last)) if last["role"] == "user" else ""

    @cached_property
    def text(self) -> str:
        """All text of the request, tool results included."""
        parts = (text for message in self.messages for text in _all_texts(message))
        return "\n".join((self.system, *parts))

    @cached_property
    def marker(self) -> str | None:
        return find_marker(self.text)

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema the answer must follow."""
        form = (self.body.get("output_config") or {}).get("format") or {}
        return form.get("schema") if form.get("type") == "json_schema" else None


def texts(content: Any) -> list[str]:
    """The texts of a content: a string or a list of blocks."""
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content or () if block.get("type") == "text"]


def check_prompt(body: Any, *, counting: bool = False) -> Prompt:
    """The prompt in a decoded body. Raises RefusedError as the API would."""
    if not isinstance(body, dict):
        message = "The request body is not valid JSON"
        raise invalid_request(message)
    if not isinstance(body.get("model"), str) or not body["model"]:
        message = "model: Field required"
        raise invalid_request(message)
    _check_objects(body)
    _check_messages(body.get("messages"))
    _check_blocks("system", body.get("system") or [])
    if not counting:
        _check_max_tokens(body)
        _check_sampling(body)
    if body["model"].startswith(_STRICT_MODELS):
        _check_strict(body)
    return Prompt(body=body)


def _check_objects(body: dict[str, Any]) -> None:
    for name in ("thinking", "tool_choice", "output_config"):
        if not isinstance(body.get(name) or {}, dict):
            message = f"{name}: Input should be an object"
            raise invalid_request(message)
    if not isinstance((body.get("output_config") or {}).get("format") or {}, dict):
        message = "output_config.format: Input should be an object"
        raise invalid_request(message)
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(t, dict) for t in tools):
        message = "tools: Input should be a list of tools"
        raise invalid_request(message)


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list):
        message = "messages: Field required"
        raise invalid_request(message)
    if not messages:
        message = "messages: at least one message is required"
        raise invalid_request(message)
    for index, item in enumerate(messages):
        if not isinstance(item, dict) or item.get("role") not in _ROLES:
            message = f"messages.{index}.role: Input should be 'user' or 'assistant'"
            raise invalid_request(message)
        _check_blocks(f"messages.{index}.content", item.get("content"))


def _check_blocks(where: str, content: Any) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list) or not all(map(_is_block, content)):
        message = f"{where}: Input should be a string or a list of content blocks"
        raise invalid_request(message)


def _is_block(block: Any) -> bool:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        return False
    if block["type"] == "text":
        return isinstance(block.get("text"), str)
    content = block.get("content", "")
    return not isinstance(content, list) or all(map(_is_block, content))


def _check_max_tokens(body: dict[str, Any]) -> None:
    if "max_tokens" not in body:
        message = "max_tokens: Field required"
        raise invalid_request(message)
    if type(body["max_tokens"]) is not int or body["max_tokens"] < 1:
        message = "max_tokens: Input should be greater than or equal to 1"
        raise invalid_request(message)


def _check_sampling(body: dict[str, Any]) -> None:
    for name in _SAMPLING:
        if name in body:
            message = f"{name}: Extra inputs are not permitted"
            raise invalid_request(message)


def _check_strict(body: dict[str, Any]) -> None:
    thinking = body.get("thinking") or {}
    reasons = {
        "messages: assistant prefill is not supported": (
            body["messages"][-1]["role"] == "assistant"
        ),
        "tool_choice: forced tool use is not supported": (
            (body.get("tool_choice") or {}).get("type") in ("any", "tool")
        ),
        "thinking: only adaptive thinking is supported": (
            thinking.get("type") == "disabled" or "budget_tokens" in thinking
        ),
    }
    for reason, applies in reasons.items():
        if applies:
            message = f"{reason} by this model."
            raise invalid_request(message)


def _own_texts(message: Mapping[str, Any]) -> list[str]:
    return texts(message["content"])


def _all_texts(message: Mapping[str, Any]) -> Iterable[str]:
    yield from _own_texts(message)
    if not isinstance(message["content"], str):
        for block in message["content"]:
            if block.get("type") == "tool_result":
                yield from texts(block.get("content"))
