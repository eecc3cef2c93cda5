"""On PostgreSQL the database itself refuses to change or remove what was audited.

A head may only go forward by the entries that follow it. The model refuses the same; this is
for whoever writes by hand.
"""

from typing import ClassVar

from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_change_of_audit() RETURNS trigger AS $$
BEGIN
  RAISE EXCEPTION 'the audit is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON accounts_auditentry
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON accounts_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON accounts_audithead
  FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_head_no_truncate BEFORE TRUNCATE ON accounts_audithead
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_head_forward BEFORE UPDATE ON accounts_audithead
  FOR EACH ROW WHEN (NEW.chain <> OLD.chain OR NEW.sequence <= OLD.sequence)
  EXECUTE FUNCTION refuse_change_of_audit();
"""
DROP = """
DROP TRIGGER IF EXISTS audit_no_change ON accounts_auditentry;
DROP TRIGGER IF EXISTS audit_no_truncate ON accounts_auditentry;
DROP TRIGGER IF EXISTS audit_head_no_delete ON accounts_audithead;
DROP TRIGGER IF EXISTS audit_head_no_truncate ON accounts_audithead;
DROP TRIGGER IF EXISTS audit_head_forward ON accounts_audithead;
DROP FUNCTION IF EXISTS refuse_change_of_audit();
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
    """Adds the triggers."""

    dependencies: ClassVar = [("accounts", "0004_audit")]
    operations: ClassVar = [migrations.RunPython(create, drop)]
