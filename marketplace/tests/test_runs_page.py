"""The pages of runs: who sees them, what they say in each state, what can be done there."""

import datetime as dt
import json
import re
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import ApiKeyFactory, MembershipFactory
from agents.choices import ErrorCode, ExecutionStatus
from agents.models import Execution, ExecutionFeedback
from agents.tests.factories import ExecutionFactory
from aiagents.common import clock, ids, redis_client
from aiagents.common.progress import Append, ProgressEvent, ProgressLog, ProgressType
from marketplace.pages import run_facts
from marketplace.pages.runs import MAX_COMMENT_CHARS, PAGE_SIZE, RunFilter

pytestmark = pytest.mark.django_db
STATES = ("running", "succeeded", "failed", "cancelled", "timed_out")
ONE_RUN = {
    "execution_detail": "get",
    "execution_output": "get",
    "execution_download": "get",
    "execution_cancel": "post",
    "execution_retry": "post",
    "execution_feedback": "post",
}


@pytest.fixture
def member():
    return MembershipFactory()


@pytest.fixture
def reader(member):
    """The member's, signed in."""
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture
def make(member):
    """Makes runs of the member."""

    def make_run(**kwargs):
        return ExecutionFactory(team=member.team, user=member.user, **kwargs)

    return make_run


def address(name, run):
    return reverse(f"marketplace:{name}", args=[getattr(run, "id", run)])


def text_of(response):
    return response.content.decode()


def tell(run, *events, closes=False):
    """Append to the run's progress stream."""
    log = ProgressLog(redis_client.sync_client())
    log.append(Append(key=run.id, attempt=1, events=list(events), closes=closes))


class Pane(HTMLParser):
    """The text of the pane as a reader would read it."""

    def __init__(self, html):
        super().__init__()
        self.depth, self.text = 0, ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        if self.depth or dict(attrs).get("id") == "output-text":
            self.depth += 1

    def handle_endtag(self, tag):
        self.depth = max(0, self.depth - 1)

    def handle_data(self, data):
        if self.depth:
            self.text += data


class TestAccess:
    @pytest.mark.parametrize(("name", "method"), ONE_RUN.items())
    def test_a_foreign_run_is_as_missing_as_one_that_never_was(
        self, reader, name, method
    ):
        foreign = ExecutionFactory(succeeded=True)
        answers = [
            getattr(reader, method)(address(name, run))
            for run in (foreign, ids.new_id(), "x")
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert not ExecutionFeedback.objects.exists()

    @pytest.mark.parametrize(("name", "method"), ONE_RUN.items())
    def test_a_visitor_is_sent_to_the_login_page(self, make, name, method):
        answer = getattr(Client(), method)(address(name, make()))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login?next=")

    def test_a_colleague_sees_it_and_no_cache_keeps_it(self, make, member):
        colleague = MembershipFactory(team=member.team)
        client = Client()
        client.force_login(colleague.user)
        answer = client.get(address("execution_detail", make()))
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]

    def test_the_list_holds_own_runs_only(self, reader, make):
        ExecutionFactory(succeeded=True)
        own = make(succeeded=True)
        answer = reader.get("/dashboard/runs")
        assert [run for run, _, _ in answer.context["runs"]] == [own]


