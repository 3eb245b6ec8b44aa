"""The stage, set once per file: everything inside is taken back at the end, and each test takes back its own."""

from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from tests.access.stage import Stage, set_stage
from tests.access.walk import undone

BACKEND = "gatekeeper.accounts.backends.EmailOrUsernameBackend"


@pytest.fixture(scope="module")
def stage(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The demo and what the walk needs besides, inside a transaction that never commits."""
    with (
        django_db_blocker.unblock(),
        override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("media")),
        undone(),
    ):
        yield set_stage()


@pytest.fixture(scope="module")
def sessions(stage: Stage) -> dict[str, str]:
    """Everybody's session key; the deactivated person's is from before."""
    keys = {"anonymous": ""}
    for column, person in stage.people.items():
        client = Client()
        client.force_login(person, BACKEND)
        # the first request writes when the session was last seen
        client.get("/healthz")
        client.get("/settings/profile/")
        keys[column] = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    return keys


@pytest.fixture(autouse=True)
def _own_media() -> None:
    """The stage keeps its files for all tests of a file."""
