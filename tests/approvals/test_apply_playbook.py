"""A newer version of the playbook on a release that runs."""

import copy
from typing import Any

import pytest

from approvals.actions.evidence import save_evidence
from approvals.actions.playbooks import apply_playbook, newer_version, plan_playbook
from approvals.models import Deliverable, GateRole
from notifications.models import Delivery
from notifications.relay import relay_events
from releases.actions.releases import hold_release
from releases.actions.replan import replan_release
from releases.kinds import EventKind
from releases.models import DateMove, Gate, Playbook, Release
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    READINESS,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    at,
    conflict,
    day,
    decline,
    differences,
    draft_release,
    event_kinds,
    fields_of,
    fresh,
    gate_of,
    last_event,
    make_playbook,
    not_allowed,
    pass_gate,
    refused,
    submit,
)

REASON = "The board asked for a beta."


def version_2(**changes: Any) -> Playbook:
    """The small playbook with some gates changed: by key, fields that are replaced; None drops the gate."""
    spec = copy.deepcopy(SMALL_PLAYBOOK)
    gates = []
    for gate in spec["gates"]:
        change = changes.pop(gate["key"].replace("-", "_"), {})
        if change is not None:
            gates.append(gate | change)
    for place, gate in changes.items():
        gates.insert(int(place.removeprefix("at_")), gate)
    return make_playbook(spec | {"gates": gates, "description": "Another."})


def apply(cast: Cast, release: Release, playbook: Playbook, *, on: int = 5, **options: Any) -> Release:
    return apply_playbook(
        release_id=release.pk, playbook=playbook, actor=cast.pm, reason=REASON, clock=at(on), **options
    )


def keys(release: Release) -> list[str]:
    return list(Gate.objects.filter(release=release).order_by("position").values_list("key", flat=True))


BETA = {
    "key": "beta", "name": "Beta", "offset_days": -20, "signature": True, "roles": [{"key": "sales", "name": "Sales"}],
    "deliverables": [{"key": "plan", "name": "Beta plan"}], "checks": [{"name": "ci/beta", "blocking": True}],
}  # fmt: skip


def test_everything_that_is_not_passed_follows_the_new_version(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET), on=3)
    second = version_2(
        market_opportunity={"name": "Passed already", "roles": [{"key": "sales", "name": "Sales", "quorum": 9}]},
        functional_completeness={
            "name": "Complete", "questions": ["Musts done?"],
            "roles": [{"key": "sales", "name": "Sales", "order": 2}, {"key": "support", "name": "Support"}],
            "deliverables": [{"key": "defects", "name": "Defects", "required": False, "days_before": 4}],
        },
        six_month_assessment=None,
        at_2=BETA,
    )  # fmt: skip
    before = fresh(release).event_number
    apply(cast, release, second)
    assert keys(release) == [MARKET, COMPLETENESS, "beta", READINESS]
    assert fresh(release).playbook_id == second.pk
    first, complete, beta = (gate_of(release, key) for key in (MARKET, COMPLETENESS, "beta"))
    assert (first.name, first.roles.count()) == ("Market Opportunity", 2)
    assert (complete.name, complete.questions, complete.state) == ("Complete", ["Musts done?"], "open")
    rows = GateRole.objects.filter(gate=complete).order_by("position")
    assert [(row.role.key, row.order) for row in rows] == [("sales", 2), ("support", 1)]
    thing = complete.deliverables.get()
    assert (thing.name, thing.is_required, thing.days_before) == ("Defects", False, 4)
    assert (beta.state, beta.due_on, beta.baseline_due_on, beta.needs_signature) == ("upcoming", day(70), day(70), True)
    assert [check.is_blocking for check in beta.checks.all()] == [True]
    assert event_kinds(release, since=before) == [EventKind.PLAYBOOK_APPLIED, EventKind.SEAT_CREATED]
    event = last_event(release, EventKind.PLAYBOOK_APPLIED)
    assert (event.payload["from_version"], event.payload["version"], event.payload["reason"]) == (1, 2, REASON)
    assert ["Gate 3", "Beta is new, due 20 days before the release"] in event.payload["changes"]
    assert event.payload["removed"] == [ASSESSMENT]
    assert [one for one in differences() if "quorum" not in str(one)] == []