class TestDetail:
    @pytest.mark.parametrize("state", STATES)
    def test_each_state_is_said_in_words(self, reader, make, state):
        run = make(**{state: True})
        html = text_of(reader.get(address("execution_detail", run)))
        assert f'data-status="{state}"' in html
        assert run.agent.name in html
        assert not re.search(r"<c-|\{\{|\{%", html)

    def test_a_queued_run_says_its_place(self, reader, make):
        ExecutionFactory(created_at=clock.now() - dt.timedelta(seconds=9))
        html = text_of(reader.get(address("execution_detail", make())))
        assert "Place 2 in the interactive lane." in html

    def test_a_run_to_be_tried_again_says_why(self, reader, make):
        run = make(begun=True, wait_reason="llm_overloaded")
        html = text_of(reader.get(address("execution_detail", run)))
        assert (
            "It will be tried again: the model&#x27;s service was overloaded." in html
        )

    def test_a_run_that_was_asked_to_stop_cannot_be_asked_again(self, reader, make):
        run = make(running=True, cancel_requested_at=clock.now())
        html = text_of(reader.get(address("execution_detail", run)))
        assert "Stopping" in html
        assert address("execution_cancel", run) not in html

    def test_a_failure_says_what_it_cost_and_what_to_do(self, reader, make):
        html = text_of(reader.get(address("execution_detail", make(failed=True))))
        assert "The model declined to answer." in html
        assert "It cost $0.0057." in html
        assert run_facts.NEXT_STEPS[ErrorCode.LLM_REFUSED] in html

    def test_used_up_attempts_name_the_last_reason(self, reader, make):
        run = make(
            failed=True, error_code="attempts_exhausted", error_cause="worker_lost"
        )
        html = text_of(reader.get(address("execution_detail", run)))
        assert "The last time the worker was lost." in html

    def test_an_answer_that_was_cut_short_says_so(self, reader, make):
        run = make(succeeded=True, stop_reason="max_tokens")
        assert "Cut short" in text_of(reader.get(address("execution_detail", run)))

    def test_the_demo_model_is_named_in_words(self, reader, make):
        run = make(succeeded=True, provider="demo", cost_usd=0)
        html = text_of(reader.get(address("execution_detail", run)))
        assert "demo model" in html

    def test_a_key_is_named_beside_its_person(self, reader, make, member):
        key = ApiKeyFactory(user=member.user, name="nightly")
        html = text_of(reader.get(address("execution_detail", make(api_key=key))))
        assert "with key nightly" in html

    def test_inputs_stand_under_their_labels_and_cannot_act(self, reader, make):
        run = make(inputs={"text": "<script>alert(1)</script>", "side": "buyer"})
        html = text_of(reader.get(address("execution_detail", run)))
        assert "<dt>Text of the contract</dt>" in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "<script>alert" not in html

    def test_repetitions_are_linked_both_ways(self, reader, make):
        first = make(succeeded=True)
        second = make(retry_of=first)
        assert str(second.id) in text_of(reader.get(address("execution_detail", first)))
        assert str(first.id) in text_of(reader.get(address("execution_detail", second)))

    def test_only_an_unfinished_run_is_followed(self, reader, make):
        running = text_of(reader.get(address("execution_detail", make(running=True))))
        over = text_of(reader.get(address("execution_detail", make(succeeded=True))))
        for trace in ("data-run-stream", "run_stream.js", 'http-equiv="refresh"'):
            assert trace in running
            assert trace not in over

    def test_query_count(self, reader, make, query_counts):
        run = make(succeeded=True)
        with query_counts("page:execution_detail"):
            reader.get(address("execution_detail", run))
        for _ in range(9):
            make(retry_of=run)
        with query_counts("page:execution_detail"):
            reader.get(address("execution_detail", run))


class TestOutput:
    AWKWARD = "\n\n# T\r\nx\ry <b>&amp;\u202e '\"`é\t\n"

    @pytest.mark.parametrize("state", ["succeeded", "cancelled"])
    def test_the_pane_holds_the_stored_text_exactly(self, reader, make, state):
        run = make(**{state: True}, output=self.AWKWARD)
        html = text_of(reader.get(address("execution_detail", run)))
        assert "\r" not in html
        assert Pane(html).text == self.AWKWARD

    def test_markdown_is_rendered_without_its_html(self, reader, make):
        run = make(succeeded=True, output="# Title\n\n<script>alert(1)</script>")
        html = text_of(reader.get(address("execution_detail", run)))
        assert "<h3>Title</h3>" in html
        assert "<script>alert" not in html

    def test_json_is_shown_as_a_tree(self, reader, make):
        run = make(succeeded=True, output='{"a": 1}', output_json={"a": 1})
        html = text_of(reader.get(address("execution_detail", run)))
        assert '<span class="json-key">a</span>' in html

    def test_plain_formats_are_not_taken_for_markdown(self, reader, make):
        run = make(succeeded=True, output="# no heading")
        run.version.definition["output"]["format"] = "csv"
        run.version.save()
        html = text_of(reader.get(address("execution_detail", run)))
        assert "<h3>" not in html
        assert Pane(html).text == "# no heading"

    def test_a_partial_text_stays_readable_and_is_called_so(self, reader, make):
        html = text_of(
            reader.get(address("execution_detail", make(cancelled=True, output="half")))
        )
        assert "Partial output" in html
        assert Pane(html).text == "half"

    def test_the_part_is_for_htmx_and_others_get_the_page(self, reader, make):
        run = make(succeeded=True)
        part = reader.get(
            address("execution_output", run), headers={"hx-request": "true"}
        )
        assert text_of(part).lstrip().startswith('<div id="run-body"')
        assert 'data-announcement="Run succeeded, $0.0057"' in text_of(part)
        whole = reader.get(address("execution_output", run))
        assert whole.status_code == 303
        assert whole["Location"] == address("execution_detail", run)


