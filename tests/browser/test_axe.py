"""Every page of the demo through axe, light and dark, wide and narrow; and nothing scrolls sideways.

The pages are the GET rows of the access table, each as somebody who sees it, and every state of a release and of a gate
besides. Each is loaded once and then looked at in two ways: dark at 1440 px, and light at 390 px, where its width at
320 px is measured too. The other two pairs (light at 1440, dark at 390) are tried on a page of each kind: colours come
from the same tokens at every width, and the layout is the same in both themes.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.demo import STORIES
from releases.actions.history import import_releases, import_schedule_changes
from releases.importing import read_releases, read_schedule_changes
from releases.models import Gate, Release
from releases.rules import display_state
from tests.access.stage import Stage, set_stage
from tests.access.walk import table
from tests.browser.conftest import axe_findings, listen, session_cookie

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DATA = Path(__file__).parent.parent / "data"
WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
NARROW: ViewportSize = {"width": 320, "height": 640}
# no pages: files, and parts that htmx puts into one
NOT_PAGES = {"healthz", "readyz", "calendar-feed", "calendar-feed/unknown",
             "portfolio-export", "portfolio-pdf", "release-report", "portfolio-figures-export", "portfolio-chart",
             "slips-export",
             "portfolio-waivers-export", "portfolio-ledger-export", "settings-playbook-export",
             "settings-playbook-export-draft",
             "gate-record-pdf", "evidence-upload", "evidence-file", "evidence-file/submitted",
             "holder-options", "release-new-dates", "mention-options", "evidence-image", "evidence-image/submitted",
             "evidence-first-file", "evidence-first-file/submitted"}  # fmt: skip
SAMPLE = {"home", "inbox", "portfolio", "product-seats", "release", "gate", "release-new", "notifications"}
WATCHERS = ("owner", "administrator", "approver", "executive", "portfolio", "anonymous")
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
    """Goes from page to page in one window per person, and keeps what is wrong."""

    browser: Browser
    server: str
    problems: dict[str, list[str]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    pages: dict[str, Page] = field(default_factory=dict)
    contexts: list[BrowserContext] = field(default_factory=list)
    count: int = 0

    def page_of(self, username: str) -> Page:
        if username not in self.pages:
            context = self.browser.new_context(base_url=self.server, reduced_motion="reduce")
            if username:
                context.add_cookies([session_cookie(User.objects.get(username=username), self.server)])
            self.contexts.append(context)
            self.pages[username] = context.new_page()
            listen(self.pages[username], self.complaints)
        return self.pages[username]

    def close(self) -> None:
        for context in self.contexts:
            context.close()

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
        self.look(page, visit, "dark", WIDE)
        self.look(page, visit, "light", PHONE)
        if visit.is_sample:
            self.look(page, visit, "light", WIDE)
            self.look(page, visit, "dark", PHONE)
        for size in (PHONE, NARROW):
            page.set_viewport_size(size)
            if sideways := page.evaluate(SIDEWAYS):
                self.note(visit, f"at {size['width']} px", [sideways])
        for dialog in page.evaluate("[...document.querySelectorAll('dialog[popover]')].map((one) => one.id)"):
            if dialog != "shortcuts":
                self.look_into(page, visit, dialog)

    def look(self, page: Page, visit: Visit, scheme: Any, size: ViewportSize) -> None:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        # as high as the page: what a bar lies over at one place of scrolling is free at another, and axe knows only one
        height = page.evaluate("() => { scrollTo(0, 0); return document.documentElement.scrollHeight; }")
        page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
        self.note(visit, f"{scheme} at {size['width']} px", axe_findings(page))

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


@pytest.fixture
def walk(browser: Browser, live_server: Any) -> Iterator[Walk]:
    found = Walk(browser, live_server.url)
    yield found
    found.close()


@pytest.fixture
def stage(transactional_db: None) -> Stage:
    """The demo with everything that the table's addresses need, and two recorded products."""
    with transaction.atomic():
        stage = set_stage(STORIES)
        for name in ("kubernetes", "python"):
            import_releases(table=read_releases(io.BytesIO((DATA / f"{name}_releases.csv").read_bytes())))
            changes = (DATA / f"{name}_schedule_changes.csv").read_bytes()
            import_schedule_changes(table=read_schedule_changes(io.BytesIO(changes)))
    return stage


