"""Releases: planned, read in every state, and moved on by small pages that show what they would do."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.people import add_to_group, deactivate_person, save_group
from approvals.pages import previews
from approvals.pages.releases import LATEST_EVENTS, allowed, gates_of
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases import rules
from releases.actions.products import change_product, save_product_line
from releases.actions.releases import (
    cancel_release,
    correct_release_date,
    hold_release,
    resume_release,
    ship_release,
)
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind, ReleaseState
from releases.models import DateMove, Event, Gate, Product, Release, Slip
from tests.cast import (
    ASSESSMENT,
    MARKET,
    READINESS,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    at,
    day,
    decline,
    draft_release,
    fill,
    fresh,
    gate_of,
    last_event,
    make_playbook,
    nothing_changes,
    pass_gate,
    pass_gates_before_release,
    submit,
    waive,
)
from tests.pages.stories import client_of, days_ago, market_of, release_of_today, text_of
from tests.releases.history_files import load, milestone

pytestmark = pytest.mark.django_db

URL = "/releases/router/1.0/"
HTMX = {"HX-Request": "true"}


def today() -> date:
    return day_of(timezone.now())


def page(person: Any, address: str = URL) -> str:
    response = client_of(person).get(address)
    assert response.status_code == 200, address
    return text_of(response)


def shipped(cast: Cast, *, released: int = 5) -> Release:
    """Router 1.0, out for some days."""
    release = release_of_today(cast, began=80, target=90)
    pass_gates_before_release(cast, release, on=days_ago(20))
    return ship_release(
        release_id=release.pk, actor=cast.pm, released_on=day(days_ago(released)), clock=at(days_ago(released))
    )


def late_release(cast: Cast) -> Release:
    """Router 1.0, whose first gate was due ten days ago; the miss is recorded."""
    release = release_of_today(cast, began=40, target=90)
    record_all_misses(today())
    return fresh(release)


def long_release(cast: Cast, version: str, steps: int) -> Release:
    """A release of a playbook with many gates."""
    first = SMALL_PLAYBOOK["gates"][0]
    gates = [
        {**first, "key": f"step-{n}", "name": f"Step {n}", "short_name": f"S{n}", "offset_days": -n}
        for n in range(steps, 0, -1)
    ]
    playbook = make_playbook({"slug": "long", "name": "Many steps", "gates": gates})
    start = days_ago(1)
    return active_release(cast, version, target=start + 60, on=start, playbook=playbook)


# --- New ----------------------------------------------------------------------------------------------------------


def new_data(cast: Cast, **changes: Any) -> dict[str, Any]:
    return {
        "product": cast.product.pk,
        "version": "2.0",
        "name": "Second wave",
        "target_on": (today() + timedelta(days=100)).isoformat(),
        "owner": cast.pm.pk,
        "playbook": cast.playbook.pk,
    } | changes


def test_a_release_is_planned_as_a_draft(cast: Cast) -> None:
    response = client_of(cast.pm).post("/releases/new/", new_data(cast), follow=True)
    assert response.redirect_chain == [("/releases/router/2.0/", 302)]
    text = text_of(response)
    assert "This is a draft: nothing is due." in text
    assert "Planned dates" in text
    assert Release.objects.get(version="2.0").state == ReleaseState.DRAFT


def test_the_form_suggests_the_next_version_and_the_only_product(cast: Cast) -> None:
    draft_release(cast, "1.9", target=days_ago(-200), on=days_ago(1))
    form = client_of(cast.pm).get("/releases/new/").context["form"]
    assert form["version"].value() == "1.10"
    assert form["product"].value() == cast.product.pk
    assert form["owner"].value() == cast.pm.pk


def test_every_problem_is_named_with_what_would_be_right(cast: Cast) -> None:
    draft_release(cast, "2.0", target=days_ago(-200), on=days_ago(1))
    draft_release(cast, "2.1", target=days_ago(-200), on=days_ago(1))
    data = new_data(cast, target_on=(today() + timedelta(days=30)).isoformat(), owner="", name="Typed <i>once</i>")
    with nothing_changes():
        response = client_of(cast.pm).post("/releases/new/", data)
    assert response.status_code == 422
    form = response.context["form"]
    assert form.errors["version"] == ["2.0 exists already. The next free version is 2.2."]
    assert "The earliest date with this playbook" in form.errors["target_on"][0]
    assert form.earliest == today() + timedelta(days=60)
    assert form.errors["owner"] == ["Choose who prepares the evidence."]
    html = response.content.decode()
    assert 'data-value="2.2"' in html
    assert f'data-value="{form.earliest.isoformat()}"' in html
    assert "Typed &lt;i&gt;once&lt;/i&gt;" in html
    assert 'role="alert"' in html
    # The card beside the form tells which gates would start late.
    assert "1 gate would start late" in text_of(response)

    # While it is mended it is looked at again, and nothing is made of it.
    mended = data | {"version": "2.2", "target_on": (today() + timedelta(days=100)).isoformat()}
    with nothing_changes():
        again = client_of(cast.pm).post("/releases/new/?check=1", mended, headers=HTMX)
    assert again.status_code == 200
    assert list(again.context["form"].errors) == ["owner"]
    html = again.content.decode()
    assert html.lstrip().startswith("<form")
    assert 'id="dates-card" hx-swap-oob="true" data-poll' in html
    assert 'role="alert"' not in html  # the one who types is not taken to the top


def test_a_date_that_is_too_early_may_be_kept_on_purpose(cast: Cast) -> None:
    data = new_data(cast, target_on=(today() + timedelta(days=30)).isoformat(), keep_date="on")
    assert client_of(cast.pm).post("/releases/new/", data).status_code == 302
    text = page(cast.pm, "/releases/router/2.0/")
    assert "The first gates would be due in the past." in text
    assert "The earliest release date that fits" in text


def test_the_card_of_dates_answers_htmx_and_forgives_nonsense(cast: Cast) -> None:
    client = client_of(cast.pm)
    target = today() + timedelta(days=30)
    card = client.get(f"/releases/new/dates/?target_on={target.isoformat()}&playbook={cast.playbook.pk}")
    assert "<html" not in card.content.decode()
    assert "1 gate would start late" in text_of(card)
    assert "6 Month Assessment" in text_of(card)
    for query in ("", "?target_on=soon&playbook=x", f"?target_on={target.isoformat()}"):
        assert "Choose a release date" in text_of(client.get(f"/releases/new/dates/{query}"))


def test_another_product_brings_its_own_managers_and_keeps_what_was_typed(cast: Cast) -> None:
    client = client_of(cast.administrator)
    address = f"/releases/new/?product={cast.product.pk}&name=Second+wave&version=7"
    part = client.get(address, headers=HTMX)
    html = part.content.decode()
    assert "<html" not in html
    assert 'value="Second wave"' in html
    owners = {str(choice[1]) for choice in part.context["form"].fields["owner"].choices}
    assert {"Petra Manager", "Quinn Manager"} <= owners
    assert "Otto Outsider" not in owners


def test_who_manages_nothing_is_told_so_and_cannot_plan(cast: Cast) -> None:
    client = client_of(cast.outsider)
    assert "You manage no product" in text_of(client.get("/releases/new/?product=router"))
    with nothing_changes():
        assert client.post("/releases/new/", new_data(cast)).status_code == 422


def test_the_list_of_releases_is_the_portfolio(cast: Cast) -> None:
    response = client_of(cast.pm).get("/releases/")
    assert (response.status_code, response["Location"]) == (302, "/portfolio/")


# --- Activate -----------------------------------------------------------------------------------------------------


def test_activation_shows_the_dates_and_opens_the_first_gate(cast: Cast) -> None:
    draft_release(cast, target=days_ago(-100), on=days_ago(1))
    response = client_of(cast.pm).get(f"{URL}activate/")
    assert "Market Opportunity opens at once" in text_of(response)
    data = {bound.name: bound.value().isoformat() for bound in response.context["form"]}
    response = client_of(cast.pm).post(f"{URL}activate/", data, follow=True)
    assert response.redirect_chain == [(URL, 302)]
    release = Release.objects.get()
    assert (release.state, release.current_gate) == (ReleaseState.ACTIVE, MARKET)
    assert release.baseline_on == release.target_on


def test_late_gates_need_dates_of_their_own(cast: Cast) -> None:
    draft_release(cast, target=days_ago(-40), on=days_ago(1))
    client = client_of(cast.pm)
    response = client.get(f"{URL}activate/")
    text = text_of(response)
    assert "1 gate would be due in the past." in text
    data = {bound.name: bound.value().isoformat() for bound in response.context["form"]}
    with nothing_changes():
        refused = client.post(f"{URL}activate/", data)
    assert refused.status_code == 422
    assert set(refused.context["form"].errors) == {f"dates.{MARKET}"}
    assert "is in the past" in refused.context["form"].errors[f"dates.{MARKET}"][0]
    soon = today() + timedelta(days=3)
    assert client.post(f"{URL}activate/", data | {f"dates.{MARKET}": soon.isoformat()}).status_code == 302
    assert gate_of(Release.objects.get(), MARKET).due_on == soon


def test_activation_warns_of_seats_that_nobody_holds(cast: Cast) -> None:
    deactivate_person(person=cast.approver, actor=cast.administrator)
    draft_release(cast, target=days_ago(-100), on=days_ago(1))
    assert "Engineering cannot reach its quorum: 1 of 1 seats is deactivated." in page(cast.pm, f"{URL}activate/")


# --- Read ---------------------------------------------------------------------------------------------------------


def test_a_preparing_release_tells_whose_turn_it_is_and_what_is_missing(cast: Cast) -> None:
    release = release_of_today(cast)
    text = page(cast.outsider)
    assert "At risk" not in text
    assert "On track." in text
    assert "Market Opportunity is with the product manager" in text
    assert "1 required deliverable is still empty" in text
    assert "Market opportunity brief is required and empty." in text
    html = client_of(cast.outsider).get(URL).content.decode()
    assert f'href="{URL}gates/{MARKET}/#d-brief"' in html
    assert 'aria-current="step"' in html
    assert fresh(release).current_gate == MARKET


def test_a_round_tells_which_roles_are_still_out(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    approve(cast, gate, "engineering", on=days_ago(1))
    text = page(cast.outsider)
    assert "Market Opportunity, round 1, waits for Sales" in text
    assert "Round 1, 1 of 2 roles" in text
    assert "Sara Seller · 0 of 1 approval" in text
    assert "Erik Engineer approved Market Opportunity for Engineering" in text


def test_a_decline_says_who_and_why(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    decline(cast, gate, "sales", on=days_ago(1), comment="No capacity <plan>.")
    text = page(cast.outsider)
    assert "was declined: the product manager prepares round 2" in text
    assert "Sales declined: No capacity <plan>." in text
    assert "<plan>" not in client_of(cast.outsider).get(URL).content.decode()


def test_a_missed_gate_is_late_and_its_forecast_is_shown(cast: Cast) -> None:
    release = late_release(cast)
    text = page(cast.outsider)
    assert "10 days late" in text
    assert "Slipped, because Market Opportunity was missed and is not settled." in text
    assert "every later date is forecast 10 days later" in text
    assert "10 days after target, while the slip is open" in text
    assert "Not submitted product manager’s turn" in text
    # The ledger, once it is settled by a late approval: ten days, and what moved with it.
    pass_gate(cast, gate_of(release, MARKET), on=days_ago(0))
    text = page(cast.outsider)
    assert "Late approval" in text
    assert "3 dates and the target" in text
    assert "+10 days" in text
    assert "while the slip is open" not in text


def test_each_state_says_what_is_true(cast: Cast) -> None:
    release = release_of_today(cast)
    pass_gates_before_release(cast, release, on=days_ago(3))
    assert "Ready to be released" in page(cast.pm)
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike.", resume_by=today() + timedelta(days=4))
    assert "On hold since" in page(cast.pm)
    assert "Strike." in page(cast.pm)
    cancel_release(release_id=release.pk, actor=cast.pm, reason="Nobody wants it.")
    text = page(cast.pm)
    assert "Cancelled on" in text
    assert "Nobody wants it." in text
    assert "Waiting on" not in text


def test_a_released_release_waits_for_its_assessment_and_is_closed_by_it(cast: Cast) -> None:
    release = shipped(cast)
    assert "5 days before target" in page(cast.pm) or "Released on" in page(cast.pm)
    waive(cast, gate_of(release, ASSESSMENT), on=days_ago(0), until=days_ago(-300))
    text = page(cast.pm)
    assert "Closed: every gate is passed." in text
    assert "Waived" in text


def test_many_gates_and_recorded_history_are_a_table(cast: Cast) -> None:
    gates = [
        {
            **SMALL_PLAYBOOK["gates"][0],
            "key": f"step-{n}",
            "name": f"Step {n}",
            "short_name": f"S{n}",
            "offset_days": -n,
        }
        for n in range(20, 0, -1)
    ]
    long = make_playbook({"slug": "long", "name": "Twenty steps", "gates": gates})
    start = days_ago(1)
    active_release(cast, "1.0", target=start + 60, on=start, playbook=long)
    html = client_of(cast.outsider).get(URL).content.decode()
    assert 'class="stepper"' not in html
    assert html.count(f'href="{URL}gates/step-') >= 20
    assert 'aria-current="step"' in html


def test_recorded_history_is_read_without_gates_to_decide(cast: Cast) -> None:
    load(
        milestone(1, "planning", None, None, "2023-01-02"),
        milestone(2, "alpha 1", "2023-02-01", "2023-02-01", "2023-02-06"),
        milestone(3, "beta 1", "2023-03-01", "2023-03-01", None),
        milestone(4, "final", "2023-04-03", "2023-04-03", "2023-04-03"),
    )
    client, address = client_of(cast.outsider), "/releases/kernel/1.0/"
    response = client.get(address)
    text = text_of(response)
    assert "3 of 4 milestones have an actual date. 1 was missed by the plan in force on the day." in text
    assert "Waiting on" not in text
    html = response.content.decode()
    assert "/gates/" not in html
    assert 'class="stepper"' not in html
    # Dates may be missing: without a baseline there is no distance from it.
    steps = response.context["page"].steps
    assert [step.days for step in steps] == [None, 5, None, 0]
    assert [step.state_words for step in steps] == ["Recorded", "Recorded", "Not recorded", "Recorded"]
    assert response.context["page"].actions == []
    for path in ("activity/", "replans/"):
        assert client.get(f"{address}{path}").status_code == 200
    for path in ("edit/", "replan/", "hold/", "activate/"):
        assert client_of(cast.administrator).get(f"{address}{path}").status_code == 409
    product = text_of(client.get("/products/kernel/"))
    assert "Loaded from recorded history" in product
    assert "1 of 2 milestones" in product
    assert "1 of 1" in product


def test_the_feed_has_the_newest_and_the_activity_page_everything(cast: Cast) -> None:
    release = release_of_today(cast)
    gate = market_of(release)
    fill(cast, gate, on=days_ago(3))
    for number in range(LATEST_EVENTS + 2):
        replan_release(
            release_id=release.pk,
            actor=cast.pm,
            dates={MARKET: today() + timedelta(days=11 + number % 2)},
            reason=f"Reason {number}.",
        )
    text = page(cast.outsider)
    assert f"Reason {LATEST_EVENTS + 1}." in text
    assert "Petra Manager saved evidence" not in text
    newest, oldest = (page(cast.outsider, f"{URL}activity/?page={number}") for number in (1, 2))
    assert "1 to 50 of" in newest
    assert "Petra Manager saved evidence for Market opportunity brief" in oldest
    assert "Petra Manager planned the release for" in oldest
    assert client_of(cast.outsider).get(f"{URL}activity/?page=99").status_code == 200


def test_every_date_that_moved_stands_in_the_ledger(cast: Cast) -> None:
    release = release_of_today(cast)
    replan_release(
        release_id=release.pk, actor=cast.pm, dates={READINESS: today() + timedelta(days=65)}, reason="Vendor."
    )
    text = page(cast.outsider, f"{URL}replans/")
    assert "Release Readiness" in text
    assert "moved along" in text
    assert "No gate was missed." in text
    assert f"1 to {DateMove.objects.count()} of {DateMove.objects.count()}" in text


def test_what_is_hidden_does_not_exist(cast: Cast) -> None:
    release_of_today(cast)
    product = Product.objects.get(pk=cast.product.pk)
    change_product(
        product=product, actor=cast.administrator, name="Router", description="", owner=cast.pm, is_restricted=True
    )
    client = client_of(cast.outsider)
    for path in ("", "activity/", "replans/", "replan/", "edit/", "hold/"):
        assert client.get(f"{URL}{path}").status_code == 404
    assert client_of(cast.approver).get(URL).status_code == 200
    assert client_of(cast.pm).get("/releases/router/9.9/").status_code == 404


# --- What may be done ---------------------------------------------------------------------------------------------

DEEDS = ("activate", "edit", "replan", "hold", "resume", "ship", "correct-date", "cancel")


def in_state(cast: Cast, state: str) -> Release:
    if state == "draft":
        return draft_release(cast, target=days_ago(-100), on=days_ago(1))
    if state in ("released", "closed"):
        release = shipped(cast)
        if state == "closed":
            waive(cast, gate_of(release, ASSESSMENT), on=days_ago(0), until=days_ago(-300))
        return fresh(release)
    release = release_of_today(cast)
    if state == "ready":
        pass_gates_before_release(cast, release, on=days_ago(3))
    if state == "on_hold":
        hold_release(release_id=release.pk, actor=cast.pm, reason="Strike.", resume_by=today())
    if state == "cancelled":
        cancel_release(release_id=release.pk, actor=cast.pm, reason="No.")
    return fresh(release)


@pytest.mark.parametrize("state", ["draft", "active", "ready", "on_hold", "released", "closed", "cancelled"])
def test_the_page_offers_what_works_and_nothing_else(cast: Cast, state: str) -> None:
    release = in_state(cast, state)
    offered = set(allowed(release, gates_of(release)))
    manager = client_of(cast.pm)
    shown, read = manager.get(URL).content.decode(), client_of(cast.outsider).get(URL).content.decode()
    with nothing_changes():
        for deed in DEEDS:
            assert (f'href="{URL}{deed}/"' in shown) is (deed in offered), deed
            assert f'href="{URL}{deed}/"' not in read
            assert manager.get(f"{URL}{deed}/").status_code == (200 if deed in offered else 409), deed
            if deed not in offered:
                assert manager.post(f"{URL}{deed}/", {"reason": "Because."}).status_code == 409


def moved(release: Release) -> set[tuple[str, date, date]]:
    """Every date that moved since the newest deed."""
    newest = DateMove.objects.filter(release=release).order_by("-recorded_at").first()
    assert newest is not None
    return {
        (move.gate.name if move.gate else "Release", move.from_on, move.to_on)  # type: ignore[misc]
        for move in DateMove.objects.filter(release=release, recorded_at=newest.recorded_at).select_related("gate")
    }


def told(moves: list[rules.Move]) -> set[tuple[str, date, date]]:
    return {(move.name, move.from_on, move.to_on) for move in moves}


def test_the_preview_of_resuming_is_what_resuming_does(cast: Cast) -> None:
    release = late_release(cast)
    # A missed gate keeps its date; a passed one too.
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike.", resume_by=today(), clock=at(days_ago(7)))
    held = fresh(release)
    expected = told(previews.resume_moves(held, gates_of(held), previews.missed_gates(held), today()))
    shown = client_of(cast.pm).get(f"{URL}resume/").context["moves"]
    assert {(move.name, move.from_on, move.to_on) for move in shown} == expected
    assert client_of(cast.pm).post(f"{URL}resume/").status_code == 422, "why it goes on is asked"
    assert client_of(cast.pm).post(f"{URL}resume/", {"reason": "Strike is over."}).status_code == 302
    assert moved(release) == expected
    assert {name for name, _from, _to in expected} == {
        "Functional Completeness", "Release Readiness", "Release", "6 Month Assessment",
    }  # fmt: skip


def test_holding_shows_what_would_move_and_moves_nothing_yet(cast: Cast) -> None:
    release = release_of_today(cast)
    resume_by = today() + timedelta(days=9)
    data = {"reason": "", "resume_by": resume_by.isoformat(), "preview": "1"}
    with nothing_changes():
        part = client_of(cast.pm).post(f"{URL}hold/", data, headers=HTMX)
        whole = client_of(cast.pm).post(f"{URL}hold/", data)
    assert "<html" not in part.content.decode()
    assert "<html" in whole.content.decode()
    assert part.status_code == whole.status_code == 200
    expected = {(move.name, move.to_on) for move in part.context["moves"]}
    assert len(expected) == 5
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike.", resume_by=resume_by)
    assert not DateMove.objects.exists()
    # Held for nine days, it does what was shown.
    Release.objects.update(held_on=today() - timedelta(days=9))
    resume_release(release_id=release.pk, actor=cast.pm)
    assert {(name, to) for name, _from, to in moved(release)} == expected


def test_the_previews_of_releasing_and_of_a_corrected_date_are_what_they_do(cast: Cast) -> None:
    release = release_of_today(cast, began=80, target=90)
    pass_gates_before_release(cast, release, on=days_ago(20))
    gates = gates_of(release)
    expected = told(previews.ship_moves(gates, today()))
    shown = client_of(cast.pm).get(f"{URL}ship/").context["moves"]
    assert {(move.name, move.from_on, move.to_on) for move in shown} == expected
    early = client_of(cast.pm).post(f"{URL}ship/", {"released_on": today().isoformat()})
    assert (early.status_code, list(early.context["form"].errors)) == (422, ["reason"])
    data = {"released_on": today().isoformat(), "reason": "Ready before the target."}
    assert client_of(cast.pm).post(f"{URL}ship/", data).status_code == 302
    assert last_event(release, EventKind.RELEASE_SHIPPED).payload["reason"] == "Ready before the target."
    assert moved(release) == expected
    earlier = today() - timedelta(days=3)
    data = {"released_on": earlier.isoformat(), "reason": "It was out on the weekend."}
    gates = gates_of(release)
    expected = told(previews.correct_moves(gates, previews.missed_gates(release), earlier))
    assert client_of(cast.pm).post(f"{URL}correct-date/", data).status_code == 302
    assert moved(release) == expected
    assert fresh(release).released_on == earlier


def test_a_missed_assessment_keeps_its_date_when_the_release_date_is_corrected(cast: Cast) -> None:
    release = release_of_today(cast, began=400, target=90)
    pass_gates_before_release(cast, release, on=days_ago(330))
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(days_ago(310)), clock=at(days_ago(310)))
    record_all_misses(today())
    release = fresh(release)
    earlier = day(days_ago(312))
    assert previews.correct_moves(gates_of(release), previews.missed_gates(release), earlier) == []
    count = DateMove.objects.count()
    correct_release_date(release_id=release.pk, actor=cast.pm, released_on=earlier, reason="Weekend.")
    assert DateMove.objects.count() == count
    assert "6 Month Assessment is" in page(cast.pm)


def test_a_refusal_of_the_engine_comes_back_into_the_form(cast: Cast) -> None:
    release_of_today(cast)
    yesterday = today() - timedelta(days=1)
    with nothing_changes():
        response = client_of(cast.pm).post(
            f"{URL}hold/", {"reason": "Strike, said Petra.", "resume_by": yesterday.isoformat()}
        )
    assert response.status_code == 422
    assert "must lie from today on" in response.context["form"].errors["resume_by"][0]
    assert "Strike, said Petra." in response.content.decode()


def test_a_release_is_edited_and_only_a_drafts_target(cast: Cast) -> None:
    draft = draft_release(cast, target=days_ago(-100), on=days_ago(1))
    target = today() + timedelta(days=120)
    data = {"name": "Better", "owner": cast.second_pm.pk, "target_on": target.isoformat()}
    assert client_of(cast.pm).post(f"{URL}edit/", data).status_code == 302
    release = fresh(draft)
    assert (release.name, release.owner, release.target_on) == ("Better", cast.second_pm, target)
    with nothing_changes():
        wrong = client_of(cast.pm).post(f"{URL}edit/", data | {"owner": cast.outsider.pk})
    assert set(wrong.context["form"].errors) == {"owner"}
    running = release_of_today(cast, "2.0")
    later = data | {"name": "Running"}
    assert client_of(cast.pm).post("/releases/router/2.0/edit/", later).status_code == 302
    assert fresh(running).target_on == running.target_on


# --- Bounds -------------------------------------------------------------------------------------------------------


def test_the_page_asks_as_often_for_thirty_rows_as_for_three(cast: Cast) -> None:
    release = late_release(cast)
    client, counts = client_of(cast.pm), []
    for number in range(3):
        dates = {MARKET: today() + timedelta(days=5 + number)}
        replan_release(release_id=release.pk, actor=cast.pm, dates=dates, reason=f"Reason {number}.")
    for has_few in (True, False):
        found = []
        for path in ("", "activity/", "replans/", "replan/"):
            client.get(f"{URL}{path}")
            with CaptureQueriesContext(connection) as queries:
                assert client.get(f"{URL}{path}").status_code == 200
            found.append(len(queries))
        counts.append(found)
        if has_few:
            more_rows(release)
    assert counts[0] == counts[1]
    assert counts[0][0] <= 33


def more_rows(release: Release) -> None:
    """Thirty more of everything a release gathers: events, moves by many people, slips."""
    people = User.objects.bulk_create(
        User(username=f"p{n}", email=f"p{n}@example.org", full_name=f"Person {n}") for n in range(30)
    )
    for model, changes in (
        (Event, lambda n: {"number": 1000 + n, "actor": people[n]}),
        (DateMove, lambda n: {"actor": people[n], "reason": f"More {n}."}),
        (Slip, lambda n: {"due_on": day(n), "settled_by": people[n]}),
    ):
        copies = [model.objects.filter(release=release).first() for _n in range(30)]
        for n, copy in enumerate(copies):
            copy.pk = None
            for name, value in changes(n).items():
                setattr(copy, name, value)
        model.objects.bulk_create(copies)


def test_the_page_asks_as_often_for_thirty_milestones_as_for_four(cast: Cast) -> None:
    release_of_today(cast)
    gates = [
        {
            **SMALL_PLAYBOOK["gates"][0],
            "key": f"step-{n}",
            "name": f"Step {n}",
            "short_name": f"S{n}",
            "offset_days": -n,
        }
        for n in range(30, 0, -1)
    ]
    start = days_ago(1)
    # everybody sits in every seat of both, so that nothing but the number of gates differs
    engineers = save_group(name="Engineers", actor=cast.administrator, clock=at(0))
    add_to_group(group=engineers, person=cast.approver, actor=cast.administrator, clock=at(0))
    seats = {"engineering": engineers, "sales": cast.sales_group}
    save_product_line(name=cast.line.name, default_seats=seats, actor=cast.administrator, clock=at(0))
    long = make_playbook({"slug": "long", "name": "Thirty steps", "gates": gates})
    active_release(cast, "2.0", target=start + 60, on=start, playbook=long)
    assert Gate.objects.filter(release__version="2.0").count() == 30
    client, counts = client_of(cast.pm), []
    for version in ("1.0", "2.0"):
        client.get(f"/releases/router/{version}/")
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/releases/router/{version}/")
        counts.append(len(queries))
    assert counts[0] == counts[1]
