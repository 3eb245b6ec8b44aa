"""The frame of the pages, and the pages for what went wrong."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import include, path

from gatekeeper.common import context, error_pages

asked: list[str] = []


def count_of(user: Any) -> int:
    asked.append("count")
    return 5


def many_watched(user: Any) -> list[dict[str, str]]:
    asked.append("watched")
    return [{"label": f"Release {n}", "url": f"/releases/{n}/"} for n in range(9)]


def refuse(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret detail")


urlpatterns = [
    path("components/", include("gatekeeper.common.sheet")),
    path("refused/", refuse),
    path("failing/", fail),
]
handler400 = "gatekeeper.common.error_pages.bad_request"
handler403 = "gatekeeper.common.error_pages.permission_denied"
handler404 = "gatekeeper.common.error_pages.not_found"
handler500 = "gatekeeper.common.error_pages.server_error"


@pytest.fixture
def maya(db: None) -> Any:
    return get_user_model().objects.create(
        username="maya", email="maya@larkfield.example", full_name="Maya Lindqvist", title="Product manager"
    )


@pytest.fixture
def signed_in(maya: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(maya, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
    return client


@pytest.fixture(autouse=True)
def _own_urls(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.common.test_shell"
    settings.SHELL_PROVIDERS = {
        "waiting_count": "tests.common.test_shell.count_of",
        "unread_count": "no_such_app.shell.unread_count",
        "watching": "tests.common.test_shell.many_watched",
    }
    asked.clear()


def request_of(user: Any, address: str = "/") -> HttpRequest:
    request = RequestFactory().get(address)
    request.user = user
    return request


def test_the_frame_asks_only_for_what_is_printed_and_only_once(maya: Any) -> None:
    shell = context.shell(request_of(maya))["shell"]
    assert asked == []
    assert (shell.waiting_count, shell.waiting_count) == (5, 5)
    assert asked == ["count"]


def test_nobody_asks_for_people_who_are_not_signed_in() -> None:
    shell = context.Shell(request_of(AnonymousUser()))
    assert (shell.waiting_count, shell.watching, shell.is_administrator) == (0, [], False)
    assert asked == []
    assert shell.frame == "base_plain.html"


def test_a_fact_without_an_app_has_a_plain_default(maya: Any, settings: Any) -> None:
    assert context.Shell(request_of(maya)).unread_count == 0
    settings.SHELL_PROVIDERS = {}
    assert context.Shell(request_of(maya)).waiting_count == 0


def test_an_error_inside_a_provider_is_not_hidden(maya: Any, settings: Any) -> None:
    settings.SHELL_PROVIDERS = {"waiting_count": "tests.common.test_shell.no_such_function"}
    with pytest.raises(ImportError):
        _ = context.Shell(request_of(maya)).waiting_count


def test_at_most_seven_watched_releases_are_listed(maya: Any) -> None:
    assert len(context.Shell(request_of(maya)).watching) == 7


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("/", "work"),
        ("/inbox/", "inbox"),
        ("/releases/assist-console/27.1/", "products"),
        ("/settings/people/", "settings"),
        ("/elsewhere/", ""),
    ],
)
def test_the_address_says_which_entry_is_the_current_one(address: str, key: str, rf: RequestFactory) -> None:
    assert context.Shell(rf.get(address)).active == key


def test_the_frame_of_a_page(signed_in: Client, maya: Any) -> None:
    html = signed_in.get("/components/").content.decode()
    assert '<html lang="en">' in html
    assert '<a class="skip" href="#main">' in html
    assert html.count('<main id="main"') == 1
    assert html.count("<h1") == 1
    assert "Administration" not in html
    maya.theme, maya.has_shortcuts = "dark", False
    maya.save()
    html = signed_in.get("/components/").content.decode()
    assert '<html lang="en" data-bs-theme="dark">' in html
    assert 'data-shortcuts="off"' in html


def test_a_page_has_no_inline_style_script_or_handler(signed_in: Client) -> None:
    html = signed_in.get("/components/").content.decode()
    assert not re.search(r"\sstyle\s*=|<style|\son[a-z]+\s*=|hx-on", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [("/refused/", 403, "You may not open this"), ("/nowhere/", 404, "There is nothing here"),
     ("/failing/", 500, "Something went wrong")],
)  # fmt: skip
def test_an_error_page_keeps_the_frame_and_names_a_reference(
    signed_in: Client, address: str, status: int, words: str
) -> None:
    response = signed_in.get(address)
    html = response.content.decode()
    assert response.status_code == status
    assert f"<h1>{words}</h1>" in html
    assert response["X-Request-Id"] in html
    assert 'aria-label="Main"' in html
    assert "the secret detail" not in html


@pytest.mark.django_db
def test_an_error_page_of_a_stranger_has_no_navigation() -> None:
    html = Client().get("/nowhere/").content.decode()
    assert "<h1>There is nothing here</h1>" in html
    assert 'aria-label="Main"' not in html


def test_an_error_page_stands_when_the_frame_falls(rf: RequestFactory, settings: Any, maya: Any) -> None:
    settings.SHELL_PROVIDERS = {"waiting_count": "tests.common.test_shell.fail"}
    response = error_pages.page(request_of(maya), 500)
    assert response.status_code == 500
    assert "<h1>Something went wrong</h1>" in response.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_gets_a_page_that_says_so() -> None:
    response = Client(enforce_csrf_checks=True).post("/components/")
    assert response.status_code == 403
    assert "This page was open for too long" in response.content.decode()


@pytest.mark.parametrize("name", ["400", "403", "404", "500", "503", "csrf"])
def test_each_error_page_needs_no_request(name: str) -> None:
    assert "<h1>" in render_to_string(f"errors/{name}.html", {"reference": "abc"})


def test_the_vendored_files_are_as_locked() -> None:
    script = Path(django_settings.BASE_DIR) / "scripts/vendor.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
