"""Emptying the database between transactional tests: only what has rows, and what a migration puts there stays."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.test import TransactionTestCase

from gatekeeper.common.append_only import lift_guards, restore_guards

# the same after every migration: making them anew takes longer than most tests
KEPT = (ContentType, Permission)


@cache
def tables() -> tuple[str, ...]:
    """Every table that is emptied, those that refer to others before them."""
    kept = {model._meta.concrete_model for model in KEPT}
    waiting = {m for m in apps.get_models(include_auto_created=True) if m._meta.managed and not m._meta.proxy} - kept
    found: list[str] = []
    while waiting:
        referred = {
            field.related_model
            for model in waiting
            for field in model._meta.local_concrete_fields
            if isinstance(field, models.ForeignKey) and field.related_model is not model
        }
        # where two refer to each other, any order does: the database asks at the commit
        free = {model for model in waiting if model not in referred} or waiting
        found += sorted(model._meta.db_table for model in free)
        waiting -= free
    return tuple(found)


def tables_with_rows() -> list[str]:
    """In the order in which they are emptied."""
    asked = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in tables())
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        filled = {row[0] for row in cursor.fetchall()}
    return [table for table in tables() if table in filled]


@contextmanager
def unguarded() -> Iterator[None]:
    """Only here may rows of append-only tables be deleted."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        lift_guards(connection)
    try:
        yield
    finally:
        with transaction.atomic():
            restore_guards(connection)


def empty_tables() -> None:
    """Leave the database as it is after its migrations."""
    if filled := tables_with_rows():
        with unguarded(), transaction.atomic(), connection.cursor() as cursor:
            for table in filled:
                cursor.execute(f'DELETE FROM "{table}"')


class _Keeping:
    """Whether what is there is meant for the next test too."""

    is_on = False


@contextmanager
def kept_from_test_to_test() -> Iterator[None]:
    """What transactional tests find and write stays until the end of the block."""
    _Keeping.is_on = True
    try:
        yield
    finally:
        _Keeping.is_on = False
        empty_tables()


def empty_tables_after(_test_case: TransactionTestCase) -> None:
    """In place of Django's flush, which truncates all tables and makes content types, permissions and guards anew."""
    if not _Keeping.is_on:
        empty_tables()
