"""The frame and its script in a real browser: keys, toasts, forms, fragments; axe and the policy find nothing."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template import RequestContext, Template
from django.urls import include, path
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, axe_findings

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGE = """{% extends "base.html" %}{% block content %}<h1>Trial</h1>
<form method="post" action="/slow/" id="f">{% csrf_token %}<label for="t">Text</label>
<textarea id="t" class="form-control" data-autosave="/draft/" data-status="saved" name="text"></textarea>
<input type="hidden" name="version" value="1"><span id="saved"></span>
<button class="btn btn-primary">Save it</button></form>
<div class="ev" id="card" data-drop><input type="file" aria-label="File" id="file"></div>
<label for="fix">Fix</label><input id="fix">
<button type="button" class="btn" data-fill="fix" data-value="27.3">Use</button>
<button class="btn" hx-get="/part/" hx-target="#place" hx-swap="innerHTML">Load</button>
<button class="btn" hx-post="/part/" hx-target="#place" hx-swap="innerHTML">Send</button>
<button class="btn" hx-get="/missing/" hx-target="#place" hx-swap="innerHTML">Lose</button>
<div id="place"></div>{% endblock %}"""

received: list[str] = []
may_answer = threading.Event()


def trial(request: HttpRequest) -> HttpResponse:
    if request.GET.get("say"):
        messages.success(request, "Draft removed", extra_tags="Undo|post|/slow/")
        messages.error(request, "The file was refused.")
    return HttpResponse(Template(PAGE).render(RequestContext(request)))


def slow(request: HttpRequest) -> HttpResponse:
    received.append(request.POST.get("text", ""))
    assert may_answer.wait(60)
    return render(request, "errors/404.html")


def part(request: HttpRequest) -> HttpResponse:
    received.append(request.method or "")
    return HttpResponse('<h2 data-focus tabindex="-1">What came</h2><p>Text</p>')


def draft(request: HttpRequest) -> HttpResponse:
    received.append(request.POST["text"])
    return JsonResponse({"saved": "Draft saved 09:28", "version": 2})


urlpatterns = [
    path("components/", include("gatekeeper.common.sheet")),
    path("trial/", trial),
    path("slow/", slow),
    path("part/", part),
    path("draft/", draft),
]


@pytest.fixture
def person() -> Any:
    return get_user_model().objects.create(
        username="maya", email="maya@larkfield.example", full_name="Maya Lindqvist", is_superuser=True
    )


@pytest.fixture
def open_trial(open_page: OpenPage, settings: Any, person: Any) -> Callable[..., Page]:
    """Opens an address of this file's own few pages, for the person."""
    settings.ROOT_URLCONF = "tests.browser.test_frame"
    settings.SHELL_PROVIDERS = {}
    received.clear()
    may_answer.clear()
    return partial(open_page, person=person)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_component_sheet(open_trial: Callable[..., Page], width: int, scheme: str) -> None:
    page = open_trial("/components/", width, scheme, reduced_motion="reduce")
    assert axe_findings(page) == []


