"""All verbs of rounds in any order, against a plain-Python model that shares no code with the engine.

After each step the two agree on the state, round and due day of every gate, the slips, the open conditions, whose
decision would count in which role and for whom, and on what the pages would offer to one person. A verb that the model
forbids is refused and leaves no event. `STATE_MACHINE=200x50` tries so many stories of so many steps.
"""

import os
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from approvals import status
from approvals.actions.decisions import NewCondition, close_condition, record_decision, recuse, revoke_decision
from approvals.actions.delegations import end_delegation, make_delegation
from approvals.actions.evidence import remove_evidence, save_evidence
from approvals.actions.exceptions import grant_exception
from approvals.actions.files import begin_upload, finish_upload, receive_piece
from approvals.actions.people import add_to_group, deactivate_person, reactivate_person, remove_from_group
from approvals.actions.rounds import submit_evidence, waive_gate, withdraw_submission
from approvals.actions.seats import grant_seat, prepare_seats, revoke_seat
from approvals.facts import load_facts
from approvals.invariants import check_evidence, check_gates
from approvals.models import ApproverRole, Condition, Decision, Delegation, Deliverable
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import DomainError
from releases.events import verify_streams
from releases.invariants import check_releases
from releases.models import Event, Gate, Release, Slip
from tests.approvals.model import Model
from tests.cast import Cast, active_release, at, day, make_person, make_playbook

EXAMPLES, STEPS = map(int, os.environ.get("STATE_MACHINE", "6x35").split("x"))
WHY = "A reason that is long enough to be one."

# (key, due day, {role: (quorum, order)}, {deliverable: required})
GATES: list[tuple[Any, ...]] = [
    ("scope", 15, {"engineering": (1, 1), "sales": (1, 1)}, {"brief": True, "sketch": False}),
    ("build", 30, {"engineering": (2, 1), "quality": ("all", 2)}, {"plan": True}),
    ("ready", 45, {"engineering": (1, 1), "quality": (1, 1), "sales": ("all", 3)}, {"runbook": True, "training": True}),
]
TARGET = 60
PEOPLE = ["petra", "quinn", "erik", "erin", "sara", "carl", "otto", "eva"]
SEATS = {
    ("scope", "engineering"): {"erik", "carl"},
    ("scope", "sales"): set(),
    ("build", "engineering"): {"erik", "erin", "carl"},
    ("build", "quality"): {"otto", "sara"},
    ("ready", "engineering"): {"erin", "eva"},
    ("ready", "quality"): {"erin", "otto"},
    ("ready", "sales"): {"quinn"},
}
GROUP_SEATS = {("scope", "sales"), ("ready", "sales")}
PLAYBOOK = {
    "slug": "machine",
    "name": "Machine",
    "gates": [
        {
            "key": key, "name": key.title(), "offset_days": due - TARGET,
            "roles": [{"key": r, "name": r.title(), "quorum": n, "order": order} for r, (n, order) in roles.items()],
            "deliverables": [{"key": t, "name": t.title(), "required": required} for t, required in things.items()],
        }
        for key, due, roles, things in GATES
    ],
}  # fmt: skip