class TestProgress:
    def test_the_text_so_far_is_drawn_and_the_script_continues_after_it(
        self, reader, make
    ):
        run = make(running=True)
        tell(
            run,
            (ProgressType.STATUS, {"status": "running"}),
            (ProgressType.DELTA, {"text": "lost"}),
            (ProgressType.RESET, {"text": "\nA"}),
            (ProgressType.DELTA, {"text": "<b>\r"}),
            (ProgressType.USAGE, {"input_tokens": 2100, "output_tokens": 7}),
        )
        html = text_of(reader.get(address("execution_detail", run)))
        assert Pane(html).text == "\nA<b>\r"
        assert 'data-after="5"' in html
        assert "2.1K" in html

    def test_done_is_left_for_the_script(self, reader, make):
        run = make(running=True)
        tell(
            run,
            (ProgressType.DELTA, {"text": "a"}),
            (ProgressType.DONE, {"status": "succeeded"}),
            closes=True,
        )
        assert 'data-after="1"' in text_of(reader.get(address("execution_detail", run)))

    def test_without_redis_the_page_is_there(self, reader, make, settings):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        html = text_of(reader.get(address("execution_detail", make(running=True))))
        assert 'data-after="0"' in html

    def test_folding_is_what_a_reader_does(self):
        events = [
            ProgressEvent(seq=1, type=ProgressType.DELTA, data={"text": "a"}),
            ProgressEvent(seq=2, type=ProgressType.DELTA, data={"text": "b"}),
            ProgressEvent(seq=9, type=ProgressType.RESET, data={"text": "c"}),
            ProgressEvent(seq=10, type=ProgressType.TOOL, data={"name": "x"}),
        ]
        progress = run_facts.folded(events)
        assert (progress.text, progress.seq) == ("c", 10)


class TestErrors:
    def test_every_code_has_its_next_step(self):
        assert set(run_facts.NEXT_STEPS) == set(ErrorCode)

    @pytest.mark.parametrize(
        ("provider", "cost", "sentence"),
        [
            ("anthropic", "0.0213", "It cost $0.021."),
            ("anthropic", "0", "Nothing was spent."),
            ("demo", "0", "The demo model is free."),
        ],
    )
    def test_the_cost_is_said(self, make, provider, cost, sentence):
        run = make(failed=True, provider=provider, cost_usd=cost)
        run.refresh_from_db()
        assert run_facts.spent(run) == sentence


class TestActions:
    def test_cancel_stops_a_queued_run(self, reader, make):
        run = make()
        answer = reader.post(address("execution_cancel", run))
        run.refresh_from_db()
        assert answer.status_code == 303
        assert run.status == ExecutionStatus.CANCELLED

    def test_a_refused_cancel_is_told_on_the_page(self, reader, make):
        run = make(succeeded=True)
        answer = reader.post(address("execution_cancel", run), follow=True)
        assert answer.redirect_chain == [(address("execution_detail", run), 303)]
        assert "The execution is over." in text_of(answer)

    def test_retry_shows_the_new_run(self, reader, make):
        run = make(failed=True)
        answer = reader.post(address("execution_retry", run))
        new = Execution.objects.get(retry_of=run)
        assert answer["Location"] == address("execution_detail", new)

    def test_the_token_is_asked_for(self, member, make):
        client = Client(enforce_csrf_checks=True)
        client.force_login(member.user)
        run = make()
        assert client.post(address("execution_cancel", run)).status_code == 403
        run.refresh_from_db()
        assert run.status == ExecutionStatus.QUEUED

    @pytest.mark.parametrize("name", ["execution_cancel", "execution_retry"])
    def test_a_link_changes_nothing(self, reader, make, name):
        assert reader.get(address(name, make())).status_code == 405