@pytest.mark.parametrize("width", [320, 390, 800, 1024])
def test_nothing_scrolls_sideways(open_trial: Callable[..., Page], width: int) -> None:
    page = open_trial("/components/", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_choice_of_theme_goes_before_the_system(open_trial: Callable[..., Page], person: Any) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    assert open_trial("/trial/", scheme="dark").evaluate(ground) == "rgb(14, 19, 26)"
    person.theme = "light"
    person.save()
    assert open_trial("/trial/", scheme="dark").evaluate(ground) == "rgb(244, 246, 248)"


def test_keys_search_list_and_go(open_trial: Callable[..., Page], live_server: Any) -> None:
    page = open_trial("/components/")
    page.keyboard.press("/")
    expect(page.locator("[data-search]")).to_be_focused()
    page.keyboard.type("?")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.keyboard.press("j")
    expect(page.locator("[data-row-link]").first).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator("[data-row-link]").nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url(live_server.url + "/inbox/")


def test_single_keys_can_be_turned_off(open_trial: Callable[..., Page], person: Any) -> None:
    person.has_shortcuts = False
    person.save()
    page = open_trial("/trial/")
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(page.locator("#shortcuts")).to_be_hidden()
    expect(page.locator("[data-search]")).not_to_be_focused()


def test_a_form_is_sent_once_and_says_so(open_trial: Callable[..., Page]) -> None:
    page = open_trial("/trial/")
    page.locator("#t").fill("once")
    # in one go, since the browser driver waits for the answer after a key that leaves the page
    words = page.evaluate(
        """async () => {
            const key = () => document.activeElement.dispatchEvent(
                new KeyboardEvent("keydown", {key: "Enter", ctrlKey: true, bubbles: true, cancelable: true}));
            key(); key();
            await new Promise((done) => setTimeout(done, 500));
            const button = document.querySelector("#f button");
            return [button.textContent, button.getAttribute("aria-busy")];
        }"""
    )
    assert words == ["Saving", "true"]
    may_answer.set()
    page.wait_for_url("**/slow/")
    assert received.count("once") == 1


def test_a_draft_saves_itself_on_leaving_the_field(open_trial: Callable[..., Page]) -> None:
    page = open_trial("/trial/")
    page.locator("#t").fill("my draft")
    page.locator("#fix").focus()
    expect(page.locator("#saved")).to_have_text("Draft saved 09:28")
    assert received == ["my draft"]
    assert page.locator("[name=version]").input_value() == "2"


def test_a_toast_stays_while_someone_reads_and_an_error_stays_for_good(open_trial: Callable[..., Page]) -> None:
    page = open_trial("/trial/?say=1")
    toast = page.locator(".gk-toast")
    expect(toast).to_contain_text("Draft removed")
    expect(toast.get_by_role("button", name="Undo")).to_be_visible()
    expect(page.locator("main [role=alert]")).to_have_text("The file was refused.")
    toast.get_by_role("button", name="Close").click()
    expect(toast).to_have_count(0)
    expect(page.locator("main [role=alert]")).to_be_visible()


def test_the_focus_follows_a_fragment_and_the_token_goes_along(open_trial: Callable[..., Page]) -> None:
    page = open_trial("/trial/")
    page.get_by_role("button", name="Load").click()
    expect(page.get_by_role("heading", name="What came")).to_be_focused()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#place h2")).to_be_focused()
    assert received == ["GET", "POST"]


def test_a_failed_request_leaves_words_in_its_place(open_trial: Callable[..., Page]) -> None:
    page = open_trial("/trial/")
    page.get_by_role("button", name="Lose").click()
    banner = page.locator("#place [role=alert]")
    expect(banner).to_contain_text("This is not here any more.")
    expect(banner).to_contain_text("Reference")
    page.context.set_offline(True)
    page.get_by_role("button", name="Load").click()
    expect(banner).to_contain_text("No connection.")


def test_one_click_fills_a_field_and_a_file_can_be_dropped(open_trial: Callable[..., Page]) -> None:
    page = open_trial("/trial/")
    page.get_by_role("button", name="Use").click()
    assert page.locator("#fix").input_value() == "27.3"
    dropped = page.evaluate_handle(
        "() => { const d = new DataTransfer(); d.items.add(new File(['x'], 'plan.pdf')); return d; }"
    )
    page.dispatch_event("#card", "drop", {"dataTransfer": dropped})
    assert page.evaluate("document.getElementById('file').files[0].name") == "plan.pdf"


def test_the_menu_and_a_dialog_work_without_the_script(open_trial: Callable[..., Page]) -> None:
    page = open_trial("/components/", 390, java_script_enabled=False)
    page.get_by_role("button", name="More", exact=True).last.click()
    expect(page.locator("#nav")).to_be_visible()
    wide = open_trial("/components/", java_script_enabled=False)
    wide.locator("main").get_by_role("button", name="Withdraw round 2").first.click()
    expect(wide.get_by_role("dialog", name="Withdraw round 2?")).to_be_visible()
