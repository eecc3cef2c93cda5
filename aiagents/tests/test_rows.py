"""Writing many rows without writing their SQL anew."""

import datetime as dt
from decimal import Decimal

import pytest

from agents.models import Execution
from agents.tests.factories import ExecutionFactory
from aiagents.common import clock
from aiagents.common.rows import insert_all, update_each

pytestmark = pytest.mark.django_db
MOMENT = dt.datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)


class TestUpdateEach:
    def test_writes_each_row_its_own_values(self):
        rows = [ExecutionFactory() for _ in range(3)]
        for place, row in enumerate(rows):
            row.output = f'{place}: "ü" % {{}}'
            row.output_json = {"place": [place, None]}
            row.cost_usd = Decimal("0.000001") * place
            row.available_at = MOMENT
        update_each(rows, fields=("output", "output_json", "cost_usd", "available_at"))
        for place, row in enumerate(rows):
            row.refresh_from_db()
            assert row.output == f'{place}: "ü" % {{}}'
            assert row.output_json == {"place": [place, None]}
            assert row.cost_usd == Decimal("0.000001") * place
            assert row.available_at == MOMENT

    def test_leaves_other_fields_and_rows_alone(self):
        row, other = ExecutionFactory(), ExecutionFactory()
        row.output, row.model = "changed", "not written"
        update_each([row], fields=("output",))
        row.refresh_from_db()
        other.refresh_from_db()
        assert (row.output, row.model, other.output) == ("changed", "", "")

    def test_stores_none_as_null(self):
        row = ExecutionFactory()
        row.output_json = None
        update_each([row], fields=("output_json",))
        assert Execution.objects.filter(id=row.id, output_json__isnull=True).exists()

    def test_takes_nothing(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            update_each([], fields=("output",))
            insert_all([])


class TestInsertAll:
    def test_stores_rows_as_they_stand(self):
        pattern = ExecutionFactory()
        rows = []
        for place in range(3):
            row = Execution.objects.get(id=pattern.id)
            row.id = Execution._meta.pk.get_default()
            row.inputs = {"text": f"number {place}"}
            row.created_at = clock.now()
            rows.append(row)
        insert_all(rows)
        for row in rows:
            stored = Execution.objects.get(id=row.id)
            assert stored.inputs == row.inputs
            assert stored.created_at == row.created_at
            assert stored.team_id == pattern.team_id
