"""Planning a release as a draft, and activating it."""

from datetime import date

import pytest

from approvals.actions.people import save_group
from approvals.models import ApproverRole, Deliverable, GateRole
from approvals.permissions import seat_holders
from releases.actions.products import create_product, save_product_line
from releases.actions.releases import activate_release, change_release, create_release
from releases.kinds import EventKind, GateState, ReleaseState
from releases.models import Gate, Playbook, Release
from releases.rules import cells
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    READINESS,
    SMALL_PLAYBOOK,
    Cast,
    at,
    conflict,
    day,
    draft_release,
    event_kinds,
    fields_of,
    fresh,
    gate_of,
    last_event,
    make_playbook,
    not_allowed,
    refused,
)

pytestmark = pytest.mark.usefixtures("invariants")

KEYS = [MARKET, COMPLETENESS, READINESS, ASSESSMENT]


# --- Drafts -----------------------------------------------------------------------------------------------------


def test_a_draft_has_a_target_but_no_gates_and_no_baseline(cast: Cast) -> None:
    draft = draft_release(cast)
    assert (draft.state, draft.target_on, draft.baseline_on, draft.owner) == ("draft", day(90), None, cast.pm)
    assert not draft.gates.exists()
    assert event_kinds(draft) == [EventKind.RELEASE_CREATED]


@pytest.mark.parametrize("version", ["", " 1.0", "1.0 beta", "-1", ".1", "a/b", "1\n", "x" * 65, "ä1"])
def test_a_version_that_would_not_fit_an_address_is_refused(cast: Cast, version: str) -> None:
    with refused("invalid_release") as found:
        draft_release(cast, version)
    assert fields_of(found) == [("version", "invalid")]


def test_one_version_exists_once_in_a_product_but_again_in_another(cast: Cast) -> None:
    draft_release(cast, "1.0")
    with refused("invalid_release") as found:
        draft_release(cast, "1.0")
    assert fields_of(found) == [("version", "exists")]
    other = create_product(name="Switch", line=cast.line, owner=cast.pm, actor=cast.administrator, clock=at(0))
    create_release(product=other, version="1.0", target_on=day(9), playbook=cast.playbook, actor=cast.pm, clock=at(0))


def test_every_problem_of_a_draft_is_named_at_once(cast: Cast) -> None:
    history = make_playbook(
        {"slug": "past", "name": "Past", "kind": "history", "gates": [{"key": "beta-1", "name": "Beta 1"}]}
    )
    with refused("invalid_release") as found:
        create_release(
            product=cast.product,
            version="no good",
            name="x" * 201,
            target_on=day(-1),
            playbook=history,
            owner=cast.outsider,
            actor=cast.pm,
            clock=at(0),
        )
    assert fields_of(found) == [
        ("version", "invalid"),
        ("target_on", "date_in_past"),
        ("playbook", "invalid"),
        ("name", "too_long"),
        ("owner", "not_manager"),
    ]


@pytest.mark.parametrize(("target", "code"), [(date(2036, 1, 5), None), (date(2036, 1, 6), "date_too_far")])
def test_a_target_lies_at_most_ten_years_ahead(cast: Cast, target: date, code: str | None) -> None:
    words = {"product": cast.product, "version": "9", "playbook": cast.playbook, "actor": cast.pm, "clock": at(0)}
    if code is None:
        assert create_release(target_on=target, **words).target_on == target
    else:
        with refused("invalid_release") as found:
            create_release(target_on=target, **words)
        assert fields_of(found) == [("target_on", code)]


def test_today_is_the_earliest_target(cast: Cast) -> None:
    assert draft_release(cast, target=0).target_on == day(0)


@pytest.mark.parametrize("who", ["approver", "second_approver", "contributor", "outsider", "executive"])
def test_only_managers_and_administrators_plan_and_activate(cast: Cast, who: str) -> None:
    actor = getattr(cast, who)
    with not_allowed("not_manager"):
        create_release(
            product=cast.product, version="2.0", target_on=day(90), playbook=cast.playbook, actor=actor, clock=at(0)
        )
    draft = draft_release(cast)
    with not_allowed("not_manager"):
        activate_release(release_id=draft.pk, actor=actor, clock=at(0))
    with not_allowed("not_manager"):
        change_release(release_id=draft.pk, actor=actor, name="Mine", owner=cast.pm, clock=at(0))


