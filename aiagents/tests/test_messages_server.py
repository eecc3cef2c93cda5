"""The Messages server as the real SDK sees it: sound answers, faults on command."""

import asyncio
import json
import ssl
import subprocess
import sys
import time

import anthropic
import httpx2
import pytest
from anthropic import (
    Anthropic,
    AsyncAnthropic,
    DefaultAioHttpClient,
    DefaultHttpxClient,
)

from aiagents.testing.messages_server import (
    ERRORS,
    Behaviour,
    MessagesServer,
    write_fault,
)
from aiagents.testing.messages_server.markers import find_fault

MODEL = "claude-opus-5-5"
TOOL = {
    "name": "search",
    "input_schema": {
        "type": "object",
        "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
    },
}
#: What a client may see when the connection breaks inside a body.
BROKEN = (anthropic.APIConnectionError, httpx2.TransportError)


@pytest.fixture
def server():
    with MessagesServer() as running:
        yield running


@pytest.fixture
def client(server):
    # Loading the certificates of the system would be most of the time of a test.
    plain = DefaultHttpxClient(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with Anthropic(
        base_url=server.base_url,
        api_key="sk-test-1234",
        max_retries=0,
        timeout=10,
        http_client=plain,
    ) as made:
        yield made


def open_async_client(server):
    return AsyncAnthropic(
        base_url=server.base_url,
        api_key="sk-test-1234",
        max_retries=0,
        timeout=10,
        http_client=DefaultAioHttpClient(),
    )


def question(text="What is due?", **options):
    messages = [{"role": "user", "content": text}]
    return {"model": MODEL, "max_tokens": 1000, "messages": messages} | options


def events_of(client, text="What is due?", **options):
    with client.messages.create(**question(text, **options), stream=True) as stream:
        return list(stream)


def text_of(events):
    deltas = [e.delta for e in events if e.type == "content_block_delta"]
    return "".join(d.text for d in deltas if d.type == "text_delta")


def outcomes_of(server):
    return [call.outcome for call in server.calls]


def read_until_broken(client, text):
    """The text that came before the connection broke."""
    seen = []
    with (
        pytest.raises(BROKEN),
        client.messages.create(**question(text), stream=True) as stream,
    ):
        seen.extend(stream)
    return text_of(seen)


class TestAnswers:
    def test_streams_a_whole_message_in_order(self, server, client):
        events = events_of(client, "What is **due**? [[marker:m-1]]")
        kinds = [event.type for event in events]
        deltas = kinds.count("content_block_delta")
        assert kinds == [
            "message_start",
            "content_block_start",
            *["content_block_delta"] * deltas,
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
        assert deltas > 10
        assert "> What is **due**?" in text_of(events)
        assert "marked m-1" in text_of(events)
        assert "[[" not in text_of(events)
        assert events[-2].delta.stop_reason == "end_turn"
        [call] = server.calls_for("m-1")
        assert (call.outcome, call.key_suffix, call.model) == (
            "finished",
            "1234",
            MODEL,
        )
        assert server.open_streams == 0

    def test_gives_the_same_message_without_a_stream(self, client):
        message = client.messages.create(**question())
        events = events_of(client)
        assert message.content[0].text == text_of(events)
        assert message.usage.output_tokens == events[-2].usage.output_tokens
        assert message._request_id.startswith("req_")

    def test_the_stream_helper_rebuilds_text_and_tool_calls(self, server, client):
        server.script(Behaviour(tool_use="", events=2))
        with client.messages.stream(**question(tools=[TOOL])) as stream:
            message = stream.get_final_message()
        text, call = message.content
        assert text.type == "text"
        assert (call.name, call.input) == ("search", {"query": "sample", "limit": 1})
        assert message.stop_reason == "tool_use"

    def test_calls_the_tool_and_input_it_is_told(self, client):
        fault = Behaviour(tool_use="none_such", tool_input='{"a": [[1]], "b": "x;y"}')
        message = client.messages.create(**question(write_fault(fault)))
        assert message.content[1].name == "none_such"
        assert message.content[1].input == {"a": [[1]], "b": "x;y"}

    def test_follows_the_schema_of_structured_outputs(self, client):
        schema = {
            "type": "object",
            "properties": {
                "tone": {"enum": ["calm", "loud"]},
                "n": {"$ref": "#/$defs/n"},
            },
            "$defs": {"n": {"type": "integer", "minimum": 3}},
            "additionalProperties": False,
        }
        form = {"format": {"type": "json_schema", "schema": schema}}
        message = client.messages.create(**question(output_config=form))
        assert json.loads(message.content[0].text) == {"tone": "calm", "n": 3}

    def test_counts_tokens_and_cached_prefixes(self, client):
        system = [
            {"type": "text", "text": "x" * 8000, "cache_control": {"type": "ephemeral"}}
        ]
        first, second = (
            client.messages.create(**question(system=system)).usage for _ in range(2)
        )
        counted = client.messages.count_tokens(
            model=MODEL, system=system, messages=question()["messages"]
        )
        assert first.cache_creation_input_tokens == 2000
        assert second.cache_read_input_tokens == 2000
        assert first.cache_read_input_tokens == second.cache_creation_input_tokens == 0
        assert counted.input_tokens == first.input_tokens + 2000

    def test_lists_models(self, client):
        assert MODEL in {model.id for model in client.models.list()}
        assert client.models.retrieve(MODEL).lifecycle == "active"
        with pytest.raises(anthropic.NotFoundError):
            client.models.retrieve("claude-none")

    def test_never_says_more_than_max_tokens(self, client):
        message = client.messages.create(**question(max_tokens=5))
        assert message.stop_reason == "max_tokens"
        assert message.usage.output_tokens == 5


class TestRefusals:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"extra_body": {"temperature": 0.5}}, "temperature"),
            ({"extra_body": {"top_p": 0.5}}, "top_p"),
            ({"max_tokens": 0}, "max_tokens"),
            ({"messages": []}, "at least one message"),
            ({"messages": [{"role": "user", "content": [{"text": 1}]}]}, "content"),
            ({"model": "claude-sonnet-5-5", "thinking": {"type": "disabled"}}, "think"),
        ],
    )
    def test_refuses_what_the_api_refuses(self, server, client, wrong, message):
        with pytest.raises(anthropic.BadRequestError, match=message):
            client.messages.create(**question(**wrong))
        assert outcomes_of(server) == ["error"]

    def test_needs_credentials_and_a_version(self, server):
        url = f"{server.base_url}/v1/models"
        version = {"anthropic-version": "2026-10-21"}
        assert httpx2.get(url, headers=version).status_code == 401
        assert httpx2.get(url, headers={"x-api-key": "k"}).status_code == 400
        for key in ({"x-api-key": "k"}, {"authorization": "Bearer k"}):
            assert httpx2.get(url, headers=version | key).status_code == 200

    @pytest.mark.parametrize("name", ERRORS)
    def test_each_error_reaches_the_sdk(self, server, client, name):
        expected = ERRORS[name]
        with pytest.raises(anthropic.APIStatusError) as caught:
            events_of(client, f"[[fault:error={name}]]")
        seen = caught.value
        assert (seen.status_code, seen.type) == (expected.status, expected.type)
        assert (seen.error_code, seen.api_message) == (expected.code, expected.message)
        assert seen.request_id == seen.body["request_id"]
        assert outcomes_of(server) == ["error"]

    def test_waiting_time_is_sent_only_where_it_helps(self, client):
        waits = {}
        for text in ("429;retry_after=7", "429;retry_after=", "spend_limit"):
            with pytest.raises(anthropic.RateLimitError) as caught:
                client.messages.create(**question(f"[[fault:error={text}]]"))
            waits[text] = caught.value.response.headers.get("retry-after")
        assert list(waits.values()) == ["7", None, None]

    @pytest.mark.parametrize(
        "wrong", ["cut_aftr=3", "cut_after=x", "cut_after", "refuse=1", "error=418", ""]
    )
    def test_a_fault_it_does_not_know_is_an_error(self, client, wrong):
        with pytest.raises(
            anthropic.BadRequestError, match=r"fault|cannot|value|error"
        ):
            client.messages.create(**question(f"[[fault:{wrong}]]"))
        with pytest.raises(anthropic.BadRequestError, match="not closed"):
            client.messages.create(**question("[[fault:cut_after=1]"))