class TestFeedback:
    def test_is_kept_and_shown_again(self, reader, make):
        run = make(succeeded=True)
        form = {"rating": "4", "comment": " good "}
        page = reader.post(address("execution_feedback", run), form, follow=True)
        kept = ExecutionFeedback.objects.get()
        assert (kept.rating, kept.comment) == (4, "good")
        assert 'value="4" required checked' in text_of(page)

    @pytest.mark.parametrize(
        "form",
        [
            {},
            {"rating": "6"},
            {"rating": "x"},
            {"rating": "3", "comment": "x" * (MAX_COMMENT_CHARS + 1)},
            {"rating": "3", "comment": "a\x00b"},
        ],
    )
    def test_nonsense_is_refused_with_a_sentence(self, reader, make, form):
        run = make(succeeded=True)
        page = reader.post(address("execution_feedback", run), form, follow=True)
        assert page.status_code == 200
        assert "notice-warning" in text_of(page)
        assert not ExecutionFeedback.objects.exists()

    def test_a_run_that_goes_on_cannot_be_rated(self, reader, make):
        run = make(running=True)
        reader.post(address("execution_feedback", run), {"rating": "3"})
        assert not ExecutionFeedback.objects.exists()


class TestDownload:
    def test_markdown_is_the_stored_text(self, reader, make):
        run = make(succeeded=True, output=TestOutput.AWKWARD)
        answer = reader.get(address("execution_download", run))
        assert answer.content == TestOutput.AWKWARD.encode()
        name = f"{run.agent.slug}-{run.id.hex[-12:]}.md"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_json_has_the_whole_run(self, reader, make):
        run = make(succeeded=True, output_json={"a": 1})
        answer = reader.get(address("execution_download", run), {"format": "json"})
        found = json.loads(answer.content)
        assert found["output"] == run.output
        assert found["output_json"] == {"a": 1}
        assert found["version"] == 1
        assert answer["Content-Disposition"].startswith("attachment;")


class TestList:
    def test_filters_narrow_it(self, reader, make):
        now = clock.now()
        wanted = make(failed=True, created_at=now - dt.timedelta(days=1))
        make(succeeded=True, agent=wanted.agent)
        make(failed=True)
        make(failed=True, agent=wanted.agent, created_at=now - dt.timedelta(days=9))
        query = {
            "status": "failed",
            "agent": wanted.agent.slug,
            "since": (now - dt.timedelta(days=2)).date().isoformat(),
        }
        answer = reader.get("/dashboard/runs", query)
        assert [run for run, _, _ in answer.context["runs"]] == [wanted]

    @pytest.mark.parametrize(
        "query",
        [
            "status=nonsense",
            "since=2026-13-40",
            "before=x",
            "before=2026-01-01T00:00:00_x",
        ],
    )
    def test_what_cannot_be_read_is_ignored(self, reader, make, query):
        run = make(succeeded=True)
        answer = reader.get(f"/dashboard/runs?{query}")
        assert [shown for shown, _, _ in answer.context["runs"]] == [run]

    def test_pages_follow_each_other_without_gap_or_double(self, reader, make):
        moment = clock.now()
        made = [make(succeeded=True, created_at=moment) for _ in range(PAGE_SIZE + 3)]
        first = reader.get("/dashboard/runs").context
        second = reader.get("/dashboard/runs", {"before": first["next"]}).context
        seen = [run.id for run, _, _ in [*first["runs"], *second["runs"]]]
        assert seen == sorted((run.id for run in made), reverse=True)
        assert not second["next"]

    def test_nothing_yet_and_nothing_found_are_told_apart(self, reader):
        assert "Nothing has been run yet" in text_of(reader.get("/dashboard/runs"))
        assert "No run passes" in text_of(reader.get("/dashboard/runs?status=failed"))

    def test_the_part_is_for_htmx(self, reader, make):
        make(succeeded=True)
        part = text_of(reader.get("/dashboard/runs", headers={"hx-request": "true"}))
        assert "<table" in part
        assert "<html" not in part

    def test_query_count(self, reader, make, query_counts):
        make(succeeded=True)
        with query_counts("page:run_list"):
            reader.get("/dashboard/runs")
        for _ in range(9):
            make(succeeded=True)
        with query_counts("page:run_list"):
            reader.get("/dashboard/runs")


def test_the_first_day_of_all_can_be_asked_for():
    assert RunFilter.read({"since": "0001-01-01"}).since == dt.date(1, 1, 1)
