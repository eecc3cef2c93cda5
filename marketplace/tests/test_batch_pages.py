"""The pages of batches: the form, the list, one batch, and what can be done there."""

import csv
import io
import re
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import MembershipFactory
from agents.choices import BatchStatus, ItemState, PauseReason
from agents.models import Agent, Batch, BatchItem, ModelPrice
from agents.selectors import BatchProgress
from agents.tests.factories import AgentFactory, BatchFactory, ExecutionFactory
from aiagents.common import clock, ids
from marketplace.pages import batch_facts
from marketplace.pages.batches import PAGE_SIZE

pytestmark = pytest.mark.django_db
ONE_BATCH = {
    "batch_detail": "get",
    "batch_download": "get",
    "batch_pause": "post",
    "batch_resume": "post",
    "batch_cancel": "post",
}
UNRENDERED = re.compile(r"<c-|\{\{|\{%")
CSV = "text,side\nOne.,buyer\nTwo.,\n"


@pytest.fixture
def member():
    return MembershipFactory()


@pytest.fixture
def reader(member):
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture
def agent():
    return AgentFactory(slug="contract-reader")


@pytest.fixture
def make(member, agent):
    def make_batch(**fields):
        return BatchFactory(team=member.team, user=member.user, agent=agent, **fields)

    return make_batch


@pytest.fixture
def send(reader, agent):
    def post(data=CSV, called="rows.csv", **fields):
        address = reverse("marketplace:batch_form", args=[agent.slug])
        page = reader.get(address).content.decode()
        key = re.search(r'name="idempotency-key" value="([^"]+)"', page)[1]
        file = SimpleUploadedFile(called, data.encode())
        body = {"idempotency-key": key, "file": file, **fields}
        return reader.post(address, body)

    return post


def address(name, batch):
    return reverse(f"marketplace:{name}", args=[getattr(batch, "id", batch)])


def text_of(response):
    return response.content.decode()


