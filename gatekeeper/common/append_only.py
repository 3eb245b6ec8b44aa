"""Tables whose rows are never changed or deleted: held by triggers on PostgreSQL.

On SQLite a trigger would be dropped silently by the next change of its table, so there the actions and
`verify_history` stand guard.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.apps import apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

FUNCTION = """
CREATE OR REPLACE FUNCTION gatekeeper_append_only() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$ LANGUAGE plpgsql
"""


@dataclass(frozen=True)
class AppendOnly:
    """A model whose rows stay as written; only the columns in `may_change` may be updated.

    Rows for which `unless` holds are free: they can be worked out again from rows that are not.
    """

    model: str
    may_change: frozenset[str] = frozenset()
    unless: str = "FALSE"


GUARDED = (
    AppendOnly("releases.Event"),
    AppendOnly("releases.EventPosition"),
    AppendOnly("releases.Checkpoint"),
    AppendOnly("releases.Playbook"),
    AppendOnly("releases.Baseline"),
    AppendOnly("releases.DateMove", unless="OLD.kind = 'recorded'"),
    AppendOnly("approvals.Evidence", frozenset({"is_latest"})),
    AppendOnly("approvals.Evidence_files"),
    AppendOnly("approvals.EvidenceFile"),
    AppendOnly("approvals.Submission", frozenset({"state", "ended_at"})),
    AppendOnly("approvals.Decision"),
    AppendOnly("approvals.Revocation"),
    AppendOnly("approvals.Recusal"),
    AppendOnly("measures.Statement"),
)


def _triggers(table: str, columns: Iterable[str], unless: str) -> dict[str, str]:
    """Trigger name → what it stops. Updates of the columns that may change pass."""
    listed = ", ".join(f'"{column}"' for column in columns)
    return {
        "gatekeeper_no_change": f"BEFORE UPDATE OF {listed} OR DELETE ON {table} FOR EACH ROW WHEN (NOT ({unless}))",
        "gatekeeper_no_truncate": f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
    }


def _guarded_tables(app_label: str | None = None) -> Iterable[tuple[str, dict[str, str]]]:
    for guarded in GUARDED:
        model = apps.get_model(guarded.model)
        if app_label is not None and model._meta.app_label != app_label:
            continue
        columns = [f.column for f in model._meta.concrete_fields if f.name not in guarded.may_change]
        table = f'"{model._meta.db_table}"'
        yield model._meta.db_table, _triggers(table, columns, guarded.unless)


def create_guards(app_label: str, using: str = "default") -> None:
    """(Re-)create the triggers of an app's tables; nothing on other databases. Called after each migration."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(FUNCTION)
        for table, triggers in _guarded_tables(app_label):
            for name, event in triggers.items():
                cursor.execute(f'DROP TRIGGER IF EXISTS {name} ON "{table}"')
                cursor.execute(f"CREATE TRIGGER {name} {event} EXECUTE FUNCTION gatekeeper_append_only()")


def lift_guards(connection: BaseDatabaseWrapper) -> None:
    """Disable the triggers, for the test fixture that empties tables. Nothing else calls this."""
    _set_guards(connection, "DISABLE")


def restore_guards(connection: BaseDatabaseWrapper) -> None:
    """Enable the triggers again."""
    _set_guards(connection, "ENABLE")


def _set_guards(connection: BaseDatabaseWrapper, verb: str) -> None:
    with connection.cursor() as cursor:
        for table, triggers in _guarded_tables():
            for name in triggers:
                cursor.execute(f'ALTER TABLE "{table}" {verb} TRIGGER {name}')


def missing_guards(using: str = "default") -> list[str]:
    """Tables that should be guarded and are not; empty on other databases than PostgreSQL."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE t.tgname LIKE 'gatekeeper_%' AND t.tgenabled <> 'D' AND pg_table_is_visible(c.oid)"
        )
        there = set(cursor.fetchall())
    return sorted({t for t, triggers in _guarded_tables() for name in triggers if (t, name) not in there})
