"""On PostgreSQL the database itself refuses any change of a final status.

The portable guard stands in every UPDATE; this is the second net, for whoever writes by hand.
"""

from typing import ClassVar

from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_change_of_final_status() RETURNS trigger AS $$
BEGIN
  RAISE EXCEPTION 'execution % is %, which is final', OLD.id, OLD.status
    USING ERRCODE = 'check_violation';
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER execution_final_status BEFORE UPDATE OF status ON agents_execution
  FOR EACH ROW
  WHEN (OLD.status IN ('succeeded', 'failed', 'cancelled', 'timed_out')
        AND NEW.status IS DISTINCT FROM OLD.status)
  EXECUTE FUNCTION refuse_change_of_final_status();
"""
DROP = """
DROP TRIGGER IF EXISTS execution_final_status ON agents_execution;
DROP FUNCTION IF EXISTS refuse_change_of_final_status();
"""


def create(apps, schema_editor):  # type: ignore[no-untyped-def]
    """PostgreSQL only."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE, params=None)


def drop(apps, schema_editor):  # type: ignore[no-untyped-def]
    """The way back."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP, params=None)


class Migration(migrations.Migration):
    """Adds the trigger."""

    dependencies: ClassVar = [("agents", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(create, drop)]