class TestAccess:
    @pytest.mark.parametrize(("name", "method"), ONE_BATCH.items())
    def test_a_foreign_batch_is_as_missing_as_one_that_never_was(
        self, reader, name, method
    ):
        foreign = BatchFactory()
        answers = [
            getattr(reader, method)(address(name, batch))
            for batch in (foreign, ids.new_id(), "x")
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        foreign.refresh_from_db()
        assert foreign.status == BatchStatus.RUNNING

    @pytest.mark.parametrize(("name", "method"), ONE_BATCH.items())
    def test_a_visitor_is_sent_to_the_login_page(self, make, name, method):
        answer = getattr(Client(), method)(address(name, make()))
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login?next=")

    def test_the_form_and_the_list_lead_a_visitor_to_login(self, agent):
        for path in ("/dashboard/batches", f"/marketplace/{agent.slug}/batch"):
            assert Client().get(path)["Location"].startswith("/login?next=")

    def test_the_list_holds_own_batches_only(self, reader, make):
        BatchFactory()
        own = make()
        answer = reader.get("/dashboard/batches")
        assert [batch for batch, _ in answer.context["batches"]] == [own]
        assert "no-store" in answer["Cache-Control"]


class TestForm:
    def test_the_page_of_an_agent_leads_to_it(self, client, agent):
        html = text_of(client.get(f"/marketplace/{agent.slug}"))
        assert f"/marketplace/{agent.slug}/batch" in html

    def test_a_file_becomes_a_batch(self, send, member):
        answer = send(name="May", max_in_flight="3")
        batch = Batch.objects.get()
        assert answer.status_code == 303
        assert answer["Location"] == address("batch_detail", batch)
        assert (batch.name, batch.max_in_flight, batch.row_count) == ("May", 3, 2)
        assert batch.user == member.user

    def test_the_same_form_twice_is_one_batch(self, reader, agent):
        key = str(ids.new_id())
        path = f"/marketplace/{agent.slug}/batch"

        def post(data):
            file = SimpleUploadedFile("rows.jsonl", data)
            return reader.post(path, {"idempotency-key": key, "file": file})

        first, again = post(b'{"text": "a"}'), post(b'{"text": "a"}')
        assert again["Location"] == first["Location"]
        post(b'{"text": "b"}')
        assert Batch.objects.count() == 2

    def test_bad_rows_are_listed_and_nothing_starts(self, send):
        answer = send("text,side\nOne.,\n,<b>\n", name="May")
        html = text_of(answer)
        assert answer.status_code == 400
        assert "1 of 2 rows do not fit" in html
        assert '<td class="end num">3</td>' in html
        assert "This field is required." in html
        assert 'value="May"' in html
        assert not Batch.objects.exists()
        assert not UNRENDERED.search(html)

    def test_bad_rows_may_be_left_out(self, send, reader):
        answer = send("text,side\nOne.,\n,x\n", skip_bad_rows="true")
        html = text_of(reader.get(answer["Location"]))
        assert "Rows that were left out" in html
        assert "This field is required." in html

    @pytest.mark.parametrize(
        ("data", "fields", "sentence"),
        [
            ("nope\nx\n", {}, "nope: Unknown column."),
            ("text\n", {}, "There are no"),
            (CSV, {"max_in_flight": "many"}, "A whole number is expected."),
            (CSV, {"max_in_flight": "0"}, "A whole number from 1"),
            (CSV, {"name": "a\x00b"}, "NUL"),
        ],
    )
    def test_what_is_wrong_is_said(self, send, data, fields, sentence):
        answer = send(data, **fields)
        assert answer.status_code == 400
        assert sentence in text_of(answer)
        assert not Batch.objects.exists()

    def test_a_form_without_a_file_asks_for_one(self, reader, agent):
        answer = reader.post(f"/marketplace/{agent.slug}/batch", {})
        assert answer.status_code == 400
        assert "Choose a file." in text_of(answer)

    def test_the_policy_says_why_not(self, send, agent):
        Agent.objects.filter(id=agent.id).update(risk="high")
        answer = send()
        assert answer.status_code == 403
        assert "high risk" in text_of(answer)

    def test_too_many_batches_are_told(self, send, settings):
        settings.TEAM_MAX_BATCHES = 1
        send()
        answer = send(name="Another")
        assert answer.status_code == 429
        assert "not over" in text_of(answer)

    def test_the_providers_service_is_offered_where_there_is_one(
        self, reader, agent, settings
    ):
        path = f"/marketplace/{agent.slug}/batch"
        assert 'value="provider_batch"' in text_of(reader.get(path))
        settings.DEMO_MODEL_URL = "http://127.0.0.1:1"
        assert 'value="provider_batch"' not in text_of(reader.get(path))

    def test_the_template_can_be_sent_back(self, send, client, agent):
        answer = client.get(f"/marketplace/{agent.slug}/batch/template.csv")
        assert answer["Content-Disposition"].startswith("attachment")
        assert send(text_of(answer)).status_code == 303
        assert BatchItem.objects.get().inputs == {
            "text": "1. The buyer pays.",
            "side": "buyer",
        }

    def test_an_unknown_agent_is_missing(self, reader):
        assert reader.get("/marketplace/nobody/batch").status_code == 404
        assert reader.get("/marketplace/nobody/batch/template.csv").status_code == 404


@pytest.fixture
def half_done(make, member):
    """Four rows: one succeeded, one failed, one running, one pending."""
    batch = make(row_count=4, name="<script>May</script>")
    items = list(batch.items.order_by("position"))
    common = {"team": member.team, "user": member.user, "agent": batch.agent}
    states = ({"succeeded": True}, {"failed": True}, {"running": True})
    for item, state in zip(items, states, strict=False):
        run = ExecutionFactory(id=item.id, batch=batch, **common, **state)
        item.execution, item.state = run, ItemState.STARTED
        item.save()
    return batch


class TestDetail:
    def test_says_how_far_it_is_and_what_failed(self, reader, half_done):
        html = text_of(reader.get(address("batch_detail", half_done)))
        assert "2 of 4 rows are over" in html
        assert "1 not started" in html
        assert "The model declined to answer." in html
        assert "&lt;script&gt;May" in html
        assert not UNRENDERED.search(html)
        assert not re.search(r"\sstyle=", html)

    def test_the_part_is_for_htmx_and_asks_again_until_it_is_over(
        self, reader, half_done
    ):
        at = address("batch_detail", half_done)
        part = text_of(reader.get(at, headers={"hx-request": "true"}))
        assert part.lstrip().startswith('<div id="batch"')
        assert 'hx-trigger="every 2s"' in part
        Batch.objects.update(status=BatchStatus.FINISHED, finished_at=clock.now())
        over = text_of(reader.get(at, headers={"hx-request": "true"}))
        assert "hx-trigger" not in over
        assert "Batch finished" in over

    @pytest.mark.parametrize(
        ("status", "buttons"),
        [
            ("running", {"pause", "cancel"}),
            ("paused", {"resume", "cancel"}),
            ("cancelling", set()),
            ("finished", set()),
            ("cancelled", set()),
        ],
    )
    def test_offers_what_can_be_done(self, reader, make, status, buttons):
        is_over = status in {"finished", "cancelled"}
        batch = make(status=status, finished_at=clock.now() if is_over else None)
        html = text_of(reader.get(address("batch_detail", batch)))
        assert set(re.findall(r'id="batch-(\w+)"', html)) == buttons

    def test_a_pause_says_why(self, reader, make):
        batch = make(
            status="paused",
            pause_reason=PauseReason.PROVIDER_REFUSED,
            pause_detail="The model's service refuses the key: credentials.",
        )
        html = text_of(reader.get(address("batch_detail", batch)))
        assert "refuses every key" in html
        assert "credentials" in html

    def test_query_count(self, reader, make, query_counts):
        for batch in (make(row_count=1), make(row_count=10)):
            with query_counts("page:batch_detail"):
                reader.get(address("batch_detail", batch))

    def test_a_run_leads_back_to_its_batch(self, reader, half_done):
        run = half_done.executions.first()
        page = reader.get(reverse("marketplace:execution_detail", args=[run.id]))
        assert address("batch_detail", half_done) in text_of(page)
        runs = reader.get(f"/dashboard/runs?batch={half_done.id}")
        assert len(runs.context["runs"]) == 3
        assert (
            len(reader.get(f"/dashboard/runs?batch={ids.new_id()}").context["runs"])
            == 0
        )


def test_a_run_at_half_the_price_says_so(reader, half_done):
    half_done.mode = "provider_batch"
    half_done.save()
    price = ModelPrice.objects.create(
        model_id="m", valid_from=clock.now(), input_usd=2, output_usd=10,
        cache_read_usd=0, cache_write_usd=0,
    )  # fmt: skip
    run = half_done.executions.filter(status="succeeded").get()
    run.price = price
    run.save()
    page = reader.get(reverse("marketplace:execution_detail", args=[run.id]))
    assert "half of it" in text_of(page)


class TestActions:
    def test_pause_resume_cancel(self, reader, make):
        batch = make()
        for name, status in (
            ("batch_pause", "paused"),
            ("batch_resume", "running"),
            ("batch_cancel", "cancelled"),
        ):
            answer = reader.post(address(name, batch))
            assert (answer.status_code, answer["Location"]) == (
                303, address("batch_detail", batch),
            )  # fmt: skip
            batch.refresh_from_db()
            assert batch.status == status

    def test_the_wrong_moment_is_told_on_the_page(self, reader, make):
        answer = reader.post(address("batch_resume", make()), follow=True)
        assert "It is not paused." in text_of(answer)

    def test_reading_changes_nothing(self, reader, make):
        assert reader.get(address("batch_cancel", make())).status_code == 405


class TestDownload:
    def test_csv_for_spreadsheets_and_json_lines(self, reader, half_done):
        at = address("batch_download", half_done)
        data = b"".join(reader.get(at).streaming_content)
        assert data.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
        assert [row["status"] for row in rows] == [
            "succeeded", "failed", "running", "pending",
        ]  # fmt: skip
        lines = reader.get(f"{at}?format=jsonl")
        assert len(b"".join(lines.streaming_content).splitlines()) == 4
        assert "contract-reader-" in lines["Content-Disposition"]


class TestList:
    def test_pages_and_empty(self, reader, make):
        assert "No batches yet" in text_of(reader.get("/dashboard/batches"))
        made = [make(row_count=1) for _ in range(PAGE_SIZE + 1)]
        first = reader.get("/dashboard/batches")
        assert len(first.context["batches"]) == PAGE_SIZE
        rest = reader.get("/dashboard/batches", {"before": first.context["next"]})
        assert [batch for batch, _ in rest.context["batches"]] == made[:1]
        assert not UNRENDERED.search(text_of(first))

    def test_query_count(self, reader, make, query_counts):
        make()
        with query_counts("page:batch_list"):
            reader.get("/dashboard/batches")
        for _ in range(9):
            make()
        with query_counts("page:batch_list"):
            reader.get("/dashboard/batches")


def test_the_bar_shows_small_parts_and_adds_up():
    figures = BatchProgress(
        total=10_000, pending=0, queued=1, running=0, waiting=0, succeeded=9_998,
        failed=1, cancelled=0, timed_out=0, cost_usd=Decimal(0),
    )  # fmt: skip
    parts = batch_facts.shown(figures).parts
    assert [(part.tone, part.start) for part in parts] == [
        ("succeeded", 0), ("failed", 999), ("queued", 999),
    ]  # fmt: skip
    assert all(part.length >= 1 for part in parts)
    assert figures.percent == 99
