"""Chromium for the tests that drive it: one for all of them, and a new window for each page that a test opens.

What the console says against the content policy, and every error of a script, fails the test that met it.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from gatekeeper.accounts.models import User
from tests.cast import PASSWORD

if TYPE_CHECKING:
    from tests.browser.walking import Walk

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
# what WCAG 2.2 A and AA ask, and axe's own good practice
AXE = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}
# what of it depends on colours
AXE_OF_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
AXE_SCRIPT = Axe().axe_script
# only what is wrong leaves the page: everything that axe has looked at would be many times as much
ASK_AXE = """async ([within, options]) => {
    if (!window.axe) return null;
    const found = (await axe.run(within, {...options, resultTypes: ["violations"]})).violations;
    return found.flatMap((rule) => rule.nodes.slice(0, 3).map((one) => [rule.id, one.html, one.failureSummary || ""]));
}"""
# milliseconds: a busy machine is slow, and what does not come at all is told a little later
PATIENCE = 30_000
expect.set_options(timeout=PATIENCE)
BACKEND = "gatekeeper.accounts.backends.EmailOrUsernameBackend"


class OpenPage(Protocol):
    """Opens an address in a window of some size and theme, for a person or for nobody."""

    def __call__(
        self, address: str, width: int = 1440, scheme: str = "light", *, person: User | None = None, **options: Any
    ) -> Page: ...


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The one Chromium of the run."""
    # playwright's own event loop makes Django think that the test is asynchronous
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield chromium
        chromium.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def session_cookie(person: User, address: str) -> Any:
    """The cookie of somebody who is signed in already."""
    client = Client()
    client.force_login(person, BACKEND)
    return {"name": django_settings.SESSION_COOKIE_NAME, "value": client.session.session_key, "url": address}


def listen(page: Page, complaints: list[str]) -> None:
    """Collect what a page must not say."""

    def heard(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(f"{page.url}: {message.text}")

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))


def axe_findings(page: Page, within: str = "html", options: Mapping[str, Any] = AXE) -> list[str]:
    """What axe has against the page (or a part of it) as it stands: rule, element and reason."""
    found = page.evaluate(ASK_AXE, [within, options])
    if found is None:
        page.evaluate(AXE_SCRIPT)
        found = page.evaluate(ASK_AXE, [within, options])
    return [f"{rule}: {html[:200]} ({' '.join(summary.split())[:240]})" for rule, html, summary in found]


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Through the form, as people do; ends on the person's first page. The window has to know its server."""
    page.goto("/sign-in/")
    page.locator("[name=username]").fill(username)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in to gatekeeper")).to_have_count(0)


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens empty windows that are closed after the test; their complaints fail it."""
    complaints: list[str] = []
    windows: list[BrowserContext] = []

    def open_one(width: int = 1440, scheme: Any = "light", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        windows.append(context)
        page = context.new_page()
        listen(page, complaints)
        return page

    yield open_one
    for window in windows:
        window.close()
    assert complaints == []


@pytest.fixture
def open_page(open_window: Callable[..., Page], live_server: Any) -> OpenPage:
    """Opens an address of the test's own server."""

    def open_one(
        address: str, width: int = 1440, scheme: str = "light", *, person: User | None = None, **options: Any
    ) -> Page:
        page = open_window(width, scheme, base_url=live_server.url, **options)
        if person is not None:
            page.context.add_cookies([session_cookie(person, live_server.url)])
        page.goto(address)
        return page

    return open_one


@pytest.fixture
def walk(browser: Browser, live_server: Any) -> "Iterator[Walk]":
    """Keeps what is wrong on the pages that it goes to."""
    from tests.browser.walking import Walk

    found = Walk(browser, live_server.url)
    yield found
    found.close()
