"""The gate page: one address that prepares, decides and records, by state and by who reads."""

import re
from datetime import timedelta
from io import BytesIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.decisions import NewCondition, recuse, revoke_decision
from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import expire_waivers, withdraw_submission
from approvals.actions.seats import grant_seat
from approvals.models import Condition, Decision, Evidence, Submission
from gatekeeper.common.calendars import day_of
from releases.actions.history import import_releases
from releases.actions.products import change_product, grant_product_permission
from releases.actions.releases import hold_release
from releases.actions.slips import record_all_misses
from releases.importing import read_releases
from releases.models import Gate
from tests.cast import (
    COMPLETENESS,
    MARKET,
    Cast,
    approve,
    at,
    day,
    decide,
    decline,
    fill,
    fresh,
    gate_of,
    make_person,
    nothing_changes,
    pass_gate,
    submit,
    waive,
)
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of, thing

pytestmark = pytest.mark.django_db
SECRET = "Nobody but us reads this draft."


# --- Preparing ----------------------------------------------------------------------------------------------------


def test_the_pm_sees_what_is_missing_with_links_to_the_place_and_cannot_submit(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    page = client_of(cast.pm).get(address(gate))
    html, text = page.content.decode(), text_of(page)
    assert "Preparing round 1" in text
    assert "in 10 days" in text
    assert "0 of 2 ready" in text
    assert 'href="#d-brief"' in html
    assert 'id="d-brief"' in html
    assert "Available when the point above is settled" in text
    assert 'aria-disabled="true" aria-describedby="submit-why">Submit round 1' in html
    assert "Is it worth doing?" in text
    assert "Informed: Support" in text


def test_a_complete_gate_is_submitted_with_a_note_and_names_who_is_asked(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(5))
    client = client_of(cast.pm)
    page = client.get(address(gate))
    assert "Nothing left" in text_of(page)
    assert "aria-disabled" not in page.content.decode().split('id="submit-button"')[1].split("</form>")[0]
    answer = client.post(address(gate, "submit/"), {"summary": "Look at the teardown."}, follow=True)
    assert answer.redirect_chain == [(address(gate), 302)]
    assert "Round 1 is submitted. Engineering and Sales are asked." in text_of(answer)
    assert "Look at the teardown." in text_of(answer)
    assert Submission.objects.get(gate=gate).summary == "Look at the teardown."


def test_a_blocked_submission_is_refused_with_every_reason_and_keeps_the_note(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    with nothing_changes():
        answer = client_of(cast.pm).post(address(gate, "submit/"), {"summary": "My note"})
    assert answer.status_code == 422
    assert "Market opportunity brief is required and empty." in text_of(answer)
    assert ">\nMy note</textarea>" in answer.content.decode()


def test_submitting_twice_is_a_conflict_and_shows_the_open_round(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    with nothing_changes():
        answer = client_of(cast.pm).post(address(gate, "submit/"), {"summary": ""})
    assert answer.status_code == 409
    assert "Nothing was changed." in text_of(answer)
    assert "Waiting for decision, round 1" in text_of(answer)


def test_only_those_who_gather_evidence_and_administrators_read_drafts(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(5), text=SECRET)
    url = address(gate)
    assert SECRET in text_of(client_of(cast.administrator).get(url))
    assert SECRET in client_of(cast.pm).get(f"{url}?edit=brief").content.decode()
    assert SECRET in client_of(cast.contributor).get(f"{url}?edit=brief").content.decode()
    for person in (cast.approver, cast.second_approver, cast.outsider, cast.executive):
        for query in ("", "?edit=brief", "?open=all", "?part=roles"):
            shown = client_of(person).get(url + query)
            assert shown.status_code == 200
            assert SECRET not in shown.content.decode()
        assert (
            client_of(person).get(address(gate, "evidence/brief/"), headers={"HX-Request": "true"}).status_code == 403
        )
    assert "You will be asked as Engineering." in text_of(client_of(cast.approver).get(url))


def test_administrators_read_drafts_but_have_no_form(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(5))
    html = client_of(cast.administrator).get(address(gate, "?edit=brief")).content.decode()
    assert 'name="kind"' not in html
    assert "gates/market-opportunity/submit/" not in html


def test_while_the_next_round_is_prepared_others_read_the_last_one(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(5), text="What round 1 said.")
    submit(cast, gate, on=days_ago(4))
    decline(cast, gate, "engineering", on=days_ago(3), comment="No numbers in it.")
    save_evidence(
        deliverable_id=thing(gate).pk,
        actor=cast.pm,
        kind="text",
        text=SECRET,
        expected_version=1,
        clock=at(days_ago(2)),
    )
    page = text_of(client_of(cast.second_approver).get(address(gate)))
    assert "What round 1 said." in page
    assert "No numbers in it." in page
    assert SECRET not in page
    assert "Round 2 is being prepared." in page
    mine = text_of(client_of(cast.pm).get(address(gate)))
    assert "Erik Engineer declined round 1 as Engineering: “No numbers in it.”" in mine
    assert "Declined, round 1" in mine


def test_a_contributor_is_told_first_what_writing_costs(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    contributor = client_of(cast.contributor)
    assert "You hold no role at this gate, so you lose no vote by helping." in text_of(contributor.get(address(gate)))
    grant_seat(
        role_id=cast.seat(MARKET, "sales").pk, holder=cast.contributor, actor=cast.administrator, clock=at(days_ago(6))
    )
    assert "once you save evidence, you lose that vote in round 1" in text_of(contributor.get(address(gate)))
    fill(cast, gate, on=days_ago(5), actor=cast.contributor)
    page = text_of(contributor.get(address(gate)))
    assert "You have written evidence here, so you have no vote in round 1." in page
    assert "Petra Manager submits the round." in page


def test_a_quorum_that_cannot_be_reached_is_named_before_submitting(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(5))
    grant_product_permission(
        product=cast.product,
        codename="contribute",
        holder=cast.approver,
        actor=cast.administrator,
        clock=at(days_ago(6)),
    )
    save_evidence(
        deliverable_id=thing(gate).pk, actor=cast.approver, kind="text", text="Mine", expected_version=1,
        clock=at(days_ago(4)),
    )  # fmt: skip
    page = text_of(client_of(cast.pm).get(address(gate)))
    assert "Engineering cannot reach its quorum" in page
    assert "1 left" in page


def test_a_later_gate_says_that_it_has_not_begun_and_which_gate_is_before_it(cast: Cast) -> None:
    gate = gate_of(release_of_today(cast), COMPLETENESS)
    page = client_of(cast.pm).get(address(gate))
    assert "Not started" in text_of(page)
    assert "Market Opportunity is not passed yet" in text_of(page)
    assert address(market_of(gate.release)) in page.content.decode()


def test_on_hold_nothing_is_offered(cast: Cast) -> None:
    release = release_of_today(cast)
    gate = market_of(release)
    fill(cast, gate, on=days_ago(5))
    hold_release(
        release_id=release.pk, actor=cast.pm, reason="Waits for the contract.", resume_by=day(days_ago(-30)),
        clock=at(days_ago(4)),
    )  # fmt: skip
    page = client_of(cast.pm).get(address(gate, "?edit=brief"))
    assert "is on hold since" in text_of(page)
    assert "Waits for the contract." in text_of(page)
    assert "submit/" not in page.content.decode()
    assert 'name="kind"' not in page.content.decode()


def test_a_missed_date_says_how_late_and_what_each_day_costs(cast: Cast) -> None:
    release = release_of_today(cast, began=35)
    gate = market_of(release)
    page = text_of(client_of(cast.pm).get(address(gate)))
    assert "Late, preparing round 1" in page
    assert "5 days late" in page
    assert "The gate is 5 days late." in page


# --- Deciding -----------------------------------------------------------------------------------------------------


def test_the_approver_is_offered_the_decision_with_its_consequence(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    page = client_of(cast.approver).get(address(gate))
    assert "Waiting for you, round 1" in text_of(page)
    assert "Approve as Engineering" in text_of(page)
    assert "and pass the gate" not in text_of(page)
    assert "After it, only Sales is left." in text_of(page)
    approve(cast, gate, "sales", on=days_ago(1))
    page = client_of(cast.approver).get(address(gate))
    assert "Approve as Engineering and pass the gate" in text_of(page)
    assert "Functional Completeness opens then." in text_of(page)


def test_an_approval_passes_the_gate_and_says_so(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    approve(cast, gate, "sales", on=days_ago(1))
    words = {"choice": "approve", "role": "engineering", "round": "1", "comment": "Well done."}
    answer = client_of(cast.approver).post(address(gate, "decide/"), words, follow=True)
    assert "Approved Router 1.0, Market Opportunity, as Engineering. The gate is passed." in text_of(answer)
    assert gate_of(gate.release, MARKET).state == "approved"
    assert gate_of(gate.release, COMPLETENESS).state == "open"
    assert "Well done." in text_of(answer)


def test_a_decline_needs_words_and_keeps_the_choice(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    client = client_of(cast.approver)
    with nothing_changes():
        answer = client.post(address(gate, "decide/"), {"choice": "decline", "role": "engineering", "round": "1"})
    assert answer.status_code == 422
    assert "A comment that says why is needed." in text_of(answer)
    assert 'value="decline" data-choice="decline" checked' in answer.content.decode()
    words = {"choice": "decline", "role": "engineering", "round": "1", "comment": "No capacity plan."}
    assert client.post(address(gate, "decide/"), words).status_code == 302
    assert gate_of(gate.release, MARKET).state == "declined"


def test_nothing_is_decided_without_a_choice(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    with nothing_changes():
        answer = client_of(cast.approver).post(
            address(gate, "decide/"), {"role": "engineering", "round": "1", "comment": "Typed already"}
        )
    assert answer.status_code == 422
    assert "Choose a decision." in text_of(answer)
    assert ">Typed already</textarea>" in answer.content.decode()


def test_an_approval_with_a_condition_is_recorded_and_closed_by_its_owner(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    due = day_of(timezone.now()) + timedelta(days=9)
    words = {
        "choice": "conditions", "role": "engineering", "round": "1", "comment": "Go on, but:",
        "condition": "Test the certificate", "condition_owner": "Carl Contributor (carl)",
        "condition_due_on": due.isoformat(),
    }  # fmt: skip
    client = client_of(cast.approver)
    missing = client.post(
        address(gate, "decide/"), words | {"condition": "", "condition_owner": "Nobody Atall", "comment": ""}
    )
    assert missing.status_code == 422
    assert "Say what must still be done." in text_of(missing)
    assert "A comment that says why is needed." in text_of(missing)
    assert "Nobody is called Nobody Atall." in text_of(missing)
    late = client.post(address(gate, "decide/"), words | {"condition_due_on": "2020-01-01"})
    assert late.status_code == 422
    assert "must lie from today on" in text_of(late)
    assert not Decision.objects.exists()
    done = text_of(client.post(address(gate, "decide/"), words, follow=True))
    assert "Approved with conditions: Router 1.0, Market Opportunity, as Engineering." in done
    assert "Erik Engineer (you) Approved with conditions" in done
    assert "approved with conditions as Engineering" in text_of(client.get("/inbox/?show=decided"))
    condition = Condition.objects.get()
    assert (condition.text, condition.owner, condition.due_on) == ("Test the certificate", cast.contributor, due)

    close = address(gate, f"conditions/{condition.pk}/close/")
    with nothing_changes():
        assert client_of(cast.approver).get(close).status_code == 403
        assert client_of(cast.approver).post(close, {"note": "Done"}).status_code == 403
        assert client_of(cast.contributor).post(close, {"note": " "}).status_code == 422
    assert "Test the certificate" in text_of(client_of(cast.contributor).get(close))
    assert client_of(cast.contributor).post(close, {"note": "Tested on staging."}).status_code == 302
    condition.refresh_from_db()
    assert condition.closed_by == cast.contributor
    with nothing_changes():
        assert client_of(cast.contributor).post(close, {"note": "Again"}).status_code == 409


def test_a_stale_round_is_refused_with_the_comment_kept_and_the_new_round_offered(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(4))
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(3)))
    submit(cast, gate, on=days_ago(2))
    words = {"choice": "approve", "role": "engineering", "round": "1", "comment": "I read every word."}
    with nothing_changes():
        answer = client_of(cast.approver).post(address(gate, "decide/"), words)
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "Your decision was not recorded. Round 1 is over: round 2" in text_of(answer)
    assert "Show round 2" in text_of(answer)
    assert ">I read every word.</textarea>" in html
    # the next decision is about the round that is shown, and has to be chosen anew
    assert 'name="round" value="2"' in html
    assert "checked" not in html.split('id="decide"')[1].split("</form>")[0]


def test_a_decision_on_an_ended_round_gives_the_words_back(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(4))
    decline(cast, gate, "sales", on=days_ago(3), comment="Wrong price.")
    words = {"choice": "approve", "role": "engineering", "round": "1", "comment": "A long text of mine."}
    with nothing_changes():
        answer = client_of(cast.approver).post(address(gate, "decide/"), words)
    assert answer.status_code == 409
    assert "What you wrote" in text_of(answer)
    assert ">A long text of mine.</textarea>" in answer.content.decode()
    assert "Wrong price." in text_of(answer)


def test_who_may_not_decide_is_refused_and_told_why(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.pm, actor=cast.administrator, clock=at(days_ago(6)))
    submit(cast, gate, on=days_ago(2))
    words = {"choice": "approve", "role": "sales", "round": "1", "comment": ""}
    with nothing_changes():
        for person in (cast.pm, cast.approver, cast.outsider, cast.administrator, cast.executive):
            assert client_of(person).post(address(gate, "decide/"), words).status_code == 403
    page = client_of(cast.pm).get(address(gate))
    assert "You submitted this round; somebody else has to decide." in text_of(page)
    assert 'name="choice"' not in page.content.decode()


def test_several_hats_are_offered_the_neediest_first_and_one_counts(cast: Cast) -> None:
    both = make_person("bea", "Bea Both")
    for role in ("engineering", "sales"):
        grant_seat(role_id=cast.seat(MARKET, role).pk, holder=both, actor=cast.administrator, clock=at(days_ago(9)))
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    approve(cast, gate, "engineering", on=days_ago(2))
    page = client_of(both).get(address(gate))
    buttons = [part.split('"')[0] for part in page.content.decode().split('when-approve" name="role" value="')[1:]]
    assert buttons == ["sales", "engineering"]
    assert "Approve as Sales and pass the gate" in text_of(page)
    words = {"choice": "approve", "role": "sales", "round": "1", "comment": ""}
    assert client_of(both).post(address(gate, "decide/"), words).status_code == 302
    assert gate_of(gate.release, MARKET).state == "approved"


def test_an_own_decision_is_revoked_with_a_reason_while_the_round_is_open(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    decision = approve(cast, gate, "engineering", on=days_ago(2))
    url = address(gate, f"decisions/{decision.pk}/revoke/")
    client = client_of(cast.approver)
    assert url in client.get(address(gate)).content.decode()
    with nothing_changes():
        assert client_of(cast.second_approver).get(url).status_code == 403
        assert client_of(cast.second_approver).post(url, {"reason": "Not mine"}).status_code == 403
        refused = client.post(url, {"reason": ""})
    assert refused.status_code == 422
    answer = client.post(url, {"reason": "I read the wrong file."}, follow=True)
    assert "Your decision as Engineering is revoked." in text_of(answer)
    assert "I read the wrong file." in text_of(answer)
    assert "Approve as Engineering" in text_of(answer)


def test_stepping_aside_is_recorded_and_said(cast: Cast) -> None:
    second = make_person("enno", "Enno Engineer")
    grant_seat(
        role_id=cast.seat(MARKET, "engineering").pk, holder=second, actor=cast.administrator, clock=at(days_ago(9))
    )
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    url = address(gate, "recuse/")
    with nothing_changes():
        assert client_of(cast.outsider).get(url).status_code == 403
        assert client_of(cast.outsider).post(url, {"round": 1, "comment": "Why not."}).status_code == 403
        asked = text_of(client_of(second).get(url))
    assert "The quorums can be reached without you." in asked
    answer = client_of(second).post(url, {"round": 1, "comment": "My brother wrote it."}, follow=True)
    assert "You stepped aside for this round." in text_of(answer)
    assert "Stepped aside" in text_of(client_of(cast.approver).get(address(gate)))


def test_withdrawing_asks_first_and_says_who_has_decided(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    approve(cast, gate, "engineering", on=days_ago(2))
    url = address(gate, "withdraw/")
    with nothing_changes():
        asked = client_of(cast.pm).get(url)
        assert client_of(cast.approver).get(url).status_code == 403
        assert client_of(cast.approver).post(url, {"reason": ""}).status_code == 403
    assert "Engineering has approved. The decisions stay in the history." in text_of(asked)
    assert "Withdraw round 1?" in text_of(client_of(cast.pm).get(address(gate)))
    answer = client_of(cast.pm).post(url, {"reason": "Wrong file."}, follow=True)
    assert "Round 1 is withdrawn." in text_of(answer)
    assert "Preparing round 2" in text_of(answer)
    with nothing_changes():
        assert client_of(cast.pm).post(url, {"reason": ""}).status_code == 409


def test_only_an_authority_waives_and_needs_a_reason_of_some_length(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    url = address(gate, "waive/")
    reason, until = "The study would be late.", (day_of(timezone.now()) + timedelta(days=30)).isoformat()
    with nothing_changes():
        assert client_of(cast.pm).get(url).status_code == 403
        assert client_of(cast.pm).post(url, {"reason": reason, "expires_on": until}).status_code == 403
        short = client_of(cast.executive).post(url, {"reason": "Too short", "expires_on": until})
        past = client_of(cast.executive).post(url, {"reason": reason, "expires_on": "2020-01-01"})
    assert (short.status_code, past.status_code) == (422, 422)
    assert "at least 20 characters" in text_of(short)
    assert ">\nToo short</textarea>" in short.content.decode()
    assert url in client_of(cast.executive).get(address(gate)).content.decode()
    assert url not in client_of(cast.pm).get(address(gate)).content.decode()
    answer = client_of(cast.executive).post(url, {"reason": reason, "expires_on": until}, follow=True)
    assert "Waived, not approved" in text_of(answer)
    assert reason in text_of(answer)


# --- The record ---------------------------------------------------------------------------------------------------


def test_the_record_shows_decisions_evidence_conditions_and_the_slip(cast: Cast) -> None:
    release = release_of_today(cast, began=40)
    gate = market_of(release)
    fill(cast, gate, on=days_ago(39), text="The case in short.")
    record_all_misses(day(days_ago(8)), clock=at(days_ago(8)))
    submit(cast, gate, on=days_ago(7))
    condition = NewCondition("Ask two more customers", cast.pm, day(days_ago(-20)))
    approve(cast, gate, "engineering", on=days_ago(6), comment="Good.", conditions=(condition,))
    approve(cast, gate, "sales", on=days_ago(5))
    page = text_of(client_of(cast.outsider).get(address(gate)))
    assert "Approved with conditions" in page
    assert "The case in short." in page
    assert "Ask two more customers" in page
    assert "settled by late approval" in page
    assert "+5 days" in page
    assert "5 days late" in page


def test_the_page_says_what_waiving_a_missed_gate_moves(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    url = address(gate, "waive/")
    assert "It settles the slip" not in text_of(client_of(cast.executive).get(url))
    due_on = day_of(timezone.now()) - timedelta(days=3)
    Gate.objects.filter(pk=gate.pk).update(due_on=due_on, sweep_on=due_on)
    page = text_of(client_of(cast.executive).get(url))
    assert "It settles the slip of 3 days: later dates that are not pinned and the target move by 3 days." in page


def test_an_expired_waiver_is_shown_as_an_open_debt(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    waive(cast, gate, on=days_ago(15), until=days_ago(10))
    expire_waivers(day(days_ago(9)), clock=at(days_ago(9)))
    page = text_of(client_of(cast.outsider).get(address(gate)))
    assert "Waiver expired" in page
    assert "open debt" in page


def test_a_revoked_decision_stays_readable(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(4))
    decision = approve(cast, gate, "engineering", on=days_ago(3), comment="First thought.")
    revoke_decision(decision_id=decision.pk, actor=cast.approver, reason="Second thought.", clock=at(days_ago(2)))
    page = text_of(client_of(cast.outsider).get(address(gate)))
    assert "First thought." in page
    assert "Second thought." in page
    assert "0 of 1 needed" in page


# --- What changed -------------------------------------------------------------------------------------------------


def test_the_second_round_shows_the_decliners_words_and_each_change(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(6), text="The freeze is on 22 January and holds.")
    submit(cast, gate, on=days_ago(5))
    decline(cast, gate, "engineering", on=days_ago(4), comment="Too late.")
    save_evidence(
        deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text="The freeze is on 8 January and holds.",
        expected_version=1, clock=at(days_ago(3)),
    )  # fmt: skip
    submit(cast, gate, on=days_ago(2))
    html = client_of(cast.approver).get(address(gate)).content.decode()
    assert "You declined round 1" in html
    assert "“Too late.”" in html
    assert "<del>22</del>" in html
    assert "<ins>8</ins>" in html
    assert html.index("Too late.") < html.index("<del>22</del>") < html.index('id="evidence"')


# --- The poll of the roles ----------------------------------------------------------------------------------------


def test_the_roles_are_asked_for_again_only_when_something_changed(cast: Cast) -> None:
    release = release_of_today(cast)
    gate = market_of(release)
    submit(cast, gate, on=days_ago(3))
    client = client_of(cast.approver)
    revision = fresh(release).revision
    poll = f"{address(gate)}?part=roles&round=1&revision="
    assert client.get(f"{poll}{revision}").status_code == 204
    decline(cast, gate, "sales", on=days_ago(2))
    changed = client.get(f"{poll}{revision}")
    assert changed.status_code == 200
    assert "Round 1 is over." in text_of(changed)
    assert "<html" not in changed.content.decode()


# --- Recorded history ---------------------------------------------------------------------------------------------

HISTORY = """product,release,milestone_position,milestone,planned_date_baseline,planned_date_current,actual_date,source
Old Router,3.1,1,3.1 beta,2019-01-10,2019-01-20,2019-01-22,https://history.example/beta
Old Router,3.1,2,3.1 final,2019-03-01,2019-03-15,,<b>mail</b>
"""


def test_a_recorded_milestone_shows_its_dates_its_move_and_its_source(cast: Cast) -> None:
    import_releases(table=read_releases(BytesIO(HISTORY.encode())))
    client = client_of(cast.outsider)
    page = client.get("/releases/old-router/3.1/gates/beta/")
    text = text_of(page)
    assert "Recorded history: it happened elsewhere" in text
    assert "Thu 10 Jan 2019" in text
    assert "Sun 20 Jan 2019" in text
    assert "Tue 22 Jan 2019" in text
    assert "2 days after the plan" in text
    assert "+12 days" in text
    assert 'href="https://history.example/beta"' in page.content.decode()
    open_end = client.get("/releases/old-router/3.1/gates/final/")
    assert "Not recorded" in text_of(open_end)
    assert "<b>mail</b>" not in open_end.content.decode()
    assert client.get("/releases/old-router/3.1/gates/beta/rounds/").status_code == 404
    with nothing_changes():
        for rest in ("submit/", "decide/", "withdraw/", "waive/", "recuse/"):
            refused = client_of(cast.administrator).post(f"/releases/old-router/3.1/gates/beta/{rest}", {})
            assert refused.status_code == 404, rest


# --- Addresses ----------------------------------------------------------------------------------------------------


def test_nothing_else_is_found_under_a_gates_address(cast: Cast) -> None:
    release = release_of_today(cast)
    gate = market_of(release)
    submission = submit(cast, gate, on=days_ago(3))
    decision = approve(cast, gate, "engineering", on=days_ago(2))
    client = client_of(cast.pm)
    other = gate_of(release, COMPLETENESS)
    for url in (
        f"/releases/router/1.0/gates/{'no-such-gate'}/",
        f"/releases/router/9.9/gates/{MARKET}/",
        address(other, f"rounds/{submission.number}/"),
        address(other, f"decisions/{decision.pk}/revoke/"),
        address(other, "evidence/brief/"),
        address(gate, "rounds/2/"),
        address(gate, "evidence/brief/1/"),
    ):
        assert client.get(url).status_code == 404, url


def test_a_restricted_product_hides_every_address_of_its_gates(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    decision = approve(cast, gate, "engineering", on=days_ago(2))
    change_product(
        product=cast.product, name="Router", description="", owner=cast.pm, is_restricted=True,
        actor=cast.administrator, clock=at(days_ago(1)),
    )  # fmt: skip
    outsider = client_of(cast.outsider)
    with nothing_changes():
        for rest in ("", "withdraw/", "recuse/", "waive/", f"decisions/{decision.pk}/revoke/", "rounds/", "rounds/1/",
                     "evidence/brief/", "evidence/brief/1/"):  # fmt: skip
            assert outsider.get(address(gate, rest)).status_code == 404, rest
        for rest in ("submit/", "decide/", "withdraw/", "recuse/", "waive/", f"decisions/{decision.pk}/revoke/",
                     "evidence/brief/", "evidence/brief/remove/", "evidence/brief/1/restore/"):  # fmt: skip
            assert outsider.post(address(gate, rest), {}).status_code == 404, rest


def test_reading_changes_nothing(cast: Cast) -> None:
    gate = market_of(release_of_today(cast, began=35))
    submit(cast, gate, on=days_ago(33))
    approve(cast, gate, "engineering", on=days_ago(32))
    with nothing_changes():
        for person in (cast.pm, cast.approver, cast.second_approver, cast.executive, cast.administrator):
            for rest in ("", "?part=roles", "rounds/", "rounds/1/", "withdraw/", "waive/", "recuse/"):
                client_of(person).get(address(gate, rest))


# --- Queries ------------------------------------------------------------------------------------------------------


def queries_of(person: object, url: str) -> int:
    client = client_of(person)  # type: ignore[arg-type]
    client.get(url)
    with CaptureQueriesContext(
        connection,
    ) as found:
        assert client.get(url).status_code == 200
    return len(found)


def test_the_number_of_queries_does_not_grow_with_rounds_decisions_or_versions(cast: Cast) -> None:
    release = release_of_today(cast)
    gate = market_of(release)
    submit(cast, gate, on=days_ago(18))
    decline(cast, gate, "engineering", on=days_ago(18))
    submit(cast, gate, on=days_ago(17))
    approve(cast, gate, "sales", on=days_ago(17))
    people = (cast.pm, cast.approver, cast.outsider)
    few = [queries_of(person, address(gate)) for person in people]
    for number in range(3, 9):
        decline(cast, gate, "engineering", on=days_ago(16), comment="Again." * number)
        for version in range(3):
            save_evidence(
                deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text=f"Version {number}.{version}",
                clock=at(days_ago(16)),
            )  # fmt: skip
        submit(cast, gate, on=days_ago(16))
        decision = decide(cast, gate, "sales", "approve", on=days_ago(16))
        revoke_decision(decision_id=decision.pk, actor=cast.second_approver, reason="Hm.", clock=at(days_ago(16)))
        decide(cast, gate, "sales", "approve", on=days_ago(16))
    many = [queries_of(person, address(gate)) for person in people]
    assert many == few
    assert max(many) <= 37


def test_preparing_costs_the_same_for_any_number_of_versions(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(18))
    few = queries_of(cast.pm, address(gate))
    for number in range(12):
        save_evidence(
            deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text=f"Version {number}", clock=at(days_ago(17))
        )
    assert Evidence.objects.count() == 14
    assert queries_of(cast.pm, address(gate)) == few


def test_a_passed_gate_names_the_gate_that_follows_in_its_place(cast: Cast) -> None:
    release = release_of_today(cast)
    pass_gate(cast, market_of(release), on=days_ago(10))
    following = client_of(cast.pm).get(address(gate_of(release, COMPLETENESS)))
    assert "Preparing round 1" in text_of(following)
    assert "Gate 2 of 4" in text_of(following)


def test_a_recusal_that_breaks_the_quorum_is_seen_by_the_pm(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    before = client_of(cast.approver).get(address(gate))
    assert "Engineering cannot reach its quorum then: the product manager" in text_of(before)
    assert before.content.decode().count('popovertarget="recuse">Step aside') == 2  # the card, and the phone
    recuse(gate_id=gate.pk, round_number=1, actor=cast.approver, comment="My own plan.", clock=at(days_ago(2)))
    page = text_of(client_of(cast.pm).get(address(gate)))
    assert "Engineering cannot reach its quorum: 1 of 1 seats stepped aside." in page
    assert re.search(r"Whose turn: Engineering and Sales , since [^.]+\. Engineering cannot reach its quorum\.", page)
