"""What is there to say about one batch, and what does its form ask?"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from agents.choices import BATCH_LOOKS, LOOKS, BatchMode, ExecutionStatus
from agents.models import Batch
from agents.selectors import BatchProgress
from marketplace import forms
from marketplace.forms import FormField, Option, Typed
from marketplace.rendering.figures import money

S = ExecutionStatus
#: In the order of the bar.
PARTS = (
    S.SUCCEEDED,
    S.FAILED,
    S.TIMED_OUT,
    S.CANCELLED,
    S.RUNNING,
    S.WAITING,
    S.QUEUED,
)
#: The bar is so many units long; a part of a batch of 10,000 is still seen.
BAR = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of the bar and its entry in the legend."""

    label: str
    tone: str
    icon: str
    count: int
    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How far a batch is, ready for the page."""

    figures: BatchProgress
    parts: Sequence[Part]

    @property
    def summary(self) -> str:
        """In words, for those who do not see the bar."""
        said = [f"{part.count} {part.label.lower()}" for part in self.parts]
        figures = self.figures
        return f"{figures.done} of {figures.total} rows are over: {', '.join(said)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadForm:
    """The form as it is drawn."""

    fields: Sequence[FormField]
    loose_errors: Sequence[str]
    has_errors: bool


def shown(figures: BatchProgress) -> Shown:
    """The bar and its legend: what there is none of is left out."""
    parts: list[Part] = []
    done = 0
    for status in PARTS:
        count: int = getattr(figures, status.value)
        if count:
            look, start = LOOKS[status], done * BAR // figures.total
            end = (done + count) * BAR // figures.total
            parts.append(
                Part(
                    label=look.label,
                    tone=look.tone,
                    icon=look.icon,
                    count=count,
                    start=start,
                    length=max(end - start, 1),
                )
            )
        done += count
    return Shown(figures=figures, parts=parts)


def took(batch: Batch) -> dt.timedelta | None:
    """From its acceptance to its end; None while it goes on."""
    return batch.finished_at - batch.created_at if batch.finished_at else None


def announcement(batch: Batch, progress: Shown) -> str:
    """One sentence for those who hear the page."""
    label = BATCH_LOOKS[batch.status].label.lower()
    return f"Batch {label}, {money(progress.figures.cost_usd)}"


def upload_form(typed: Typed, errors: Mapping[str, Sequence[str]]) -> UploadForm:
    """The form, as it was typed when it was refused; a browser forgets the file."""
    fields = forms.with_errors(_fields(typed), errors)
    return UploadForm(
        fields=fields,
        loose_errors=forms.loose_errors(fields, errors),
        has_errors=bool(errors),
    )


def _fields(typed: Typed) -> list[FormField]:
    def value(name: str, default: str = "") -> str:
        return next(iter(typed.get(name, ())), default)

    throttle = min(settings.BATCH_IN_FLIGHT, settings.TEAM_MAX_RUNNING)
    fields = [
        FormField(
            name="file",
            label="File",
            type="file",
            is_required=True,
            help="CSV with a header, or JSON lines; up to 10,000 rows, in UTF-8.",
            attributes={"accept": ".csv,.tsv,.txt,.jsonl,.ndjson"},
        ),
        FormField(
            name="name",
            label="Name",
            value=value("name"),
            help="To find it again.",
            attributes={"maxlength": "100", "autocomplete": "off"},
        ),
        FormField(
            name="max_in_flight",
            label="Rows at once",
            type="number",
            value=value("max_in_flight", str(throttle)),
            help="More is quicker; fewer leave more room for others.",
            attributes={"min": "1", "max": str(settings.TEAM_MAX_RUNNING)},
        ),
        FormField(
            name="skip_bad_rows",
            label="Rows that do not fit the form",
            control="choices",
            type="checkbox",
            options=(
                Option(
                    value="true",
                    label="Leave them out and run the others",
                    is_chosen=bool(value("skip_bad_rows")),
                ),
            ),
        ),
    ]
    # The demo model has no batch service, and is free.
    return fields if settings.DEMO_MODEL_URL else [*fields, _mode_field(value("mode"))]


def _mode_field(chosen: str) -> FormField:
    labels = {
        BatchMode.EXECUTIONS: "As ordinary runs, which begin now",
        BatchMode.PROVIDER_BATCH: "By the provider's batch service: within a day, at half the price",
    }
    return FormField(
        name="mode",
        label="How",
        control="choices",
        type="radio",
        options=tuple(
            Option(
                value=mode.value,
                label=label,
                is_chosen=mode == (chosen or BatchMode.EXECUTIONS),
            )
            for mode, label in labels.items()
        ),
    )
