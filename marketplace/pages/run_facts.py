"""What is there to say about one run?"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents import selectors as agent_selectors
from agents.choices import LOOKS, BatchMode, ErrorCause, ErrorCode, ExecutionStatus
from agents.models import Execution
from aiagents.common.progress import ProgressEvent, ProgressType
from marketplace.rendering.figures import label_of, money, words
from marketplace.rendering.json_tree import render_json
from marketplace.rendering.markdown import is_too_long, render_markdown
from marketplace.rendering.plain import exact

PROVIDERS = {"demo": "demo model", "anthropic": "Anthropic"}
FREE_TEXT = "task_description"
#: What a person can do about each error (CONTRACT §4).
NEXT_STEPS: Mapping[str, str] = {
    ErrorCode.INVALID_INPUT: "Shorten or correct the inputs, then run it again with changes.",
    ErrorCode.POLICY_DENIED: "Ask an administrator for the role that this agent needs.",
    ErrorCode.BUDGET_EXCEEDED: "Ask an administrator to raise the budget, or wait for its reset.",
    ErrorCode.RATE_LIMITED: "Wait a minute, then retry.",
    ErrorCode.LLM_ERROR: (
        "Your input is not at fault. Retry later; if it happens again, "
        "give an administrator the reference."
    ),
    ErrorCode.LLM_TIMEOUT: "Retry. Shorter inputs are answered sooner.",
    ErrorCode.LLM_OVERLOADED: "Retry in a few minutes.",
    ErrorCode.LLM_REFUSED: "Say the task in other words, then run it again with changes.",
    ErrorCode.BAD_MODEL_OUTPUT: (
        "Retry: a second answer is often usable. The text that came is kept below."
    ),
    ErrorCode.ATTEMPTS_EXHAUSTED: "Retry later. Nothing more is tried by itself.",
    ErrorCode.DEADLINE_EXCEEDED: "Retry with shorter inputs, or split the task into parts.",
    ErrorCode.AGENT_SUSPENDED: "Choose another agent, or ask the owner of this one.",
}
#: Endings that are followed by a partial text at most.
UNFINISHED = frozenset(
    {ExecutionStatus.FAILED, ExecutionStatus.CANCELLED, ExecutionStatus.TIMED_OUT}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The text so far and the number after which a reader goes on."""

    text: str = ""
    seq: int = 0
    #: Tokens by the names of the row, as last told.
    usage: Mapping[str, int] = field(default_factory=dict)

    @property
    def exact(self) -> str:
        """The text as escaped HTML that a browser reads back as it is."""
        return exact(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run has no result, and what to do next."""

    code: str
    sentence: str
    detail: str
    cost: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What came of a run, ready for the page."""

    #: HTML that the renderers made safe; empty when the text is shown as it is.
    html: str
    #: The stored text as escaped HTML that a browser reads back byte for byte.
    exact: str
    is_partial: bool
    is_cut_short: bool
    is_too_long: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One value that was given."""

    label: str
    value: str


def find_progress(execution: Execution) -> Progress:
    """The text that was streamed so far; nothing when Redis is away, or the run over."""
    if execution.is_over:
        return Progress()
    return folded(agent_selectors.replay_progress(execution.id, after=0))


def folded(events: Sequence[ProgressEvent]) -> Progress:
    """What a reader has who has read `events`; `done` is left for the page's script."""
    text: list[str] = []
    usage: Mapping[str, int] = {}
    seq = 0
    for event in events:
        match event.type:
            case ProgressType.DONE:
                break
            case ProgressType.RESET:
                text = [event.data["text"]]
            case ProgressType.DELTA:
                text.append(event.data["text"])
            case ProgressType.USAGE:
                usage = event.data
        seq = event.seq
    return Progress(text="".join(text), seq=seq, usage=usage)


def used(execution: Execution, progress: Progress) -> dict[str, int]:
    """Tokens in, cached and out: as told while it runs, as stored when it is over."""
    names = ("input_tokens", "cache_read_tokens", "output_tokens")
    return {name: progress.usage.get(name, getattr(execution, name)) for name in names}


def find_error(execution: Execution) -> RunError | None:
    """Why the run has no result; None where it has one or goes on."""
    if not execution.error_code:
        return None
    code = ErrorCode(execution.error_code)
    return RunError(
        code=code.value,
        sentence=code.label,
        detail=_detail(execution, code),
        cost=spent(execution),
        next_step=NEXT_STEPS[code],
    )


def _detail(execution: Execution, code: ErrorCode) -> str:
    """What the engine wrote, unless it says the same again."""
    if execution.error_cause:
        return f"The last time {ErrorCause(execution.error_cause).label}."
    if execution.error_message in {"", code.label}:
        return ""
    return execution.error_message


def spent(execution: Execution) -> str:
    """Whether it cost money."""
    if execution.provider == "demo":
        return "The demo model is free."
    if execution.cost_usd:
        return f"It cost {money(execution.cost_usd)}."
    return "Nothing was spent."


def shown_output(execution: Execution) -> Output:
    """The result of a finished run."""
    is_partial = execution.status in UNFINISHED
    return Output(
        html="" if is_partial else _rendered(execution),
        exact=exact(execution.output),
        is_partial=is_partial,
        is_cut_short=execution.stop_reason == "max_tokens",
        is_too_long=is_too_long(execution.output),
    )


def _rendered(execution: Execution) -> str:
    if execution.output_json is not None:
        return render_json(execution.output_json)
    if _format(execution) in {"plain", "csv"} or is_too_long(execution.output):
        return ""
    return render_markdown(execution.output)


def _format(execution: Execution) -> str:
    return str(execution.version.definition.get("output", {}).get("format", "markdown"))


def shown_inputs(execution: Execution) -> list[Input]:
    """What was given, under the labels of the form as it was then."""
    fields = execution.version.definition.get("inputs", [])
    labels = {field["key"]: field["label"] for field in fields} | {FREE_TEXT: "Task"}
    return [
        Input(label=labels.get(key, label_of(key)), value=_written(value))
        for key, value in execution.inputs.items()
    ]


def _written(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(words(item) for item in value)
    return words(value)


def waited(execution: Execution) -> dt.timedelta | None:
    """How long it queued before its first attempt."""
    return execution.started_at - execution.created_at if execution.started_at else None


def took(execution: Execution) -> dt.timedelta | None:
    """How long it ran, from its first attempt to its end."""
    if execution.started_at and execution.finished_at:
        return execution.finished_at - execution.started_at
    return None


def waits_for(execution: Execution) -> str:
    """Why it is not running, in words; empty where it has only just been queued."""
    reason = execution.wait_reason
    if reason in ErrorCause.values:
        return f"It will be tried again: {ErrorCause(reason).label}."
    return f"It waits for: {label_of(reason).lower()}." if reason else ""


def announcement(execution: Execution) -> str:
    """One sentence for those who hear the page."""
    return f"Run {LOOKS[execution.status].label.lower()}, {money(execution.cost_usd)}"


def price_note(execution: Execution) -> str:
    """What part of the price was paid, where it was not all of it."""
    batch = execution.batch
    is_cheaper = batch is not None and batch.mode == BatchMode.PROVIDER_BATCH
    return "half of it, by the provider's batch service" if is_cheaper else ""


def provider(execution: Execution) -> str:
    """Who answered, in words."""
    return PROVIDERS.get(execution.provider, execution.provider)