def rows_of_the_table(stage: Stage) -> Iterator[Visit]:
    """Each GET row of the access table, as somebody for whom it says 200."""
    for (name, method), people in sorted(table().items()):
        if method != "GET" or name in NOT_PAGES:
            continue
        who = next((one for one in WATCHERS if people[one] == "200"), None)
        if who is None:
            continue  # leads elsewhere for everybody
        address = reverse(name.split("/")[0], kwargs=stage.public.arguments.get(name, {}))
        username = "" if who == "anonymous" else stage.people[who].username
        yield Visit(username, address, name, is_sample=name in SAMPLE)


def states(stage: Stage) -> Iterator[Visit]:
    """One release of each state and health, one gate of each display state, as its PM and as an approver."""
    today = day_of(timezone.now())
    releases: dict[str, Release] = {}
    for release in Release.objects.with_health(today).select_related("product", "owner").order_by("-pk"):
        releases.setdefault(release.health_value, release)
    for health, release in releases.items():
        person = release.owner.username if release.owner else "erik"
        for tail in ("", "activity/", "replans/"):
            yield Visit(
                person, f"/releases/{release.product.slug}/{release.version}/{tail}", f"{health} release/{tail}"
            )
    gates: dict[str, Gate] = {}
    for gate in Gate.objects.select_related("release__product", "release__owner").order_by("-pk"):
        state = display_state(
            gate.state, due_on=gate.due_on, today=today, conditions=gate.open_conditions,
            is_running=gate.release.is_running,
        )  # fmt: skip
        key = (
            gate.state if gate.release.is_history else f"{state} {'running' if gate.release.is_running else 'resting'}"
        )
        gates.setdefault(key, gate)
    for state, gate in gates.items():
        address = f"/releases/{gate.release.product.slug}/{gate.release.version}/gates/{gate.key}/"
        owner = gate.release.owner.username if gate.release.owner else "erik"
        yield Visit(owner, address, f"gate: {state}")
        yield Visit("sofia", address, f"gate: {state}")
        if gate.round_number:
            yield Visit(owner, f"{address}rounds/{gate.round_number}/?open=all", f"round of a gate: {state}")


def more_pages(stage: Stage) -> Iterator[Visit]:
    """Other faces of the same addresses: filters, tabs, open rows, results, refusals."""
    work = stage.public.arguments["gate"]
    gate = reverse("gate", kwargs=work)
    review = reverse("gate", kwargs={**work, "version": "W.review"})
    brief = stage.public.arguments["evidence-save"]["deliverable"]
    waiting = stage.public.arguments["inbox-decide"]["submission"]
    for person, address in (
        ("priya", f"{gate}?edit={brief}"),
        ("priya", f"{gate}?edit={brief}&kind=link"),
        ("priya", f"{gate}?edit={brief}&kind=file"),
        ("grace", f"{review}?choice=decline"),
        ("grace", f"{review}?choice=conditions&open=all"),
        ("grace", f"/inbox/?open={waiting}&do=decline"),
        ("grace", f"/inbox/?open={waiting}&do=conditions"),
        ("grace", "/inbox/?show=decided"),
        ("sam", "/inbox/"),
        ("sam", "/"),
        ("maya", "/"),
        ("erik", "/portfolio/?health=slipped&group=pm&sort=-slip"),
        ("erik", "/portfolio/?state=recorded"),
        ("erik", "/portfolio/?q=nothing+has+this"),
        ("erik", "/slips/?settled=yes&measure=misses"),
        ("erik", "/slips/?gate=nothing-has-this"),
        ("erik", "/products/kubernetes/"),
        ("daniel", "/releases/assist-console/27.1/gates/engineering-timeline/rounds/2/compare/1/"),
        ("erik", "/products/?q=nothing+has+this"),
        ("chloe", "/search/?q=a"),
        ("chloe", "/search/?q=readiness&in=gates"),
        ("sam", "/search/?q=nothing+has+this"),
        ("sam", "/notifications/?show=unread"),
        ("chloe", "/settings/people/?show=inactive"),
        ("sam", "/releases/new/"),
        ("", "/sign-in/?next=/inbox/"),
    ):
        yield Visit(person, address)
    yield Visit("sam", "/products/new/", status=403)
    yield Visit("sam", "/no/such/page/", status=404)


