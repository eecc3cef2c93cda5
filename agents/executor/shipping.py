"""Handing rows of batches to the provider's batch service, and fetching what came of them.

Every step reads the database, makes one call and writes what it brought; so it may stop
anywhere. Several copies share the work: each shipment is held by one of them at a time.
"""

import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import structlog
from django.conf import settings

from agents.choices import ErrorCode, ExecutionStatus, ShipmentStatus
from agents.executor.executor import configured_provider, provider_settings
from agents.executor.store import AWAY
from agents.runtime import EnhancedAgent, ProviderError
from agents.runtime.errors import refused_for_good
from agents.runtime.output import check_stop_reason
from agents.runtime.pricing import BATCH_RATE, cost_of, price_for
from agents.runtime.providers import Provider
from agents.runtime.providers.batches import (
    BatchLost,
    Expired,
    Message,
    MessageBatches,
    Result,
    Sent,
    Withdrawn,
)
from agents.runtime.providers.failures import KeyRefused
from agents.selectors import Plans
from agents.services import shipments
from agents.services.attempts import Outcome
from agents.services.shipment_rows import RowEnd
from agents.services.shipments import Work
from aiagents.common import clock, ids

#: Results that are committed in one transaction.
STORED_AT_ONCE = 100
#: Shipments that are looked after before new rows are prepared.
LOOKS = 20

log = structlog.get_logger(__name__)


class Shipper:
    """Looks after the shipments of all batches, one at a time."""

    def __init__(self) -> None:
        """The configured model and keys are read now."""
        self._provider: Provider = configured_provider()
        self._service = MessageBatches(provider_settings())
        self._plans = Plans()
        self._rng = random.Random()  # noqa: S311 - jitter

    def look(self) -> int:
        """Prepare what waits and take every due shipment one step on; returns how many."""
        prepared = sum(self._prepare(key) for key in shipments.batches_to_prepare())
        steps = 0
        while steps < LOOKS and (work := shipments.take_due()):
            self._step(work)
            steps += 1
        return prepared + steps

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def _prepare(self, batch_id: uuid.UUID) -> int:
        try:
            return shipments.prepare_shipment(batch_id, now=clock.now())
        except AWAY:
            raise
        except Exception:  # one broken batch must not keep the others waiting
            log.exception("batch_broke", action="batch_broke", batch=str(batch_id))
            return 0

    def _step(self, work: Work) -> None:
        if work.status == ShipmentStatus.PREPARED:
            self._prepared(work)
        else:
            self._sent(work)

    # --- handing over ---

    def _prepared(self, work: Work) -> None:
        if work.is_cancelled:
            shipments.give_up(work.id)
        elif work.is_paused:
            shipments.postpone(work.id, seconds=settings.BATCH_POLL_S)
        else:
            self._send(work)

    def _send(self, work: Work) -> None:
        agent = self._plans.agent(work.version_id)
        inputs = shipments.inputs_of(work.id)
        if not inputs:
            shipments.close(work.id, rng=self._rng)
            return
        calls = {
            str(key): agent.call(values, is_free_text=False, provider=self._provider)
            for key, values in inputs.items()
        }
        try:
            sent = self._service.send(calls)
        except KeyRefused as error:
            log.critical("batch_refused", action="batch_refused", shipment=str(work.id))
            shipments.pause_batch_of(work.id, error=error)
        except ProviderError as error:
            log.warning(
                "batch_not_sent", action="batch_not_sent", code=error.code.value
            )
            shipments.record_send_failure(work.id, error=error, rng=self._rng)
        else:
            shipments.mark_sent(
                work.id, provider_id=sent.provider_id, key_digest=sent.key_digest
            )

    # --- fetching ---

    def _sent(self, work: Work) -> None:
        sent = Sent(provider_id=work.provider_id, key_digest=work.key_digest)
        try:
            self._poll(work, sent)
        except BatchLost as error:
            self._store(work, [(key, error) for key in shipments.inputs_of(work.id)])
            shipments.close(work.id, rng=self._rng)
        except ProviderError as error:
            # However often: the deadline of the rows is the end of patience.
            log.warning(
                "batch_not_read", action="batch_not_read", code=error.code.value
            )
            shipments.postpone(work.id, seconds=settings.BATCH_POLL_S)

    def _poll(self, work: Work, sent: Sent) -> None:
        if self._service.has_ended(sent):
            self._fetch(work, sent)
        elif work.is_cancelled and not work.is_cancel_sent:
            self._service.cancel(sent)
            shipments.mark_cancel_sent(work.id)
        else:
            shipments.postpone(work.id, seconds=settings.BATCH_POLL_S)

    def _fetch(self, work: Work, sent: Sent) -> None:
        results = iter(self._service.results(sent))
        while chunk := list(islice(results, STORED_AT_ONCE)):
            self._store(work, _known(chunk))
            shipments.postpone(work.id, seconds=shipments.HOLD_TO_ASK_S)
        shipments.close(work.id, rng=self._rng)

    def _store(self, work: Work, answers: Iterable[tuple[uuid.UUID, Any]]) -> None:
        agent = self._plans.agent(work.version_id)
        ends = [self._end(agent, key, answer) for key, answer in answers]
        shipments.store_results(work.id, ends, rng=self._rng)

    def _end(self, agent: EnhancedAgent, key: uuid.UUID, answer: Any) -> RowEnd:
        match answer:
            case Message():
                return self._judged(agent, key, answer)
            case Expired():
                return RowEnd(execution_id=key, status=ExecutionStatus.TIMED_OUT)
            case Withdrawn():
                return RowEnd(execution_id=key, status=ExecutionStatus.CANCELLED)
            case _:
                status = ExecutionStatus.FAILED
                return RowEnd(execution_id=key, status=status, error=answer)

    def _judged(self, agent: EnhancedAgent, key: uuid.UUID, message: Message) -> RowEnd:
        """A whole answer, held against the agent's contract like one that was streamed."""
        structured, failure = None, None
        try:
            check_stop_reason(message.stop_reason)
            _check_length(message.text)
            structured = agent.conclude(message.text, provider=self._provider)
        except ProviderError as error:
            failure = error
        return RowEnd(
            execution_id=key,
            status=ExecutionStatus.FAILED if failure else ExecutionStatus.SUCCEEDED,
            outcome=self._outcome(agent, message, structured),
            error=failure,
        )

    def _outcome(
        self, agent: EnhancedAgent, message: Message, structured: Any
    ) -> Outcome:
        usage = message.usage
        price = price_for(agent.plan.prices, prompt_tokens=usage.prompt_tokens)
        return Outcome(
            text=message.text[: settings.MAX_OUTPUT_CHARS],
            structured=structured,
            stop_reason=message.stop_reason,
            provider=self._provider.kind,
            model=message.model,
            usage=usage,
            cost_usd=cost_of(usage, price, rate=BATCH_RATE),
            price_id=price.id if price else None,
            prompt_digest=agent.system_digest,
        )


def _known(results: Sequence[Result]) -> Iterator[tuple[uuid.UUID, Any]]:
    for result in results:
        if key := ids.parse_id(result.custom_id):
            yield key, result.answer


def _check_length(text: str) -> None:
    most = settings.MAX_OUTPUT_CHARS
    if len(text) > most:
        raise refused_for_good(
            f"The answer is longer than {most} characters.",
            code=ErrorCode.BAD_MODEL_OUTPUT,
        )