def test_the_plan_is_what_is_done(cast: Cast, release: Release) -> None:
    second = version_2(release_readiness={"offset_days": -12, "questions": ["Ready?"]}, at_2=BETA)
    gates = list(release.gates.order_by("position"))
    plan = plan_playbook(fresh(release), gates, second, moves_dates=True, today=day(5))
    apply(cast, release, second, moves_dates=True, mark=plan.mark)
    again = plan_playbook(
        fresh(release), list(release.gates.order_by("position")), second, moves_dates=True, today=day(5)
    )
    assert plan.changes
    assert (again.changes, again.moves, again.removed) == ([], (), ())
    assert again.before == plan.after
    assert differences() == []


def test_a_plan_that_is_not_the_one_that_was_seen_is_not_done(cast: Cast, release: Release) -> None:
    second = version_2(release_readiness={"offset_days": -12})
    gates = list(release.gates.order_by("position"))
    mark = plan_playbook(fresh(release), gates, second, moves_dates=True, today=day(5)).mark
    replan_release(release_id=release.pk, actor=cast.pm, dates={READINESS: day(82)}, reason="Later.", clock=at(4))
    with conflict("plan_changed"):
        apply(cast, release, second, moves_dates=True, mark=mark)


def test_dates_move_only_when_asked_and_through_the_ledger(cast: Cast, release: Release) -> None:
    second = version_2(
        market_opportunity={"offset_days": -61}, release_readiness={"offset_days": -12},
        six_month_assessment={"offset_months": 3},
    )  # fmt: skip
    replan_release(release_id=release.pk, actor=cast.pm, dates={}, pins={ASSESSMENT: True}, reason="x", clock=at(1))
    apply(cast, release, second, moves_dates=True)
    assert (gate_of(release, MARKET).due_on, gate_of(release, READINESS).due_on) == (day(30), day(78))
    move = DateMove.objects.get(release=release)
    assert (move.gate, move.kind, move.reason) == (gate_of(release, READINESS), "replan", REASON)
    assert gate_of(release, ASSESSMENT).offset_months == 6
    assert differences() == []


def test_without_asking_no_date_moves(cast: Cast, release: Release) -> None:
    apply(cast, release, version_2(release_readiness={"offset_days": -12}))
    assert (gate_of(release, READINESS).due_on, gate_of(release, READINESS).offset_days) == (day(80), -10)
    assert not DateMove.objects.filter(release=release).exists()


def test_dates_that_do_not_fit_are_refused(cast: Cast, release: Release) -> None:
    second = version_2(release_readiness={"offset_days": -30})
    with refused("date_in_past") as found:
        apply(cast, release, second, on=65, moves_dates=True)
    assert fields_of(found) == [("moves_dates", "date_in_past")]


def test_evidence_and_ledger_are_never_thrown_away(cast: Cast, release: Release) -> None:
    """A deliverable with evidence stays, optional; so does a gate that was worked on, or has moved."""
    replan_release(release_id=release.pk, actor=cast.pm, dates={READINESS: day(81)}, pins={COMPLETENESS: True},
                   reason="x", clock=at(1))  # fmt: skip
    brief = Deliverable.objects.get(gate=gate_of(release, MARKET), key="brief")
    save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="text", text="What we found.", clock=at(2))
    defects = Deliverable.objects.get(gate=gate_of(release, COMPLETENESS), key="defects")
    save_evidence(deliverable_id=defects.pk, actor=cast.pm, kind="text", text="None.", clock=at(2))
    second = version_2(
        market_opportunity={"deliverables": [{"key": "memo", "name": "Memo"}]},
        functional_completeness=None, release_readiness=None,
    )  # fmt: skip
    plan = plan_playbook(
        fresh(release), list(release.gates.order_by("position")), second, moves_dates=False, today=day(5)
    )
    assert list(plan.notes) == [
        "Market opportunity brief has evidence: it stays at Market Opportunity, optional.",
        "Functional Completeness stays, although version 2 has no such gate: evidence was prepared for it.",
        "Release Readiness stays, although version 2 has no such gate: its date stands on the ledger.",
    ]
    apply(cast, release, second)
    assert keys(release) == [MARKET, COMPLETENESS, READINESS, ASSESSMENT]
    things = Deliverable.objects.filter(gate=gate_of(release, MARKET)).order_by("position")
    assert [(thing.key, thing.is_required) for thing in things] == [("memo", True), ("brief", False)]
    assert brief.versions.count() == 1
    assert differences() == []