def refused_forms(stage: Stage) -> Iterator[Visit]:
    """Every form that was sent empty or wrong comes back with its problems, and is as good a page as before."""
    arguments = stage.public.arguments

    def at(name: str) -> str:
        return reverse(name, kwargs=arguments.get(name, {}))

    form = "main form[method=post]"
    for person, name in (
        ("priya", "release-new"), ("priya", "release-edit"), ("priya", "release-hold"), ("priya", "release-cancel"),
        ("priya", "release-ship"), ("priya", "release-resume"), ("helen", "release-rebaseline"),
        ("priya", "release-correct-date"), ("priya", "release-replan"),
        ("priya", "release-activate"), ("priya", "condition-close"), ("helen", "gate-waive"),
        ("grace", "gate-revoke"), ("chloe", "product-new"), ("priya", "product-edit"), ("chloe", "profile"),
        ("chloe", "password"), ("chloe", "settings-organisation"), ("chloe", "settings-person"),
        ("chloe", "settings-person-new"), ("chloe", "settings-groups"), ("chloe", "settings-group"),
        ("chloe", "settings-service-account-new"),
        ("chloe", "settings-playbook-new"), ("chloe", "settings-playbook-import"), ("priya", "release-playbook"),
        ("chloe", "settings-line-new"), ("chloe", "settings-line"), ("", "sign-in"), ("", "password-reset"),
        ("priya", "product-stakeholders"), ("priya", "release-stakeholders"),
    ):  # fmt: skip
        yield Visit(person, at(name), f"{name}, refused", form)
    seats = at("product-seats")
    yield Visit("chloe", seats, "seat-grant, refused", f"form[action='{at('seat-grant')}']")
    yield Visit("chloe", seats, "permission-grant, refused", f"form[action='{at('permission-grant')}']")
    review = reverse("gate", kwargs={**arguments["gate"], "version": "W.review"})
    yield Visit("grace", review, "gate-decide, refused", f"form[action='{at('gate-decide')}']")
    brief = arguments["evidence-save"]["deliverable"]
    yield Visit(
        "priya", f"{at('gate')}?edit={brief}&kind=link", "evidence-save, refused",
        f"form[action='{at('evidence-save')}']", (("url", "javascript:alert(1)"), ("kind", "link")),
    )  # fmt: skip
    waiting = arguments["inbox-decide"]["submission"]
    yield Visit(
        "grace", f"/inbox/?open={waiting}&do=decline", "inbox-decide, refused", f"form[action='{at('inbox-decide')}']",
        (("choice", "decline"),),
    )  # fmt: skip


def test_the_net_has_no_hole(walk: Walk) -> None:
    """A bad page is found bad: what is asked of all others can be refused."""
    page = walk.page_of("")
    page.goto("/sign-in/")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<p class=w>x</p><button></button>')")
    assert [one.split(":")[0] for one in axe_findings(page)] == ["button-name"]
    page.set_viewport_size(NARROW)
    assert page.evaluate(SIDEWAYS) == ""
    page.evaluate("document.querySelector('.w').textContent = 'x'.repeat(400)")
    assert "px too wide" in page.evaluate(SIDEWAYS)
    assert walk.complaints == []
    page.evaluate("document.querySelector('.w').setAttribute('style', 'color: red')")
    page.evaluate("setTimeout(() => { throw new Error('a script that fails') })")
    page.wait_for_timeout(200)
    assert len(walk.complaints) == 2


# in halves, so that two processes share them
@pytest.mark.parametrize(
    ("parts", "least"), [((rows_of_the_table,), 50), ((states, more_pages), 50)], ids=["addresses", "states"]
)
def test_axe_finds_nothing_on_any_page_of_the_demo(stage: Stage, walk: Walk, parts: Any, least: int) -> None:
    for part in parts:
        for visit in part(stage):
            walk.go(visit)
    walk.finish()
    assert walk.count > least


def test_axe_finds_nothing_on_a_form_that_was_refused(stage: Stage, walk: Walk) -> None:
    for visit in refused_forms(stage):
        walk.go(visit)
    walk.finish()


def test_axe_finds_nothing_on_the_pages_of_an_empty_installation(transactional_db: None, walk: Walk) -> None:
    walk.go(Visit("", "/setup/"))
    walk.go(Visit("", "/setup/", "setup, refused", "main form[method=post]"))
    ada = User.objects.create_user("ada", "ada@example.org", full_name="Ada Admin", is_superuser=True)
    for address in (
        "/", "/setup/", "/inbox/", "/inbox/?show=decided", "/portfolio/", "/portfolio/?state=recorded", "/products/",
        "/products/new/", "/releases/new/", "/notifications/", "/search/", "/settings/people/", "/settings/groups/",
        "/settings/lines/", "/settings/new-line/", "/settings/organisation/", "/settings/playbooks/",
    ):  # fmt: skip
        walk.go(Visit(ada.username, address, f"{address}, empty"))
    walk.finish()
