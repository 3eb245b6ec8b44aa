"""Fixtures of the whole suite. The cast of people and releases is in cast.py."""

import gc
import importlib.util
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from pytest_django import Settings

from tests.emptying import empty_tables_after
from tests.processes import Process, start_worker

# The same examples in every run, however slow the machine; HYPOTHESIS_PROFILE=default looks for new ones.
hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# What is there after the collection stays for the whole run: to look through it for garbage again and again costs a
# tenth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    gc.enable()


pytest_plugins = ["tests.cast"] if importlib.util.find_spec("tests.cast") else []


# What takes longest begins first, so that no process is left alone with it at the end.
LONGEST = (
    "test_access.py",
    "test_query_counts.py",
    "test_state_machine.py",
    "test_invariants.py",
    "test_delivery.py",
    "test_supervisor.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs PostgreSQL says so when there is none, instead of passing without having run.

    In a parallel run whole files go to the processes in the order given here: the longest, then those of most tests.
    """
    is_postgresql = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    for item in items:
        if "postgres" in item.keywords and not is_postgresql:
            item.add_marker(pytest.mark.skip(reason="needs PostgreSQL: set DATABASE_URL"))
    if hasattr(config, "workerinput"):
        tests = Counter(item.path for item in items)
        rank = {path: (path.name not in LONGEST, -count, str(path)) for path, count in tests.items()}
        # all processes have to name the tests in one order, also where the values of one come from a set
        place: dict[str, int] = {}
        for number, item in enumerate(items):
            place.setdefault(item.nodeid.partition("[")[0], number)
        items.sort(key=lambda item: (rank[item.path], place[item.nodeid.partition("[")[0]], item.nodeid))


@pytest.fixture(autouse=True, scope="session")
def _emptying_is_quick() -> Iterator[None]:
    """What a transactional test has left behind is taken away by the statements of emptying.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty_tables_after)
        yield


@pytest.fixture(autouse=True)
def _own_media(tmp_path: Path, settings: Settings) -> None:
    """Uploads of one test are not there in the next."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def _nothing_learned() -> None:
    """What a process keeps of a product line's past is of another line of the same number in the next test."""
    from measures import forecasts  # needs the apps, which are not there yet where this file is read

    forecasts.forget()


@pytest.fixture
def empty_queue() -> None:
    """No task of an earlier test is waiting."""
    if settings.REDIS_URL:
        # a client of its own: Celery's would put its prefix before the names once more and delete nothing
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            for key in client.scan_iter(f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}*"):
                client.delete(key)
        return
    messages = settings.QUEUE_DIR / "messages"
    shutil.rmtree(messages, ignore_errors=True)
    messages.mkdir(parents=True)


@pytest.fixture
def worker(transactional_db: None, empty_queue: None) -> Iterator[Process]:
    """A real Celery worker process that works on this test's database."""
    connection.close()
    with start_worker() as process:
        yield process