class TestPlan:
    def test_marker_goes_before_script_and_script_before_default(self, server, client):
        server.default(Behaviour(text="default"))
        server.script(Behaviour(text="script"), times=2)
        server.script(Behaviour(text="match"), match="needle")
        asked = ["a", "[[fault:text=marker]]", "b", "needle", "c"]
        said = [
            client.messages.create(**question(text)).content[0].text for text in asked
        ]
        assert said == ["script", "marker", "script", "match", "default"]

    def test_a_marker_can_apply_once(self, client):
        text = write_fault(Behaviour(text="once"), times=1)
        said = [client.messages.create(**question(text)).content[0].text for _ in "12"]
        assert said[0] == "once"
        assert said[1].startswith("## Answer")

    def test_only_the_last_user_turn_commands(self, client):
        turns = [
            {"role": "user", "content": "[[fault:tool_use]]"},
            {"role": "assistant", "content": "Looking."},
            {"role": "user", "content": "And now?"},
        ]
        message = client.messages.create(**question(tools=[TOOL], messages=turns))
        assert message.stop_reason == "end_turn"

    @pytest.mark.parametrize(
        "behaviour",
        [
            Behaviour(cut_after=3, events=10, seconds=1.5, first_byte_delay=0.5),
            Behaviour(error=ERRORS["429"]),
            Behaviour(error=ERRORS["spend_limit"], error_event_after=2),
            Behaviour(json='{"a": [[1, 2]], "b": "50% ; é"}', nul=True),
            Behaviour(tool_use="", tool_input="{}"),
        ],
    )
    def test_markers_and_json_lose_nothing(self, behaviour):
        assert find_fault(f"Please {write_fault(behaviour)}!").behaviour == behaviour
        written = json.loads(json.dumps(behaviour.to_json()))
        assert Behaviour.from_json(written) == behaviour

    def test_a_behaviour_that_contradicts_itself_is_refused(self):
        for wrong in (
            {"cut_after": 1, "silence_after": 1},
            {"cut_after": -1},
            {"json": "{"},
            {"events": 0},
        ):
            with pytest.raises(ValueError, match=r".+"):
                Behaviour(**wrong)


