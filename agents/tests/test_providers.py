"""The Messages provider against a server that misbehaves on command, through the real SDK."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from agents.choices import ErrorCause, ErrorCode
from agents.runtime import (
    Finished,
    ModelCall,
    ProviderError,
    Started,
    StreamPart,
    TextDelta,
)
from agents.runtime.providers import Provider, ProviderSettings, make_provider
from agents.runtime.providers.failures import KeyRefused
from aiagents.testing.messages_server import ERRORS, Behaviour, MessagesServer

CALL = ModelCall(
    model="claude-sonnet-5-5", system="Be brief.", user="Hello.", max_tokens=2000
)


@pytest.fixture(scope="module")
def running() -> Iterator[MessagesServer]:
    with MessagesServer() as server:
        yield server


@pytest.fixture
def server(running: MessagesServer) -> MessagesServer:
    running.reset()
    return running


@pytest.fixture
async def provider(server: MessagesServer) -> AsyncIterator[Provider]:
    made = make(server)
    yield made
    await made.close()


def make(
    server: MessagesServer, *, keys: tuple[str, ...] = ("key-1",), idle_s: float = 5
) -> Provider:
    settings = ProviderSettings(
        base_url=server.base_url,
        api_keys=keys,
        connect_s=2,
        first_byte_s=idle_s,
        idle_s=idle_s,
        concurrency=20,
    )
    return make_provider("anthropic", settings)


async def collect(provider: Provider, call: ModelCall = CALL) -> list[StreamPart]:
    return [part async for part in provider.stream(call)]


async def failure(provider: Provider) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await collect(provider)
    return caught.value


class TestAnswer:
    async def test_text_arrives_between_start_and_finish(self, server, provider):
        server.default(Behaviour(text="One two three.", events=4))
        parts = await collect(provider)
        assert isinstance(parts[0], Started)
        assert parts[0].model == "claude-sonnet-5-5"
        text = "".join(p.text for p in parts if isinstance(p, TextDelta))
        assert text == "One two three."
        last = parts[-1]
        assert isinstance(last, Finished)
        assert last.stop_reason == "end_turn"
        assert last.usage.output_tokens > 0
        assert last.usage.prompt_tokens > 0

    async def test_unknown_events_are_passed_over(self, server, provider):
        server.script(Behaviour(text="Fine.", unknown_event=True))
        parts = await collect(provider)
        assert "".join(p.text for p in parts if isinstance(p, TextDelta)) == "Fine."

    async def test_nul_characters_are_dropped(self, server, provider):
        server.script(Behaviour(nul=True))
        parts = await collect(provider)
        assert not any("\x00" in p.text for p in parts if isinstance(p, TextDelta))

    async def test_the_request_asks_for_what_the_profile_can(self, server, provider):
        schema = {
            "type": "object",
            "additionalProperties": False,
            "required": ["a"],
            "properties": {"a": {"type": "integer"}},
        }
        call = ModelCall(
            model="claude-sonnet-5-5",
            system="S",
            user="U",
            max_tokens=2000,
            effort="low",
            json_schema=schema,
            thinking=True,
        )
        parts = await collect(provider, call)
        assert isinstance(parts[-1], Finished)

    @pytest.mark.parametrize(
        ("behaviour", "reason"),
        [
            (Behaviour(refuse=True), "refusal"),
            (Behaviour(max_tokens=True), "max_tokens"),
            (Behaviour(tool_use="anything"), "tool_use"),
        ],
    )
    async def test_tells_why_it_stopped(self, server, provider, behaviour, reason):
        server.script(behaviour)
        parts = await collect(provider)
        assert parts[-1].stop_reason == reason


class TestFailures:
    @pytest.mark.parametrize(
        "behaviour",
        [
            Behaviour(cut_after=2, events=8),
            Behaviour(end_after=2, events=8),
            Behaviour(drop_connection=True),
            Behaviour(bad_json_event=True),
            Behaviour(huge_line=True),
            Behaviour(error=ERRORS["500"]),
            Behaviour(error=ERRORS["504"]),
        ],
    )
    async def test_a_broken_stream_may_be_tried_again(
        self, server, provider, behaviour
    ):
        server.script(behaviour)
        error = await failure(provider)
        assert (error.code, error.retryable, error.counts) == (
            ErrorCode.LLM_ERROR,
            True,
            True,
        )

    @pytest.mark.parametrize(
        "behaviour",
        [
            Behaviour(error=ERRORS["529"]),
            Behaviour(error=ERRORS["503"]),
            Behaviour(error_event_after=2, events=8),
        ],
    )
    async def test_overload_may_be_tried_again(self, server, provider, behaviour):
        server.script(behaviour)
        error = await failure(provider)
        assert (error.code, error.cause) == (
            ErrorCode.LLM_OVERLOADED,
            ErrorCause.LLM_OVERLOADED,
        )
        assert error.retryable

    async def test_a_rate_limit_is_waited_for_and_not_counted(self, server, provider):
        server.script(Behaviour(error=ERRORS["429"]))
        error = await failure(provider)
        assert error.retryable
        assert not error.counts
        assert error.retry_after_s is not None

    @pytest.mark.parametrize(
        "behaviour",
        [Behaviour(silence_after=1, events=8), Behaviour(first_byte_delay=30)],
    )
    async def test_silence_ends_in_a_time_out(self, server, behaviour):
        impatient = make(server, idle_s=0.3)
        server.script(behaviour)
        error = await failure(impatient)
        assert (error.code, error.retryable) == (ErrorCode.LLM_TIMEOUT, True)
        await asyncio.to_thread(
            server.wait_for, lambda: server.open_streams == 0, timeout=5
        )
        await impatient.close()

    @pytest.mark.parametrize(
        "name", ["401", "402", "403", "spend_limit", "400_spend_limit"]
    )
    async def test_a_refused_key_is_final_and_paused(self, server, provider, name):
        server.script(Behaviour(error=ERRORS[name]))
        first = await failure(provider)
        again = await failure(provider)
        assert isinstance(first, KeyRefused)
        assert not first.retryable
        assert isinstance(again, KeyRefused)
        assert len(server.calls) == 1

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("404", ErrorCode.LLM_ERROR),
            ("400", ErrorCode.LLM_ERROR),
            ("413", ErrorCode.INVALID_INPUT),
            ("400_prompt_too_long", ErrorCode.INVALID_INPUT),
        ],
    )
    async def test_what_repetition_would_not_mend_is_final(
        self, server, provider, name, code
    ):
        server.script(Behaviour(error=ERRORS[name]))
        error = await failure(provider)
        assert (error.code, error.retryable) == (code, False)

    async def test_the_sdk_does_not_retry_by_itself(self, server, provider):
        server.script(Behaviour(error=ERRORS["500"]), times=3)
        await failure(provider)
        assert len(server.calls) == 1


class TestKeys:
    async def test_another_key_serves_while_one_rests(self, server):
        provider = make(server, keys=("key-1", "key-2"))
        server.script(Behaviour(error=ERRORS["429"]))
        await failure(provider)
        parts = await collect(provider)
        assert isinstance(parts[-1], Finished)
        assert len({call.key_suffix for call in server.calls}) == 2
        await provider.close()

    async def test_repeated_overload_opens_the_breaker(self, server, provider):
        server.default(Behaviour(error=ERRORS["529"]))
        for _ in range(5):
            await failure(provider)
        error = await failure(provider)
        assert not error.counts
        assert len(server.calls) == 5