def test_a_drafts_target_can_be_changed_but_a_running_ones_only_by_a_replan(cast: Cast) -> None:
    draft = draft_release(cast)
    changed = change_release(
        release_id=draft.pk, actor=cast.second_pm, name="Faster", owner=cast.second_pm, target_on=day(100), clock=at(1)
    )
    assert (changed.name, changed.owner, changed.target_on) == ("Faster", cast.second_pm, day(100))
    event = last_event(draft, EventKind.RELEASE_CHANGED).payload
    assert (event["before"]["target_on"], event["after"]["target_on"]) == (str(day(90)), str(day(100)))
    activate_release(release_id=draft.pk, actor=cast.pm, clock=at(1))
    with conflict("release_active"):
        change_release(
            release_id=draft.pk, actor=cast.pm, name="Faster", owner=cast.pm, target_on=day(120), clock=at(2)
        )
    assert (
        change_release(release_id=draft.pk, actor=cast.pm, name="Slower", owner=cast.pm, clock=at(2)).name == "Slower"
    )


def test_a_draft_is_not_moved_into_the_past_nor_given_to_a_stranger(cast: Cast) -> None:
    draft = draft_release(cast)
    with refused("date_in_past"):
        change_release(release_id=draft.pk, actor=cast.pm, name="", owner=cast.pm, target_on=day(4), clock=at(5))
    with refused("not_manager"):
        change_release(release_id=draft.pk, actor=cast.pm, name="", owner=cast.outsider, clock=at(5))


# --- Activation -------------------------------------------------------------------------------------------------


def test_activation_copies_the_playbook_freezes_the_baseline_and_opens_the_first_gate(cast: Cast) -> None:
    draft = draft_release(cast)
    active = activate_release(release_id=draft.pk, actor=cast.pm, clock=at(0))
    assert (active.state, active.baseline_on, active.slip_days) == (ReleaseState.ACTIVE, day(90), 0)
    gates = list(active.gates.order_by("position"))
    assert [(g.key, g.state, g.due_on, g.baseline_due_on) for g in gates] == [
        (MARKET, GateState.OPEN, day(30), day(30)),
        (COMPLETENESS, GateState.UPCOMING, day(60), day(60)),
        (READINESS, GateState.UPCOMING, day(80), day(80)),
        (ASSESSMENT, GateState.UPCOMING, date(2026, 10, 5), date(2026, 10, 5)),
    ]
    assert [g.sweep_on for g in gates] == [day(30), None, None, None]
    assert (gates[0].questions, gates[0].informed, gates[0].short_name) == (
        ["Is it worth doing?"],
        ["Support"],
        "Market",
    )
    assert (active.current_gate, active.current_state, active.next_due_on) == (MARKET, "open", day(30))
    assert [(c.key, c.state) for c in cells(active.board)] == [(g.key, g.state) for g in gates]
    assert event_kinds(draft) == [EventKind.RELEASE_CREATED, EventKind.RELEASE_ACTIVATED, EventKind.GATE_OPENED]
    assert last_event(draft, EventKind.GATE_OPENED).payload == {"due_on": str(day(30))}
    assert last_event(draft, EventKind.GATE_OPENED).about == {"product": "router", "version": "1.0", "gate": MARKET}


def test_activation_copies_deliverables_roles_and_quorums(cast: Cast) -> None:
    first = activate_release(release_id=draft_release(cast).pk, actor=cast.pm, clock=at(0)).gates.get(key=MARKET)
    things = Deliverable.objects.filter(gate=first).order_by("position")
    assert [(d.key, d.is_required, d.disciplines) for d in things] == [
        ("brief", True, ["PM"]),
        ("teardown", False, ["TPM"]),
    ]
    roles = GateRole.objects.filter(gate=first).order_by("position").select_related("role")
    assert [(r.role.key, r.quorum) for r in roles] == [("engineering", 1), ("sales", 1)]


def test_a_later_version_of_the_playbook_never_touches_a_running_release(cast: Cast) -> None:
    active = activate_release(release_id=draft_release(cast).pk, actor=cast.pm, clock=at(0))
    later = make_playbook(SMALL_PLAYBOOK | {"gates": SMALL_PLAYBOOK["gates"][1:]})
    assert (later.slug, later.version) == (cast.playbook.slug, 2)
    assert list(active.gates.order_by("position").values_list("key", flat=True)) == KEYS
    assert fresh(active).playbook == cast.playbook
    assert len(Playbook.objects.get(pk=cast.playbook.pk).definition["gates"]) == 4


def test_a_due_date_in_the_past_is_refused_and_the_earliest_release_date_named(cast: Cast) -> None:
    draft = draft_release(cast, target=59)
    with refused("date_in_past") as found:
        activate_release(release_id=draft.pk, actor=cast.pm, clock=at(0))
    assert f"{day(60):%-d %b %Y}" in found.value.message
    assert fields_of(found) == [("target_on", "date_in_past")]
    assert not Gate.objects.filter(release=draft).exists()
    assert not event_kinds(draft, since=1)


