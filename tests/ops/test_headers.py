"""Every answer carries the strict headers."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from gatekeeper.common.requests import client_ip

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture(autouse=True)
def _files_are_served(settings: Settings) -> None:
    settings.WHITENOISE_USE_FINDERS = True


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/admin/login/", "/no-such-page", "/static/admin/css/base.css"])
def test_every_kind_of_answer_has_them(client: Client, path: str) -> None:
    response = client.get(path, follow=True)
    assert response["Content-Security-Policy"] == POLICY
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert len(response["X-Request-Id"]) == 16


@pytest.mark.django_db
def test_pages_are_kept_by_no_cache(client: Client) -> None:
    assert client.get("/no-such-page")["Cache-Control"] == "private, no-store"
    assert "public" in client.get("/static/admin/css/base.css")["Cache-Control"]


def test_a_request_id_is_taken_from_our_proxy_alone(client: Client, settings: Settings) -> None:
    given = "abcdef-0123456789"
    assert client.get("/healthz", headers={"X-Request-Id": given})["X-Request-Id"] != given
    settings.PROXY_COUNT = 1
    assert client.get("/healthz", headers={"X-Request-Id": given})["X-Request-Id"] == given
    assert client.get("/healthz", headers={"X-Request-Id": "a b\r\nSet-Cookie: x"})["X-Request-Id"] != "a b"


def test_a_body_over_the_limit_is_refused_unread(client: Client) -> None:
    too_long = settings.EVIDENCE_FILE_LIMIT + 2_000_000
    response = client.post("/healthz", b"x", content_type="text/plain", CONTENT_LENGTH=str(too_long))
    assert response.status_code == 413
    assert "at most 25 MB" in response.content.decode()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "198.51.100.7", "192.0.2.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.9, 198.51.100.7, 192.0.2.8", "198.51.100.7"),
        (2, "198.51.100.7", "192.0.2.1"),
        (1, "nonsense", "192.0.2.1"),
    ],
)
def test_only_our_proxies_say_where_a_request_comes_from(
    proxies: int, forwarded: str, expected: str, settings: Settings
) -> None:
    settings.PROXY_COUNT = proxies
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR="192.0.2.1")
    assert client_ip(request) == expected


@pytest.mark.django_db
def test_a_session_ends_after_12_idle_hours_and_after_7_days(client: Client) -> None:
    person = get_user_model().objects.create_user("pm", "pm@example.com", "a long password")

    def is_signed_in() -> bool:
        client.get("/no-such-page")
        return "_auth_user_id" in client.session

    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        client.force_login(person)
        assert is_signed_in()
        for hours in range(10, 7 * 24, 10):  # used every 10 hours it lives on
            clock.move_to(start + timedelta(hours=hours))
            assert is_signed_in()
        clock.move_to(start + timedelta(days=7, minutes=1))
        assert not is_signed_in()
        client.force_login(person)
        assert is_signed_in()
        clock.shift(timedelta(hours=12, minutes=1))
        assert not is_signed_in()
