"""What a stage computes from its rows."""

from bench.client import Sent
from bench.floor.measure import Floor
from bench.load import Row, Stage, figures


def row(created_s, started_s, finished_s, status="succeeded"):
    return Row(
        status=status,
        attempt=1,
        created_s=created_s,
        started_s=started_s,
        finished_s=finished_s,
    )


def stage(rows, *, floor=None, ids=(), statuses=None):
    return Stage(
        rate=120.0,
        sent=Sent(ids=list(ids), statuses=statuses or {}, latencies_ms=[5.0]),
        rows=rows,
        seconds=1.0,
        unfinished=0,
        cpu_ms={"web": 6.0, "worker": 12.0, "sweeper": 2.0},
        peak_mb={"web": 100.0, "redis": 5.0},
        floor=floor,
    )


class TestStage:
    def test_added_time_leaves_the_model_out(self):
        (added,) = stage([row(10.0, 10.25, 11.5)]).added_ms()
        assert added == 500.0

    def test_cost_is_shared_by_the_executions(self):
        made = stage([row(0, 0.1, 1.1), row(0, 0.1, 1.1)])
        assert made.cost("web", "worker", "sweeper") == 10.0
        assert made.cost("postgres") is None

    def test_lost_refused_and_failed_ones_are_failures(self):
        rows = [row(0, 0.1, 1.1), row(0, 0.1, 1.1, status="failed")]
        made = stage(rows, ids=["a", "b", "c"], statuses={"202": 3, "503": 4})
        assert made.failures == 1 + 1 + 4

    def test_is_behind_by_what_comes_after_offer_and_model(self):
        made = stage([row(10.0, 10.5, 14.0)], statuses={"202": 120})
        assert made.behind_s() == 2.0

    def test_in_time_is_not_behind(self):
        made = stage([row(10.0, 10.1, 11.1)], statuses={"202": 240})
        assert made.behind_s() == 0.0


class TestFigures:
    def test_the_sum_is_judged_by_its_ratio_to_the_floor(self):
        floor = Floor(
            insert_ms=2.0,
            push_ms=0.5,
            stream_ms=1.0,
            update_ms=0.5,
            append_ms=1.0,
            stream_added_p95_ms=3.0,
        )
        total = figures(stage([row(0, 0.1, 1.1), row(0, 0.1, 1.1)], floor=floor))[0]
        assert (total.value, total.floor, total.ratio) == (10.0, 5.0, 2.0)
        assert total.is_met

    def test_without_a_floor_there_is_nothing_to_judge(self):
        assert figures(stage([row(0, 0.1, 1.1)]))[0].is_met is None
