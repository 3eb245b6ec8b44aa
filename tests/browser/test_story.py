"""The whole story, told in a real browser with a real worker: a gate declined, mended, approved; a day missed; a slip.

No clock is bent. Days end in the organisation's time zone, so the story moves the organisation from the world's last
zone to its first: between the two, a day ends.
"""

import email.policy
import re
import time
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings

from approvals.tasks import sweep
from gatekeeper.common.calendars import day_of
from gatekeeper.common.queue import nudge
from notifications.actions import add_stakeholder
from notifications.models import Delivery
from releases.actions.releases import activate_release, create_release
from releases.models import Gate, Release, Slip
from tests.browser.conftest import sign_in
from tests.cast import COMPLETENESS, MARKET, READINESS, Cast, fresh, gate_of
from tests.processes import start_worker, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LAST_ZONE, FIRST_ZONE = "Pacific/Niue", "Pacific/Kiritimati"


@pytest.fixture
def as_person(open_window: Callable[..., Page], live_server: Any) -> Callable[..., Page]:
    """Opens a window of somebody's own and signs in through the form."""

    def enter(username: str, width: int = 1440) -> Page:
        page = open_window(width, base_url=live_server.url)
        sign_in(page, username)
        return page

    return enter


def plan_release(cast: Cast) -> Release:
    """A release whose first two gates are due today, the third in 20 days, GA in 40."""
    today = day_of(timezone.now())
    target = today + timedelta(days=40)
    draft = create_release(
        product=cast.product, version="5.2", name="Faster start", target_on=target, playbook=cast.playbook,
        actor=cast.pm,
    )  # fmt: skip
    dates = {MARKET: today, COMPLETENESS: today, READINESS: today + timedelta(days=20)}
    return activate_release(release_id=draft.pk, actor=cast.pm, dates=dates)


def address(gate: Gate) -> str:
    return f"/releases/router/5.2/gates/{gate.key}/"


def mails_to(person: str) -> list[Any]:
    """What the worker has mailed to somebody, read as a mail program would."""
    folder = Path(django_settings.EMAIL_FILE_PATH)
    found = []
    for path in sorted(folder.glob("*.eml")):
        message = message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if f"{person}@example.org" in str(message["To"]):
            found.append(message)
    return found