def test_a_gate_that_waits_for_a_decision_stops_it_and_its_end_does_not(cast: Cast, release: Release) -> None:
    gate = gate_of(release, MARKET)
    submit(cast, gate, on=2)
    second = version_2(market_opportunity={"roles": [{"key": "engineering", "name": "Engineering"}]})
    with conflict("gate_in_review"):
        apply(cast, release, second)
    decline(cast, gate, "sales", on=4)
    apply(cast, release, second)
    submit(cast, gate, on=6)
    approve(cast, gate, "engineering", on=6)
    assert gate_of(release, MARKET).state == "approved"
    assert differences() == []


def test_gates_before_one_that_has_begun_are_not_added(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET), on=3)
    early = BETA | {"key": "early", "name": "Early", "offset_days": -59}
    apply(cast, release, version_2(at_1=early))
    assert "early" not in keys(release)


def test_a_new_gate_after_the_last_passed_one_is_opened(cast: Cast, release: Release) -> None:
    for key in (MARKET, COMPLETENESS, READINESS):
        pass_gate(cast, gate_of(release, key), on=3)
    apply(cast, release, version_2(at_3=BETA | {"offset_days": -5}))
    assert (gate_of(release, "beta").state, fresh(release).current_gate) == ("open", "beta")
    assert [one for one in differences() if "check_reach" in str(one)] == []


def test_a_draft_takes_the_new_version_and_a_held_release_waits(cast: Cast) -> None:
    draft, held = draft_release(cast, "2.0"), active_release(cast, "3.0")
    hold_release(release_id=held.pk, actor=cast.pm, reason="Strike.", resume_by=day(9), clock=at(1))
    second = version_2(at_2=BETA)
    assert newer_version(draft) == second
    assert apply(cast, draft, second).playbook_id == second.pk
    assert newer_version(fresh(draft)) is None
    assert not draft.gates.exists()
    with conflict("release_not_active"):
        apply(cast, held, second)


def test_who_may_and_what_is_asked_for(cast: Cast, release: Release) -> None:
    second = version_2(at_2=BETA)
    with not_allowed("not_manager"):
        apply_playbook(release_id=release.pk, playbook=second, actor=cast.approver, reason=REASON, clock=at(5))
    with refused("required"):
        apply_playbook(release_id=release.pk, playbook=second, actor=cast.pm, reason=" ", clock=at(5))
    with refused("not_newer"):
        apply(cast, release, cast.playbook)
    other = make_playbook(SMALL_PLAYBOOK | {"slug": "other", "name": "Other"})
    with refused("not_newer"):
        apply(cast, release, other)


def test_those_who_follow_are_told(cast: Cast, release: Release) -> None:
    apply_playbook(
        release_id=release.pk, playbook=version_2(at_2=BETA), actor=cast.second_pm, reason=REASON, clock=at(5)
    )
    relay_events(clock=at(5))
    told = Delivery.objects.filter(notice="playbook_applied")
    assert {(one.recipient, one.channel) for one in told} >= {(cast.pm, "app")}


@pytest.mark.parametrize("quorum", [2, "all"])
def test_a_quorum_that_nobody_can_reach_is_told_at_once(cast: Cast, release: Release, quorum: object) -> None:
    roles = [{"key": "engineering", "name": "Engineering", "quorum": quorum}, {"key": "sales", "name": "Sales"}]
    found = apply(cast, release, version_2(market_opportunity={"roles": roles}))
    assert found.is_quorum_unreachable == (quorum == 2)
    assert differences() == []
