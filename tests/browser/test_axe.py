"""Every page of the demo through axe, light and dark, wide and narrow; and nothing scrolls sideways.

The pages are the GET rows of the access table, each as somebody who sees it, and every state of a release and of a gate
besides. Each is loaded once and then looked at in two ways: dark at 1440 px, and light at 390 px, where its width at
320 px is measured too. In the other two pairs (light at 1440, dark at 390) the colours of a page of each kind are
looked at: colours come from the same tokens at every width, and the layout is the same in both themes.
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from gatekeeper.common.calendars import day_of
from gatekeeper.demo import STORIES
from releases.actions.history import import_releases, import_schedule_changes
from releases.importing import read_releases, read_schedule_changes
from releases.models import Gate, Release
from releases.rules import display_state
from tests.access.stage import Stage, set_stage
from tests.access.walk import table
from tests.browser.conftest import axe_findings
from tests.browser.walking import NARROW, SIDEWAYS, Visit, Walk
from tests.emptying import kept_from_test_to_test

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DATA = Path(__file__).parent.parent / "data"
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


@pytest.fixture(autouse=True)
def _own_media() -> None:
    """The stage keeps its files for all tests of the file."""


@pytest.fixture(scope="module")
def stage(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The demo with everything that the table's addresses need, and two recorded products; once for all tests."""
    media = tmp_path_factory.mktemp("media")
    with django_db_blocker.unblock(), override_settings(MEDIA_ROOT=media), kept_from_test_to_test():
        with transaction.atomic():
            stage = set_stage(STORIES)
            for name in ("kubernetes", "python"):
                import_releases(table=read_releases(io.BytesIO((DATA / f"{name}_releases.csv").read_bytes())))
                changes = (DATA / f"{name}_schedule_changes.csv").read_bytes()
                import_schedule_changes(table=read_schedule_changes(io.BytesIO(changes)))
        yield stage


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
    for _ in range(300):
        if len(walk.complaints) == 2:
            break
        page.wait_for_timeout(50)
    assert len(walk.complaints) == 2


# in halves, so that the processes have as much to do
@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(
    ("parts", "least"),
    [((rows_of_the_table,), 50), ((states, more_pages), 50), ((refused_forms,), 30)],
    ids=["addresses", "states", "refused"],
)
def test_axe_finds_nothing_on_any_page_of_the_demo(stage: Stage, walk: Walk, parts: Any, least: int, half: int) -> None:
    for visit in [visit for part in parts for visit in part(stage)][half::2]:
        walk.go(visit)
    walk.finish()
    assert walk.count >= least / 2