class TestFaults:
    def test_cut_after_text_breaks_the_connection(self, server, client):
        cut = write_fault(Behaviour(text="abcdefghij", events=10, cut_after=3))
        assert read_until_broken(client, cut) == "abc"
        assert outcomes_of(server) == ["cut"]

    def test_drop_comes_before_any_answer(self, server, client):
        with pytest.raises(anthropic.APIConnectionError):
            events_of(client, "[[fault:drop_connection]]")
        assert outcomes_of(server) == ["cut"]

    def test_a_stream_can_end_properly_without_being_complete(self, server, client):
        events = events_of(client, "[[fault:end_after=2]]")
        assert text_of(events)
        assert "message_stop" not in {event.type for event in events}
        assert outcomes_of(server) == ["cut"]

    def test_error_event_comes_after_text(self, server, client):
        seen = []
        asked = question("[[fault:error_event_after=2]]")
        with (
            client.messages.create(**asked, stream=True) as stream,
            pytest.raises(anthropic.APIStatusError, match="Overloaded") as caught,
        ):
            seen.extend(stream)
        assert caught.value.type == "overloaded_error"
        assert caught.value.response.status_code == 200
        assert outcomes_of(server) == ["error"]

    def test_silence_is_a_read_timeout(self, server, client):
        seen, asked = [], question("[[fault:silence_after=2]]")
        impatient = client.with_options(timeout=0.2)
        with (
            pytest.raises((anthropic.APITimeoutError, httpx2.TimeoutException)),
            impatient.messages.create(**asked, stream=True) as stream,
        ):
            seen.extend(stream)
        assert server.wait_for(lambda: outcomes_of(server) == ["client_closed"])

    def test_first_byte_can_be_late(self, server, client):
        with pytest.raises(anthropic.APITimeoutError):
            events_of(client.with_options(timeout=0.1), "[[fault:first_byte_delay=5]]")
        assert server.wait_for(lambda: outcomes_of(server) == ["client_closed"])

    @pytest.mark.parametrize(
        ("fault", "stop_reason", "text"),
        [
            ("refuse", "refusal", "I can't help with that."),
            ("max_tokens;text=abcdef", "max_tokens", "abc"),
            ("empty", "end_turn", ""),
            ('json={"a": [1, "é"]}', "end_turn", '{"a": [1, "é"]}'),
            ("nul;text=ab", "end_turn", "a\x00b\x00"),
            ("unknown_event;text=abc;events=3", "end_turn", "abc"),
        ],
    )
    def test_odd_answers(self, client, fault, stop_reason, text):
        events = events_of(client, f"[[fault:{fault}]]")
        assert text_of(events) == text
        assert events[-2].delta.stop_reason == stop_reason
        assert ("weather_changed" in {e.type for e in events}) == ("unknown" in fault)

    def test_bad_json_and_a_huge_line(self, client):
        with pytest.raises(json.JSONDecodeError):
            events_of(client, "[[fault:bad_json_event]]")
        huge = text_of(events_of(client, "[[fault:huge_line]]"))
        assert len(huge) == 5 * 1024 * 1024

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("cut_after=1", BROKEN),
            ("end_after=1", BROKEN),
            ("bad_json_event", json.JSONDecodeError),
            ("error_event_after=1", anthropic.OverloadedError),
        ],
    )
    def test_faults_hit_plain_answers_too(self, client, fault, error):
        with pytest.raises(error):
            client.messages.create(**question(f"[[fault:{fault}]]"))


