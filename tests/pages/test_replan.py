"""Re-plan: what moves is shown before it is saved, and a plan that moved meanwhile is not overwritten unseen."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.actions.releases import hold_release
from releases.actions.replan import replan_release
from releases.models import DateMove, Release
from tests.cast import ASSESSMENT, COMPLETENESS, MARKET, READINESS, Cast, fresh, gate_of, nothing_changes, pass_gate
from tests.pages.stories import client_of, days_ago, release_of_today, text_of

pytestmark = pytest.mark.django_db

URL = "/releases/router/1.0/replan/"


@pytest.fixture
def running(cast: Cast) -> Release:
    """Router 1.0: gates due in 10, 40 and 60 days, the release in 70, the assessment six months later."""
    return release_of_today(cast)


def today() -> date:
    return day_of(timezone.now())


def due(release: Release, key: str) -> date:
    found = gate_of(release, key).due_on
    assert found is not None
    return found


def form_of(client: Client) -> dict[str, str]:
    """What a browser would send when nothing was touched."""
    form = client.get(URL).context["form"]
    data = {}
    for bound in form:
        value = bound.value()
        if isinstance(value, bool):
            data[f"initial-{bound.name}"] = str(value)
            if value:
                data[bound.name] = "on"
        elif isinstance(value, date):
            data[bound.name] = data[f"initial-{bound.name}"] = value.isoformat()
        else:
            data[bound.name] = value or ""
    return data


def send(person: User, changes: dict[str, Any], *, base: dict[str, str] | None = None, **headers: Any) -> Any:
    client = client_of(person)
    data = (base or form_of(client)) | {key: str(value) for key, value in changes.items()}
    return client.post(URL, data, headers=headers or None)


def test_the_form_shows_every_date_that_can_move(cast: Cast, running: Release) -> None:
    pass_gate(cast, gate_of(running, MARKET), on=days_ago(5))
    page = client_of(cast.pm).get(URL)
    names = {name for name in page.context["form"].fields if name.startswith("dates.")}
    assert names == {f"dates.{key}" for key in (COMPLETENESS, READINESS, ASSESSMENT, "target")}
    assert " told" in text_of(page)


def test_a_preview_shows_every_date_that_moves_and_saves_nothing(cast: Cast, running: Release) -> None:
    later = due(running, COMPLETENESS) + timedelta(days=7)
    for headers in ({}, {"HX-Request": "true"}):
        with nothing_changes():
            page = send(cast.pm, {f"dates.{COMPLETENESS}": later, "preview": 1}, **headers)
        assert page.status_code == 200
        moves = {move.name: move.days for move in page.context["moves"]}
        assert moves["Functional Completeness"] == moves["Release Readiness"] == moves["Release"] == 7
        assert 5 <= moves["6 Month Assessment"] <= 9
        assert "Market Opportunity" not in moves
        text = text_of(page)
        assert "4 dates" in text
        assert "+7 days" in text
        # With htmx only the panel comes back; without it the whole page, and what was typed is in it.
        assert ("<html" in page.content.decode()) is (not headers)
        if not headers:
            assert later.isoformat() in page.content.decode()


def test_saving_moves_what_the_preview_showed(cast: Cast, running: Release) -> None:
    later = due(running, COMPLETENESS) + timedelta(days=7)
    shown = send(cast.pm, {f"dates.{COMPLETENESS}": later, "preview": 1}).context["moves"]
    page = send(cast.pm, {f"dates.{COMPLETENESS}": later, "reason": "The vendor is late."})
    assert page.status_code == 302
    assert page["Location"] == "/releases/router/1.0/"
    moved = {
        (move.gate.name if move.gate else "Release"): (move.from_on, move.to_on)
        for move in DateMove.objects.select_related("gate")
    }
    assert moved == {move.name: (move.from_on, move.to_on) for move in shown}
    assert set(DateMove.objects.values_list("reason", flat=True)) == {"The vendor is late."}


def test_a_pinned_gate_stays_and_can_be_unpinned(cast: Cast, running: Release) -> None:
    before = due(running, READINESS)
    later = due(running, COMPLETENESS) + timedelta(days=7)
    send(cast.pm, {f"dates.{COMPLETENESS}": later, f"pins.{READINESS}": "on", "reason": "Vendor."})
    gate = gate_of(running, READINESS)
    assert (gate.due_on, gate.is_pinned) == (before, True)
    base = form_of(client_of(cast.pm))
    base.pop(f"pins.{READINESS}")
    page = send(cast.pm, {"reason": "Free again."}, base=base)
    assert page.status_code == 302
    assert not gate_of(running, READINESS).is_pinned


def test_what_does_not_fit_is_named_beside_its_field_and_everything_typed_is_kept(cast: Cast, running: Release) -> None:
    yesterday = today() - timedelta(days=1)
    changes = {f"dates.{MARKET}": yesterday, f"dates.{READINESS}": "soon", "reason": "Vendor <b>late</b>"}
    with nothing_changes():
        page = send(cast.pm, changes)
    assert page.status_code == 422
    html = page.content.decode()
    assert 'role="alert"' in html
    assert 'value="soon"' in html
    assert "Vendor &lt;b&gt;late&lt;/b&gt;" in html
    assert "is not a day" in page.context["form"].errors[f"dates.{READINESS}"][0]
    with nothing_changes():
        page = send(cast.pm, {f"dates.{MARKET}": yesterday, "reason": "Vendor."})
    assert "is in the past" in page.context["form"].errors[f"dates.{MARKET}"][0]


def test_a_re_plan_needs_a_reason_and_a_change(cast: Cast, running: Release) -> None:
    later = due(running, READINESS) + timedelta(days=1)
    with nothing_changes():
        page = send(cast.pm, {f"dates.{READINESS}": later})
        assert set(page.context["form"].errors) == {"reason"}
        page = send(cast.pm, {"reason": "Nothing really."})
    assert page.status_code == 422
    assert "No date or pin would change." in text_of(page)


def test_a_preview_of_what_does_not_fit_says_so(cast: Cast, running: Release) -> None:
    early = due(running, READINESS) - timedelta(days=59)
    for headers in ({}, {"HX-Request": "true"}):
        with nothing_changes():
            page = send(cast.pm, {f"dates.{READINESS}": early, "preview": 1}, **headers)
        assert page.status_code == 200
        assert "would be due after" in text_of(page)
        assert page.context["moves"] == []


def test_a_plan_that_moved_meanwhile_is_shown_again_before_it_is_saved(cast: Cast, running: Release) -> None:
    opened = form_of(client_of(cast.pm))
    later = due(running, COMPLETENESS) + timedelta(days=10)
    replan_release(release_id=running.pk, actor=cast.second_pm, dates={COMPLETENESS: later}, reason="Meanwhile.")
    target = fresh(running).target_on
    assert target is not None
    mine = due(running, MARKET) + timedelta(days=3)
    with nothing_changes():
        page = send(cast.pm, {f"dates.{MARKET}": mine, "reason": "My own."}, base=opened)
    assert page.status_code == 409
    assert "The plan has moved while you were typing" in text_of(page)
    html = page.content.decode()
    # My change and my reason are kept; what I did not touch is the plan of now, so it is not taken for a change.
    assert mine.isoformat() in html
    assert "My own." in html
    assert page.context["form"].changed_dates == {MARKET: mine}
    # The form that came back is sent as it stands.
    saved = client_of(cast.pm).post(URL, page.context["form"].data.dict())
    assert saved.status_code == 302
    assert due(running, MARKET) == mine
    # The cascade of my three days starts from the plan of now.
    assert due(running, COMPLETENESS) == later + timedelta(days=3)
    assert fresh(running).target_on == target + timedelta(days=3)


def test_only_managers_and_only_while_it_runs(cast: Cast, running: Release) -> None:
    with nothing_changes():
        assert client_of(cast.outsider).get(URL).status_code == 403
        assert client_of(cast.approver).post(URL, {}).status_code == 403
    hold_release(release_id=running.pk, actor=cast.pm, reason="Strike.", resume_by=today() + timedelta(days=9))
    page = client_of(cast.pm).get(URL)
    assert page.status_code == 409
    assert "is on hold" in text_of(page)
    assert client_of(cast.second_pm).get("/releases/router/9.9/replan/").status_code == 404