def test_the_earliest_release_date_that_is_named_does_fit(cast: Cast) -> None:
    draft = draft_release(cast, target=60)
    active = activate_release(release_id=draft.pk, actor=cast.pm, clock=at(0))
    assert gate_of(active, MARKET).due_on == day(0)


def test_explicit_dates_replace_the_computed_ones(cast: Cast) -> None:
    draft = draft_release(cast, target=40)
    dates = {MARKET: day(5), COMPLETENESS: day(20)}
    active = activate_release(release_id=draft.pk, actor=cast.pm, dates=dates, clock=at(0))
    due = {g.key: (g.due_on, g.baseline_due_on) for g in active.gates.all()}
    assert due[MARKET] == (day(5), day(5))
    assert due[COMPLETENESS] == (day(20), day(20))
    assert due[READINESS] == (day(30), day(30))
    assert active.baseline_on == day(40)


@pytest.mark.parametrize(
    ("dates", "problem"),
    [
        ({MARKET: -1}, (f"dates.{MARKET}", "date_in_past")),
        ({MARKET: 61}, (f"dates.{MARKET}", "dates_out_of_order")),
        ({COMPLETENESS: 29}, (f"dates.{COMPLETENESS}", "dates_out_of_order")),
        ({READINESS: 91}, (f"dates.{READINESS}", "dates_out_of_order")),
        ({ASSESSMENT: 89}, (f"dates.{ASSESSMENT}", "dates_out_of_order")),
        ({"no-such-gate": 30}, ("dates.no-such-gate", "unknown_gate")),
    ],
)
def test_explicit_dates_keep_their_order_and_lie_ahead(
    cast: Cast, dates: dict[str, int], problem: tuple[str, str]
) -> None:
    draft = draft_release(cast)
    with refused(problem[1]) as found:
        activate_release(release_id=draft.pk, actor=cast.pm, dates={k: day(n) for k, n in dates.items()}, clock=at(0))
    assert problem in fields_of(found)
    assert {field for field, _code in fields_of(found)} <= {problem[0], "target_on"}


def test_gates_may_share_a_day(cast: Cast) -> None:
    dates = {MARKET: day(90), COMPLETENESS: day(90), READINESS: day(90)}
    active = activate_release(release_id=draft_release(cast).pk, actor=cast.pm, dates=dates, clock=at(0))
    assert set(active.gates.filter(offset_months=None).values_list("due_on", flat=True)) == {day(90)}


def test_a_draft_whose_target_has_gone_by_is_not_activated(cast: Cast) -> None:
    draft = draft_release(cast)
    dates = {MARKET: day(100), COMPLETENESS: day(100), READINESS: day(100)}
    with refused("date_in_past") as found:
        activate_release(release_id=draft.pk, actor=cast.pm, dates=dates, clock=at(95))
    assert ("target_on", "date_in_past") in fields_of(found)


def test_a_release_is_activated_once(cast: Cast, release: Release) -> None:
    with conflict("wrong_state"):
        activate_release(release_id=release.pk, actor=cast.pm, clock=at(1))


def test_missing_seats_come_from_the_defaults_of_the_product_line(cast: Cast) -> None:
    engineers = save_group(name="Engineers", actor=cast.administrator, clock=at(0))
    line = save_product_line(
        name="Storage", default_seats={"engineering": engineers}, actor=cast.administrator, clock=at(0)
    )
    product = create_product(name="Disk", line=line, owner=cast.pm, actor=cast.administrator, clock=at(0))
    cast.approver.groups.add(engineers)
    draft = create_release(
        product=product, version="1.0", target_on=day(90), playbook=cast.playbook, actor=cast.pm, clock=at(0)
    )
    activate_release(release_id=draft.pk, actor=cast.pm, clock=at(0))
    seats = {(s.gate_key, s.key): s.pk for s in ApproverRole.objects.filter(product=product)}
    assert set(seats) == {(g["key"], r["key"]) for g in SMALL_PLAYBOOK["gates"] for r in g["roles"]}
    held = seat_holders(list(seats.values()))
    assert [(h.user, h.through) for h in held[seats[MARKET, "engineering"]]] == [(cast.approver, "group: Engineers")]
    assert held[seats[MARKET, "sales"]] == []
    created = last_event(draft, EventKind.SEAT_CREATED).payload["seats"]
    assert sorted(map(tuple, created)) == sorted(seats)


def test_seats_that_exist_are_kept_for_the_next_release(cast: Cast, release: Release) -> None:
    before = set(ApproverRole.objects.values_list("pk", flat=True))
    second = activate_release(release_id=draft_release(cast, "2.0").pk, actor=cast.pm, clock=at(0))
    assert set(ApproverRole.objects.values_list("pk", flat=True)) == before
    assert EventKind.SEAT_CREATED not in event_kinds(second)