class TestLedger:
    def test_keeps_the_pace_it_is_told(self, server, client):
        server.default(Behaviour(seconds=0.3, events=6))
        started = time.monotonic()
        events = events_of(client)
        assert 0.28 < time.monotonic() - started < 2
        assert sum(e.type == "content_block_delta" for e in events) == 6

    def test_notices_a_client_that_leaves(self, server, client):
        server.default(Behaviour(seconds=30))
        stream = client.messages.create(**question("[[marker:x]]"), stream=True)
        next(iter(stream))
        assert server.open_streams == 1
        stream.close()
        assert server.wait_for(lambda: server.open_streams == 0)
        assert [call.outcome for call in server.calls_for("x")] == ["client_closed"]

    def test_waiting_in_vain_says_what_was_seen(self, server, client):
        client.messages.create(**question("[[marker:seen]]"))
        with pytest.raises(TimeoutError, match="seen"):
            server.wait_for(lambda: False, timeout=0.01)

    def test_stop_ends_open_streams_and_start_serves_the_same_port(
        self, server, client
    ):
        silent = client.messages.create(
            **question("[[fault:silence_after=0]]"), stream=True
        )
        url = server.base_url
        server.stop()
        with pytest.raises(BROKEN):
            list(silent)
        assert outcomes_of(server) == ["cut"]
        server.start()
        assert server.base_url == url
        server.reset()
        assert text_of(events_of(client))
        assert [call.index for call in server.calls] == [0]


class TestAsyncClient:
    @pytest.mark.asyncio
    async def test_many_streams_at_once_each_get_their_own_answer(self, server):
        server.default(Behaviour(seconds=0.2, events=10))

        async def ask(number):
            asked = question(f"[[marker:n{number}]]")
            stream = await caller.messages.create(**asked, stream=True)
            return text_of([event async for event in stream])

        async with open_async_client(server) as caller:
            texts = await asyncio.gather(*map(ask, range(50)))
        assert all(f"marked n{n}." in text for n, text in enumerate(texts))
        assert {call.outcome for call in server.calls} == {"finished"}

    @pytest.mark.asyncio
    async def test_cut_error_and_leaving(self, server):
        async with open_async_client(server) as client:
            cut = question("[[fault:cut_after=2]]")
            stream = await client.messages.create(**cut, stream=True)
            with pytest.raises(BROKEN):
                [event async for event in stream]
            with pytest.raises(anthropic.OverloadedError):
                await client.messages.create(**question("[[fault:error=529]]"))
            silent = question("[[fault:silence_after=1]]")
            stream = await client.messages.create(**silent, stream=True)
            await stream.close()
            await asyncio.to_thread(server.wait_for, lambda: not server.open_streams)
        assert outcomes_of(server) == ["cut", "error", "client_closed"]


class TestBatches:
    def requests(self, **texts):
        return [
            {"custom_id": name, "params": question(text)}
            for name, text in texts.items()
        ]

    def test_ends_after_a_look_with_results_in_another_order(self, server, client):
        batches = client.messages.batches
        wanted = self.requests(a="[[fault:text=A]]", b="[[fault:error=529]]")
        batch = batches.create(requests=wanted)
        assert batches.retrieve(batch.id).processing_status == "in_progress"
        ended = batches.retrieve(batch.id)
        assert (ended.processing_status, ended.request_counts.errored) == ("ended", 1)
        second, first = batches.results(batch.id)
        assert (first.custom_id, first.result.message.content[0].text) == ("a", "A")
        assert second.result.error.error.type == "overloaded_error"
        assert outcomes_of(server) == ["error", "finished"]

    def test_cancelled_requests_are_never_run(self, server, client):
        batches = client.messages.batches
        batch = batches.create(requests=self.requests(a="?"))
        assert batches.cancel(batch.id).processing_status == "canceling"
        assert batches.retrieve(batch.id).request_counts.canceled == 1
        assert [line.result.type for line in batches.results(batch.id)] == ["canceled"]
        assert server.calls == ()


class TestProcess:
    def test_is_commanded_over_http(self):
        module = "aiagents.testing.messages_server"
        command = [sys.executable, "-m", module, "--seconds", "0.1", "--events", "4"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            url = process.stdout.readline().split()[-1]
            try:
                self.drive(url)
            finally:
                process.terminate()
            assert process.wait(10) == 0

    def drive(self, url):
        def control(**command):
            answer = httpx2.post(f"{url}/_control", json=command)
            return answer.status_code, answer.json()

        with Anthropic(base_url=url, api_key="k", max_retries=0) as client:
            assert control(op="script", behaviour={"error": "503"})[0] == 200
            assert control(op="script", behaviour={"cut": 1})[0] == 400
            with pytest.raises(anthropic.ServiceUnavailableError):
                events_of(client)
            events = events_of(client, "[[marker:p]]")
        assert sum(e.type == "content_block_delta" for e in events) == 4
        _, ledger = control(op="ledger", marker="p")
        assert [call["outcome"] for call in ledger["calls"]] == ["finished"]
        control(op="reset")
        assert control(op="ledger")[1] == {"calls": [], "open_streams": 0}