def wait_with_beat(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Until something is so, with the relay woken every 5 s as beat does: the last event of relays that raced waits
    for it."""
    woken = time.monotonic()

    def ask() -> bool:
        nonlocal woken
        if time.monotonic() - woken > 5:
            woken = time.monotonic()
            nudge("notifications.tasks.relay")
        return is_so()

    wait_until(ask, seconds)


def test_the_whole_story(
    as_person: Callable[..., Page], cast: Cast, settings: Settings, empty_queue: None, tmp_path: Path
) -> None:
    settings.TIME_ZONE = LAST_ZONE
    release = plan_release(cast)
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm)
    market, complete = gate_of(release, MARKET), gate_of(release, COMPLETENESS)

    with start_worker(TIME_ZONE=LAST_ZONE):
        # The PM supplies a file and submits.
        pm = as_person("petra")
        pm.goto(address(market))
        expect(pm.get_by_role("link", name="Add Market opportunity brief")).to_be_visible()
        pm.get_by_role("link", name="Upload a file for Market opportunity brief").click()
        brief = tmp_path / "Opportunity.pdf"
        brief.write_bytes(b"%PDF-1.4\nA market of two.\n%%EOF\n")
        pm.locator("input[type=file]").first.set_input_files(brief)
        pm.get_by_role("button", name="Mark as ready").click()
        expect(pm.get_by_role("link", name="Opportunity.pdf", exact=True)).to_be_visible()
        pm.get_by_label("Note to the approvers").fill("The second page counts.")
        pm.get_by_role("button", name="Submit round 1").click()
        expect(pm.get_by_text("Waiting for decision, round 1").first).to_be_visible()

        # An approver declines, in two clicks, with a comment.
        engineer = as_person("erik")
        engineer.goto("/inbox/")
        expect(engineer).to_have_title("(1) Waiting for you - gatekeeper")
        engineer.get_by_role("link", name="Decline Router 5.2").click()
        decline = engineer.get_by_role("button", name="Decline as Engineering")
        decline.click()
        expect(engineer.get_by_role("alert")).to_contain_text("comment")
        engineer.get_by_label("Comment").fill("Two customers are no market. Ask five.")
        decline.click()
        expect(engineer.get_by_text("Nothing waits for you")).to_be_visible()

        # The PM reads why, mends, and submits again.
        pm.goto(address(market))
        expect(pm.get_by_text("Two customers are no market. Ask five.").first).to_be_visible()
        pm.get_by_role("link", name="Change Market opportunity brief").click()
        pm.locator("label", has_text="Text").first.click()
        pm.locator("article textarea[name=text]").fill("## Five customers\n\nAll five would **pay**.")
        pm.get_by_role("button", name="Mark as ready").click()
        expect(pm.get_by_text(re.compile(r"^Text, \d words"))).to_be_visible()
        pm.get_by_role("button", name="Submit round 2").click()
        expect(pm.get_by_text("Waiting for decision, round 2").first).to_be_visible()

        # Both roles approve: one from the inbox, one on a phone from the gate's page. The next gate opens.
        engineer.goto("/inbox/")
        engineer.get_by_role("link", name="Approve Router 5.2").click()
        engineer.get_by_role("button", name="Approve as Engineering").click()
        expect(engineer.get_by_text("Nothing waits for you")).to_be_visible()
        seller = as_person("sara", 390)
        seller.goto(address(market))
        expect(seller.get_by_text("All five would pay.").first).to_be_visible()
        seller.get_by_role("button", name="Approve", exact=True).click()
        seller.get_by_role("button", name="Approve as Sales and pass the gate").click()
        expect(seller.get_by_text("Approved").first).to_be_visible()
        assert fresh(release).current_gate == COMPLETENESS

        # The PM submits the next gate on its due day; nobody decides.
        pm.goto(address(complete))
        pm.get_by_role("link", name="Write Defects by severity").click()
        pm.locator("article textarea[name=text]").fill("None above severity 3.")
        pm.get_by_role("button", name="Mark as ready").click()
        pm.get_by_role("button", name="Submit round 1").click()
        expect(pm.get_by_text("Waiting for decision, round 1").first).to_be_visible()
        assert not Slip.objects.exists()

        wait_with_beat(lambda: len(mails_to("erik")) >= 3)
        subjects = [str(mail["Subject"]) for mail in mails_to("erik")]
        assert any(s.startswith("Waiting for you: Router 5.2, Market Opportunity") for s in subjects), subjects

    # A due date passes.
    settings.TIME_ZONE = FIRST_ZONE
    with start_worker(TIME_ZONE=FIRST_ZONE):
        sweep.delay()
        wait_with_beat(lambda: Slip.objects.filter(gate=complete, cause="awaiting_decision").exists())
        late = (day_of(timezone.now()) - complete.due_on).days
        executive = as_person("eva")
        executive.goto("/portfolio/")
        row = executive.get_by_role("row").filter(has_text="Router 5.2")
        expect(row).to_contain_text("Slipped")
        expect(row).to_contain_text(f"{late} d late")

        # A late approval settles the slip and moves the later dates.
        before = {gate.key: gate.due_on for gate in release.gates.all()}
        engineer.goto(address(complete))
        engineer.get_by_role("radio", name="Approve The evidence is enough").check()
        engineer.get_by_role("button", name="Approve as Engineering and pass the gate").click()
        expect(engineer.get_by_text("Approved").first).to_be_visible()
        slip = Slip.objects.get()
        assert (slip.days, slip.settled_how, slip.settled_by) == (late, "late_approval", cast.approver)
        moved = fresh(release)
        assert moved.slip_days == late
        assert gate_of(release, READINESS).due_on == before[READINESS] + timedelta(days=late)
        executive.goto("/releases/router/5.2/")
        expect(executive.get_by_text("Late approval").first).to_be_visible()
        expect(executive.locator("main")).to_contain_text(f"+{late} day")

        # The stakeholder has the notices, in the list and by mail.
        wait_with_beat(lambda: Delivery.objects.filter(recipient=cast.outsider, notice__contains="slipped").exists())
        wait_with_beat(lambda: any("Approved" in str(m["Subject"]) for m in mails_to("otto")))
        outsider = as_person("otto")
        outsider.goto("/notifications/")
        listed = outsider.locator("main")
        for words in ("declined Market Opportunity", "Market Opportunity is approved", "Functional Completeness"):
            expect(listed).to_contain_text(words)
        wait_with_beat(lambda: not Delivery.objects.filter(state="waiting").exists())

    call_command("check_invariants")
    call_command("verify_history")