class Rounds(RuleBasedStateMachine):
    """One release on its way; every example begins with the same people and is rolled back at its end."""

    cast: Cast
    release: Release
    seen: Counter[Any]

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.people = {user.username: user for user in User.objects.all()}
        self.gate_ids = {gate.key: gate.pk for gate in self.release.gates.all()}
        self.role_ids = {(r.gate_key, r.key): r.pk for r in ApproverRole.objects.filter(gate_key__in=self.gate_ids)}
        self.things = {(thing.gate.key, thing.key): thing.pk for thing in Deliverable.objects.select_related("gate")}
        self.decisions: dict[int, int] = {}
        self.steps = 0
        self.model = Model(
            GATES, TARGET, set(PEOPLE), manages={"petra", "quinn"}, contributes={"carl"}, waives={"eva"},
            seats=SEATS, group={"sara"}, group_seats=GROUP_SEATS,
        )  # fmt: skip

    def teardown(self) -> None:
        try:
            found = [*check_releases(), *check_gates(), *check_evidence(), *verify_streams()]
            assert found == []
        finally:
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)

    # --- How a step is drawn and tried

    def draw(self, data: st.DataObject, good: Collection[Any], everything: Collection[Any]) -> Any:
        """Mostly what is allowed now, sometimes anything."""
        pool = good if good and data.draw(st.integers(0, 4)) else everything
        return data.draw(st.sampled_from(sorted(pool)))

    def person(self, data: st.DataObject, may: Callable[[str], Any]) -> str:
        return self.draw(data, [one for one in PEOPLE if may(one)], PEOPLE)

    def gate(self, data: st.DataObject) -> str:
        current = self.model.current()
        return self.draw(data, [current] if current else [], list(self.gate_ids))

    def attempt(self, is_allowed: bool, verb: Callable[..., Any], *, meets: Collection[Any] = (), **words: Any) -> Any:
        """Call a verb: it is refused exactly when the model says so, and then leaves nothing behind.

        `meets` are the seats of a change of people: it records a miss when the current gate needs one of them.
        """
        before = Event.objects.count()
        self.seen[verb.__name__, is_allowed] += 1
        try:
            found = verb(clock=at(self.model.day), **words)
        except DomainError as error:
            found = error
        if isinstance(found, DomainError):
            assert not is_allowed, f"refused, and the model allows it: {found.message}"
            assert Event.objects.count() == before
            return None
        assert is_allowed, f"the model forbids {verb.__name__}"
        if not meets or self.model.current() in {gate for gate, _role in meets}:
            self.model.record_miss()
        return found

    # --- Evidence

    def missing(self) -> list[tuple[str, str]]:
        return [thing for thing in self.things if thing[0] == self.model.current() and thing not in self.model.supplied]

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        gate, thing = self.draw(data, self.missing(), self.things)
        self.supply(self.person(data, lambda one: self.model.may_edit(one, gate)), gate, thing)

    def supply(self, who: str, gate: str, thing: str) -> None:
        is_allowed = self.model.may_edit(who, gate)
        self.attempt(
            is_allowed, save_evidence, deliverable_id=self.things[gate, thing], actor=self.people[who], kind="text",
            text="What we found.",
        )  # fmt: skip
        if is_allowed:
            self.model.write(who, gate, thing, True)

    @rule(data=st.data(), is_whole=st.booleans())
    def upload(self, data: st.DataObject, is_whole: bool) -> None:
        gate, thing = self.draw(data, self.missing(), self.things)
        who = self.person(data, lambda one: self.model.may_edit(one, gate))
        is_allowed, actor, spot = self.model.may_edit(who, gate), self.people[who], self.things[gate, thing]

        def in_pieces(**words: Any) -> None:
            begun = begin_upload(deliverable_id=spot, actor=actor, name="plan.pdf", size=8, **words)
            for offset, piece in ((0, b"%PDF"), (4, b"-1.7")):
                receive_piece(upload_id=begun.pk, actor=actor, offset=offset, data=piece, **words)
            finish_upload(upload_id=begun.pk, actor=actor, **words)
            save_evidence(deliverable_id=spot, actor=actor, kind="file", received=[begun.pk], **words)

        if is_whole:
            one = SimpleUploadedFile("plan.txt", b"A plan.")
            self.attempt(is_allowed, save_evidence, deliverable_id=spot, actor=actor, kind="file", uploads=[one])
        else:
            self.attempt(is_allowed, in_pieces)
        if is_allowed:
            self.model.write(who, gate, thing, True)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        gate, thing = self.draw(data, self.model.supplied, self.things)
        who = self.person(data, lambda one: self.model.may_edit(one, gate))
        is_allowed = self.model.may_edit(who, gate) and (gate, thing) in self.model.supplied
        self.attempt(is_allowed, remove_evidence, deliverable_id=self.things[gate, thing], actor=self.people[who])
        if is_allowed:
            self.model.write(who, gate, thing, False)

    # --- Rounds

    @rule(data=st.data())
    def submit(self, data: st.DataObject) -> None:
        gate = self.gate(data)
        self.put(self.person(data, lambda one: self.model.may_submit(one, gate)), gate)

    def put(self, who: str, gate: str) -> None:
        is_allowed = self.model.may_submit(who, gate)
        self.attempt(is_allowed, submit_evidence, gate_id=self.gate_ids[gate], actor=self.people[who])
        if is_allowed:
            self.model.submit(who, gate)

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        gate = self.gate(data)
        who = self.person(data, lambda one: one in self.model.manages)
        is_allowed = who in self.model.active & self.model.manages and self.model.gates[gate]["state"] == "in_review"
        self.attempt(is_allowed, withdraw_submission, gate_id=self.gate_ids[gate], actor=self.people[who])
        if is_allowed:
            self.model.end_round(gate, "open")

    @rule(data=st.data(), verdict=st.sampled_from(["approve"] * 6 + ["decline"]), has_condition=st.booleans())
    def decide(self, data: st.DataObject, verdict: str, has_condition: bool) -> None:
        gate = self.gate(data)
        pairs = [(one, role) for one in PEOPLE for role in self.model.gates[gate]["roles"]]
        who, role = self.draw(data, [pair for pair in pairs if self.model.may_vote(pair[0], gate, pair[1])], pairs)
        is_stale = data.draw(st.integers(0, 9)) == 0
        number = self.model.gates[gate]["round"] - is_stale
        condition = None
        if has_condition and verdict == "approve":
            owner, due = data.draw(st.sampled_from(PEOPLE)), self.model.day + data.draw(st.integers(0, 20))
            condition = {"owner": owner, "due": due}
        self.vote(who, gate, role, verdict, number, condition)

    def vote(
        self, who: str, gate: str, role: str, verdict: str, number: int, condition: dict[str, Any] | None = None
    ) -> None:
        is_fresh = number == self.model.gates[gate]["round"]
        is_allowed = is_fresh and self.model.may_vote(who, gate, role) is not None
        if condition and condition["owner"] not in self.model.active:
            is_allowed = False
        decision = self.attempt(
            is_allowed, record_decision, gate_id=self.gate_ids[gate], round_number=number, role_key=role,
            actor=self.people[who], verdict=verdict, comment="Because.",
            conditions=[NewCondition("Mend it.", self.people[condition["owner"]], day(condition["due"]))]
            if condition else (),
        )  # fmt: skip
        if is_allowed:
            self.seen["votes for somebody else"] += self.model.may_vote(who, gate, role) != who
            self.model.vote(who, gate, role, verdict, condition)
            self.decisions[self.model.votes_cast] = decision.pk

    @precondition(lambda self: self.model.current())
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """What brings the release on, so that stories come to later gates."""
        gate = self.model.current()
        assert gate is not None
        if self.model.gates[gate]["state"] == "in_review":
            pairs = [(one, role) for one in PEOPLE for role in self.model.missing()]
            if able := [pair for pair in pairs if self.model.may_vote(pair[0], gate, pair[1])]:
                others = [(one, role) for one, role in able if self.model.may_vote(one, gate, role) != one]
                who, role = data.draw(st.sampled_from(others or able))
                self.vote(who, gate, role, "approve", self.model.gates[gate]["round"])
            return
        for _gate, thing in self.missing():
            if able := [one for one in PEOPLE if self.model.may_edit(one, gate)]:
                self.supply(data.draw(st.sampled_from(able)), gate, thing)
        self.put(self.person(data, lambda one: self.model.may_submit(one, gate)), gate)

    @precondition(lambda self: self.model.current())
    @rule(data=st.data())
    def go_on_again(self, data: st.DataObject) -> None:
        """As likely as two other steps."""
        self.go_on(data)

    @precondition(lambda self: self.decisions)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        gate = self.model.current()
        is_open = gate is not None and self.model.gates[gate]["state"] == "in_review"
        standing = {v["n"]: v for v in self.model.round["votes"]} if is_open else {}
        number = self.draw(data, list(standing), list(self.decisions))
        by = Decision.objects.select_related("decided_by").get(pk=self.decisions[number]).decided_by.username
        who = self.person(data, lambda one: one == by)
        is_allowed = number in standing and who == by and who in self.model.active
        self.attempt(
            is_allowed,
            revoke_decision,
            decision_id=self.decisions[number],
            actor=self.people[who],
            reason="Second thoughts.",
        )
        if is_allowed:
            self.model.revoke(standing[number])

    @rule(data=st.data())
    def step_aside(self, data: st.DataObject) -> None:
        gate = self.gate(data)
        away = {absence["person"] for absence in self.model.absences() if absence["deputy"]}
        able = [one for one in PEOPLE if self.model.may_recuse(one, gate)]
        who = self.draw(data, [one for one in able if one in away] or able, PEOPLE)
        is_allowed = self.model.may_recuse(who, gate)
        self.attempt(
            is_allowed, recuse, gate_id=self.gate_ids[gate], round_number=self.model.gates[gate]["round"],
            actor=self.people[who], comment="My brother works there.",
        )  # fmt: skip
        if is_allowed:
            self.model.round["aside"].add(who)

    @rule(data=st.data(), days=st.integers(0, 40), is_meant=st.integers(0, 3))
    def waive(self, data: st.DataObject, days: int, is_meant: int) -> None:
        if is_meant:
            return  # a way out that is open at most times: stories would be over before there is a decision
        gate = self.gate(data)
        who = self.person(data, lambda one: self.model.may_waive(one, gate))
        is_allowed = self.model.may_waive(who, gate) and self.model.gates[gate]["state"] in status.WAIVABLE and days > 0
        self.attempt(
            is_allowed, waive_gate, gate_id=self.gate_ids[gate], actor=self.people[who], reason=WHY,
            expires_on=day(self.model.day + days),
        )  # fmt: skip
        if is_allowed:
            self.model.end_round(gate, "waived")
            self.model.waived[gate] = self.model.day + days
            self.model.pass_on(gate)

    @rule(data=st.data(), days=st.integers(1, 20))
    def excuse(self, data: st.DataObject, days: int) -> None:
        gate, thing = self.draw(data, self.missing(), self.things)
        who = self.person(data, lambda one: self.model.may_except(one, gate, thing))
        is_allowed = self.model.may_except(who, gate, thing)
        self.attempt(
            is_allowed, grant_exception, gate_id=self.gate_ids[gate], kind="deliverable", subject=thing,
            actor=self.people[who], reason=WHY, expires_on=day(self.model.day + days),
        )  # fmt: skip
        if is_allowed:
            self.model.excused[gate, thing] = self.model.day + days

    @precondition(lambda self: self.model.conditions)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        numbers = range(len(self.model.conditions))
        number = self.draw(data, [n for n in numbers if self.model.conditions[n]["open"]], numbers)
        condition = self.model.conditions[number]
        who = self.person(data, lambda one: one == condition["owner"] or one in self.model.manages)
        may = who in self.model.active and (who == condition["owner"] or who in self.model.manages)
        pk = Condition.objects.order_by("pk").values_list("pk", flat=True)[number]
        is_allowed = may and condition["open"]
        self.attempt(is_allowed, close_condition, condition_id=pk, actor=self.people[who], note="Mended.")
        if is_allowed:
            condition["open"] = False

    # --- People

    @rule(data=st.data())
    def give_seat(self, data: st.DataObject) -> None:
        seat, who = data.draw(st.sampled_from(sorted(SEATS))), data.draw(st.sampled_from(PEOPLE))
        is_allowed, is_new = who in self.model.active, who not in self.model.seats[seat]
        words = {"role_id": self.role_ids[seat], "holder": self.people[who], "actor": self.cast.administrator}
        self.attempt(is_allowed, grant_seat, meets=[seat if is_new else ("", "")], **words)
        if is_allowed:
            self.model.seats[seat].add(who)

    @rule(data=st.data(), is_confirmed=st.booleans())
    def take_seat(self, data: st.DataObject, is_confirmed: bool) -> None:
        pairs = [(seat, who) for seat in SEATS for who in PEOPLE]
        seat, who = self.draw(data, [pair for pair in pairs if pair[1] in self.model.seats[pair[0]]], pairs)
        is_held = who in self.model.seats[seat]
        strands = is_held and self.strands(
            lambda: self.model.seats[seat].discard(who), lambda: self.model.seats[seat].add(who)
        )
        is_allowed = is_held and (is_confirmed or not strands)
        self.attempt(
            is_allowed, revoke_seat, meets=[seat], role_id=self.role_ids[seat], holder=self.people[who],
            actor=self.cast.administrator, is_confirmed=is_confirmed,
        )  # fmt: skip
        if is_allowed:
            self.model.seats[seat].discard(who)

    def strands(self, do: Callable[[], object], undo: Callable[[], object]) -> bool:
        """Whether an open round that could reach its quorums could not any more."""
        gate = self.model.current()
        if gate is None or self.model.gates[gate]["state"] != "in_review" or self.model.is_stuck(gate):
            return False
        do()
        found = self.model.is_stuck(gate)
        undo()
        return found

    @rule(data=st.data())
    def change_group(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(PEOPLE))
        words = {"group": self.cast.sales_group, "person": self.people[who], "actor": self.cast.administrator}
        if who in self.model.group:
            self.attempt(True, remove_from_group, meets=GROUP_SEATS, is_confirmed=True, **words)
            self.model.group.discard(who)
        else:
            is_allowed = who in self.model.active
            self.attempt(is_allowed, add_to_group, meets=GROUP_SEATS, **words)
            if is_allowed:
                self.model.group.add(who)

    @rule(data=st.data())
    def turn_off_or_on(self, data: st.DataObject) -> None:
        who = self.person(data, lambda one: one not in self.model.active)
        is_active = who in self.model.active
        around = [
            a
            for a in self.model.away
            if not a["over"] and who in (a["person"], a["deputy"]) and a["last"] >= self.model.day
        ]
        people = {who} | ({p for a in around for p in (a["person"], a["deputy"]) if p} if is_active else set())
        meets = {seat for one in people for seat in self.model.seats_of(one)} or {("", "")}
        verb = deactivate_person if is_active else reactivate_person
        self.attempt(True, verb, meets=meets, person=self.people[who], actor=self.cast.administrator)
        self.people[who] = User.objects.get(username=who)
        if is_active:
            self.model.active.discard(who)
            self.model.end_absences(who)
        else:
            self.model.active.add(who)

    @rule(data=st.data(), wait=st.sampled_from([0, 0, 0, 1, 3]), days=st.integers(0, 19))
    def go_away(self, data: st.DataObject, wait: int, days: int) -> None:
        gate = self.model.current() or "scope"
        roles = self.model.gates[gate]["roles"]
        who = self.person(data, lambda one: any(one in self.model.sits(gate, role) for role in roles))
        party = self.model.party(gate)
        deputy = self.draw(data, [one for one in PEOPLE if one not in party and one != who], ["", *PEOPLE]) or None
        first = self.model.day + wait
        last = first + days
        is_allowed = self.model.may_be_away(who, deputy, first, last)
        seats = self.model.seats_of(who) | (self.model.seats_of(deputy) if deputy else set())
        self.attempt(
            is_allowed, make_delegation, meets=seats if seats and first == self.model.day else {("", "")},
            person=self.people[who], actor=self.people[who], delegate=self.people[deputy] if deputy else None,
            starts_on=day(first), ends_on=day(last),
        )  # fmt: skip
        if is_allowed:
            self.model.away.append({"person": who, "deputy": deputy, "first": first, "last": last, "over": False})

    @precondition(lambda self: self.model.away)
    @rule(data=st.data())
    def come_back(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.model.away) - 1))
        absence = self.model.away[number]
        who = absence["person"]
        is_allowed = who in self.model.active and not absence["over"] and absence["last"] >= self.model.day
        people = [who, *([absence["deputy"]] if absence["deputy"] else [])]
        meets = {seat for one in people for seat in self.model.seats_of(one)} or {("", "")}
        pk = Delegation.objects.order_by("pk").values_list("pk", flat=True)[number]
        self.attempt(is_allowed, end_delegation, meets=meets, delegation_id=pk, actor=self.people[who])
        if is_allowed:
            absence["over"] = True

    # --- Time

    @rule(days=st.integers(1, 12), is_swept=st.booleans())
    def clock(self, days: int, is_swept: bool) -> None:
        self.model.day += days
        if is_swept:
            self.sweep()

    @rule()
    def sweep(self) -> None:
        sweep(clock=at(self.model.day))
        self.model.record_miss()
        self.model.expired |= {gate for gate, last in self.model.waived.items() if last < self.model.day}
        stored = Release.objects.get(pk=self.release.pk)
        current = self.model.current()
        assert stored.is_quorum_unreachable == (current is not None and self.model.is_stuck(current))
        expired = Gate.objects.filter(release=self.release, is_waiver_expired=True)
        assert set(expired.values_list("key", flat=True)) == self.model.expired

    # --- What has to be the same

    @invariant()
    def agree(self) -> None:
        model, release = self.model, Release.objects.select_related("product").get(pk=self.release.pk)
        gates = list(release.gates.order_by("position"))
        assert [(g.key, g.state, g.due_on, g.round_number, g.open_conditions) for g in gates] == [
            (
                key,
                gate["state"],
                day(gate["due"]),
                gate["round"],
                sum(c["open"] and c["gate"] == key for c in model.conditions),
            )
            for key, gate in model.gates.items()
        ]
        assert (release.target_on, release.current_gate) == (day(model.target), model.current() or "")
        slips = Slip.objects.filter(release=release).values_list("gate__key", "due_on", "cause", "days")
        assert {(key, due): (cause, days) for key, due, cause, days in slips} == {
            (key, day(due)): (slip["cause"], slip["days"]) for (key, due), slip in model.slips.items()
        }
        self.steps += 1
        self.seen[model.current(), str(model.gates[model.current()]["state"]) if model.current() else ""] += 1
        gate = next((g for g in gates if g.key == model.current()), None)
        if gate is not None:
            facts = load_facts(release, gate, gates, day(model.day))
            self.agree_on_votes(gate.key, facts)
            self.agree_on_offers(gate.key, facts, PEOPLE[self.steps % len(PEOPLE)])

    def agree_on_votes(self, gate: str, facts: Any) -> None:
        """Who may decide in which role, and for whom."""
        if self.model.gates[gate]["state"] != "in_review":
            return
        for who in PEOPLE:
            for row in facts.roles:
                user = self.people[who]
                refusal, whom = status.vote_refusal(facts, user, row.role_id), None
                if refusal is None:
                    seat = status.free_seat(facts, user, row.role_id)
                    assert seat is not None
                    whom = seat.on_behalf_of.username if seat.on_behalf_of else who
                assert whom == self.model.may_vote(who, gate, row.role.key), (who, row.role.key, refusal)

    def agree_on_offers(self, gate: str, facts: Any, who: str) -> None:
        """What a page would offer to one person."""
        model, offered = self.model, status.status_of(facts, self.people[who])
        state = model.gates[gate]["state"]
        empty = [t for g, t in self.things if g == gate and model.may_except(who, gate, t)]
        assert {
            verb: offered.may(verb) for verb in ("edit_evidence", "submit", "withdraw", "recuse", "waive", "except")
        } == {
            "edit_evidence": model.may_edit(who, gate),
            "submit": model.may_submit(who, gate),
            "withdraw": state == "in_review" and who in model.active & model.manages,
            "recuse": model.may_recuse(who, gate),
            "waive": bool(model.may_waive(who, gate)),
            "except": bool(empty),
        }
        assert offered.may("decide") == any(model.may_vote(who, gate, role) for role in model.gates[gate]["roles"])


@pytest.fixture
def story(cast: Cast) -> type[Rounds]:
    """The machine with its people: one more engineer, seats at three gates, and a release at the first."""
    make_person("erin", "Erin Engineer")
    playbook = make_playbook(PLAYBOOK)
    prepare_seats(product=cast.product, playbook=playbook, actor=cast.administrator, clock=at(0))
    for (gate, role), names in SEATS.items():
        for holder in [
            *User.objects.filter(username__in=names),
            *([cast.sales_group] if (gate, role) in GROUP_SEATS else []),
        ]:
            grant_seat(role_id=cast.seat(gate, role).pk, holder=holder, actor=cast.administrator, clock=at(0))
    Rounds.seen = Counter()
    Rounds.cast, Rounds.release = cast, active_release(cast, target=TARGET, playbook=playbook)
    return Rounds


def test_every_story_is_told_the_same_by_the_model(story: type[Rounds]) -> None:
    run_state_machine_as_test(
        story,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            # a shorter story that fails is nice to have, and takes minutes
            phases=[phase for phase in Phase if phase != Phase.shrink or "SHRINK" in os.environ],
        ),
    )
    # what a machine that walks in circles would not come to
    assert story.seen["record_decision", True]
    assert story.seen["record_decision", False]
