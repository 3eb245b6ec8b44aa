"""A walk from page to page: asks axe about each, in both themes and widths, and whether anything scrolls sideways."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from gatekeeper.accounts.models import User
from tests.browser.conftest import AXE_OF_COLOURS, AXE_SCRIPT, axe_findings, listen, session_cookie

WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
NARROW: ViewportSize = {"width": 320, "height": 640}
# so that nothing is left hidden: every fold is opened but for menus, which would lie over what is beneath
UNFOLD = "() => document.querySelectorAll('main details:not(.menu)').forEach((one) => { one.open = true; })"
SIDEWAYS = """() => {
    const edge = document.documentElement.clientWidth;
    const wide = document.documentElement.scrollWidth - edge;
    if (wide <= 0) return "";
    const over = [...document.querySelectorAll("body *")].filter((one) =>
        one.getBoundingClientRect().right > edge + 1 && !one.closest(".scroll, .chart-scroll"));
    return `${wide} px too wide: ` + over.slice(-2).map((one) => one.outerHTML.slice(0, 140)).join(" | ");
}"""


@dataclass(frozen=True)
class Visit:
    """A page as somebody sees it; `fill` empties the form that `form` finds, types that and sends it."""

    person: str
    address: str
    what: str = ""
    form: str = ""
    fill: tuple[tuple[str, str], ...] = ()
    is_sample: bool = False
    status: int = 200

    def __str__(self) -> str:
        return f"{self.what or self.address} as {self.person or 'nobody'}"


@dataclass
class Walk:
    """Goes from page to page in one window, and keeps what is wrong."""

    browser: Browser
    server: str
    problems: dict[str, list[str]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    cookies: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        self.context = self.browser.new_context(base_url=self.server, reduced_motion="reduce")
        self.context.add_init_script(AXE_SCRIPT)
        self.page = self.context.new_page()
        listen(self.page, self.complaints)

    def page_of(self, username: str) -> Page:
        """The window, with nothing in it but somebody's session; a window for each would take longer than its pages."""
        if username and username not in self.cookies:
            self.cookies[username] = session_cookie(User.objects.get(username=username), self.server)
        if self.page.url.startswith(self.server):
            self.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        self.context.clear_cookies()
        if username:
            self.context.add_cookies([self.cookies[username]])
        return self.page

    def close(self) -> None:
        self.context.close()

    def go(self, visit: Visit) -> None:
        page = self.page_of(visit.person)
        answer = page.goto(visit.address)
        status = answer.status if answer else 0
        if visit.form:
            status = self.send(page, visit)
        self.count += 1
        if status not in ((409, 422, 200) if visit.form else (visit.status,)):
            self.note(visit, "status", [str(status)])
        page.evaluate("document.fonts.ready.then(() => true)")
        page.evaluate(UNFOLD)
        self.look(page, visit, WIDE, "dark", *["light"] * visit.is_sample)
        self.look(page, visit, PHONE, "light", *["dark"] * visit.is_sample)
        for size in (PHONE, NARROW):
            page.set_viewport_size(size)
            if sideways := page.evaluate(SIDEWAYS):
                self.note(visit, f"at {size['width']} px", [sideways])
        for dialog in page.evaluate("[...document.querySelectorAll('dialog[popover]')].map((one) => one.id)"):
            if dialog != "shortcuts":
                self.look_into(page, visit, dialog)

    def look(self, page: Page, visit: Visit, size: ViewportSize, scheme: Any, *other_schemes: Any) -> None:
        """Everything in one theme, and in others what a theme can change."""
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        # as high as the page: what a bar lies over at one place of scrolling is free at another, and axe knows only one
        height = page.evaluate("() => { scrollTo(0, 0); return document.documentElement.scrollHeight; }")
        page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
        self.note(visit, f"{scheme} at {size['width']} px", axe_findings(page))
        for other in other_schemes:
            page.emulate_media(color_scheme=other, reduced_motion="reduce")
            self.note(visit, f"{other} at {size['width']} px", axe_findings(page, options=AXE_OF_COLOURS))

    def look_into(self, page: Page, visit: Visit, dialog: str) -> None:
        """A dialog or a sheet, where it is shown."""
        for size, scheme in ((WIDE, "dark"), (PHONE, "light")):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.evaluate("(id) => document.getElementById(id).showPopover()", dialog)
            if page.locator(f"#{dialog}").is_visible():
                self.note(visit, f"#{dialog}, {scheme} at {size['width']} px", axe_findings(page, f"#{dialog}"))
            page.evaluate("(id) => document.getElementById(id).hidePopover()", dialog)

    def send(self, page: Page, visit: Visit) -> int:
        """Send a form with nothing in it but what the visit says, past the browser's own checks."""
        with page.expect_navigation() as navigation:
            page.evaluate(
                """([selector, values]) => {
                    const form = document.querySelector(selector);
                    if (!form) throw new Error(`no form ${selector}`);
                    for (const one of form.elements) {
                        if (one.type === "checkbox" || one.type === "radio") one.checked = false;
                        else if (one.type !== "hidden" && one.tagName !== "BUTTON") one.value = "";
                    }
                    for (const [name, value] of values) form.elements[name].value = value;
                    form.submit();
                }""",
                [visit.form, list(visit.fill)],
            )
        return navigation.value.status if navigation.value else 0

    def finish(self) -> None:
        """Fail with everything that was found."""
        found = [f"{visit}\n  " + "\n  ".join(problems) for visit, problems in self.problems.items()]
        if found or self.complaints:
            pytest.fail("\n".join([*found, *self.complaints]), pytrace=False)

    def note(self, visit: Visit, where: str, found: list[str]) -> None:
        if found:
            self.problems.setdefault(str(visit), []).extend(f"[{where}] {one}" for one in found)
