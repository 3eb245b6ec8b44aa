"""The rules of rounds once more, in plain Python: what the engine is compared with. It shares no code with it.

People, gates, roles and deliverables are words, days are numbers, everything is dicts and sets, and whether quorums can
be reached is found by trying every way of seating people. Each verb has a question (`may_…`) and a deed.
"""

from typing import Any

PASSED = ("approved", "waived")
EDITABLE = ("upcoming", "open", "declined")
WAIVABLE = ("open", "in_review", "declined")


class Model:
    """One release with its gates in order: (key, due day, {role: (quorum or "all", order)}, {thing: required})."""

    def __init__(self, gates: list[tuple[Any, ...]], target: int, people: set[str], **holds: Any) -> None:
        self.day, self.target, self.votes_cast = 0, target, 0
        self.gates = {
            key: {"state": "upcoming", "due": due, "round": 0, "roles": roles, "things": things, "by": None}
            for key, due, roles, things in gates
        }
        self.gates[gates[0][0]]["state"] = "open"
        self.active = set(people)
        self.manages, self.contributes, self.waives = holds["manages"], holds["contributes"], holds["waives"]
        self.seats = {seat: set(people) for seat, people in holds["seats"].items()}
        self.group, self.group_seats = set(holds["group"]), set(holds["group_seats"])
        self.wrote: dict[tuple[str, str], set[str]] = {}
        self.supplied: set[tuple[str, str]] = set()
        self.round: dict[str, Any] = {}
        self.conditions: list[dict[str, Any]] = []
        self.excused: dict[tuple[str, str], int] = {}
        self.waived: dict[str, int] = {}
        self.expired: set[str] = set()
        self.away: list[dict[str, Any]] = []
        self.slips: dict[tuple[str, int], dict[str, Any]] = {}

    # --- Who is who

    def current(self) -> str | None:
        return next((key for key, gate in self.gates.items() if gate["state"] not in PASSED), None)

    def sits(self, gate: str, role: str) -> set[str]:
        return self.active & (self.seats[gate, role] | (self.group if (gate, role) in self.group_seats else set()))

    def seats_of(self, person: str) -> set[tuple[str, str]]:
        """With those of a deactivated person."""
        direct = {seat for seat, people in self.seats.items() if person in people}
        return direct | (self.group_seats if person in self.group else set())

    def absences(self) -> list[dict[str, Any]]:
        """Those in force today, the earliest first."""
        found = [a for a in self.away if not a["over"] and a["first"] <= self.day <= a["last"]]
        return sorted(found, key=lambda a: a["first"])

    def writers(self, gate: str) -> set[str]:
        """Whoever touched a deliverable that has evidence now."""
        return {
            one for (g, thing), who in self.wrote.items() if g == gate and (g, thing) in self.supplied for one in who
        }

    def party(self, gate: str, submitter: str | None = None) -> set[str]:
        """Who may not judge a gate, with those who stand in for one of them."""
        in_review = self.gates[gate]["state"] == "in_review"
        found = {self.round["by"], *self.round["writers"]} if in_review else self.writers(gate) | {submitter}
        return found | {a["deputy"] for a in self.absences() if a["person"] in found}

    def missing(self) -> dict[str, int]:
        """How many approvals each role of the open round lacks."""
        votes = self.round["votes"]
        found = {r: n - sum(v["role"] == r for v in votes) for r, (n, _order) in self.round["needs"].items()}
        return {role: count for role, count in found.items() if count > 0}

    def candidates(self, gate: str, submitter: str | None = None) -> dict[str, set[str]]:
        out = self.party(gate, submitter)
        if self.gates[gate]["state"] == "in_review":
            out |= self.round["aside"] | {p for v in self.round["votes"] for p in (v["by"], v["for"])}
        return {role: self.sits(gate, role) - out for role in self.gates[gate]["roles"]}

    def needs(self, gate: str, submitter: str | None = None) -> dict[str, tuple[int, int]]:
        found, roles = self.candidates(gate, submitter), self.gates[gate]["roles"]
        return {r: (max(1, len(found[r])) if n == "all" else n, order) for r, (n, order) in roles.items()}

    def is_stuck(self, gate: str, submitter: str | None = None) -> bool:
        """Whether no way of seating different people fills every quorum."""
        in_review = self.gates[gate]["state"] == "in_review"
        lack = self.missing() if in_review else {r: n for r, (n, _o) in self.needs(gate, submitter).items()}
        return not fits([r for r, count in lack.items() for _ in range(count)], self.candidates(gate, submitter))

    # --- May they

    def may_edit(self, person: str, gate: str) -> bool:
        return person in self.active & (self.manages | self.contributes) and self.gates[gate]["state"] in EDITABLE

    def may_submit(self, person: str, gate: str) -> bool:
        things = self.gates[gate]["things"]
        empty = [t for t, required in things.items() if required and (gate, t) not in self.supplied]
        late = any(c["open"] and c["due"] < self.day and self.is_before(c["gate"], gate) for c in self.conditions)
        return (
            person in self.active & self.manages
            and gate == self.current()
            and self.gates[gate]["state"] in ("open", "declined")
            and all(self.excused.get((gate, t), -1) >= self.day for t in empty)
            and not late
            and not self.is_stuck(gate, person)
        )

    def is_before(self, one: str, other: str) -> bool:
        return list(self.gates).index(one) < list(self.gates).index(other)

    def may_vote(self, person: str, gate: str, role: str) -> str | None:
        """For whom a person would decide in a role now: themselves, or somebody whom they stand in for."""
        if not self.is_free(person, gate) or role not in self.round["needs"]:
            return None
        orders = {r: order for r, (_n, order) in self.round["needs"].items()}
        if any(orders[r] < orders[role] for r in self.missing()):
            return None
        sits = self.sits(gate, role)
        if person in sits:
            return person
        spent = self.round["aside"] | {p for v in self.round["votes"] for p in (v["by"], v["for"])}
        principals = [a["person"] for a in self.absences() if a["deputy"] == person and a["person"] in sits - spent]
        return principals[0] if principals else None

    def is_free(self, person: str, gate: str) -> bool:
        """In an open round: neither party to it, nor aside, nor decided already."""
        if self.gates[gate]["state"] != "in_review" or person not in self.active:
            return False
        voted = {p for v in self.round["votes"] for p in (v["by"], v["for"])}
        return person not in self.party(gate) | self.round["aside"] | voted

    def may_recuse(self, person: str, gate: str) -> bool:
        return self.is_free(person, gate) and any(person in self.sits(gate, r) for r in self.gates[gate]["roles"])

    def may_waive(self, person: str, gate: str) -> bool:
        """Leaves the gate's state to the verb: a waiver and an exception ask for different ones."""
        party = self.writers(gate) | {self.gates[gate]["by"]}
        if self.gates[gate]["state"] == "in_review":
            party |= self.round["writers"]
        party |= {a["deputy"] for a in self.absences() if a["person"] in party}
        return person in self.active & self.waives - party

    def may_except(self, person: str, gate: str, thing: str) -> bool:
        is_empty = self.gates[gate]["things"][thing] and (gate, thing) not in self.supplied
        is_new = self.excused.get((gate, thing), -1) < self.day
        return self.may_waive(person, gate) and self.gates[gate]["state"] in EDITABLE and is_empty and is_new

    def may_be_away(self, person: str, deputy: str | None, first: int, last: int) -> bool:
        if person not in self.active or deputy == person or (deputy and deputy not in self.active):
            return False
        links = [a for a in self.away if not a["over"]]
        if any(a["person"] == person and a["first"] <= last and first <= a["last"] for a in links):
            return False
        return not any(self.leads_back(person, deputy, on, links) for on in range(first, last + 1))

    def leads_back(self, person: str, deputy: str | None, on: int, links: list[dict[str, Any]]) -> bool:
        """Whether on one day the stand-in of the stand-in of … is the person."""
        then = {a["person"]: a["deputy"] for a in links if a["first"] <= on <= a["last"]}
        for _step in range(len(then) + 1):
            if deputy == person:
                return True
            deputy = then.get(deputy or "")
        return False

    # --- Deeds

    def record_miss(self) -> None:
        """Before every deed on the release: the due day of the current gate has ended."""
        key = self.current()
        if key is None or self.gates[key]["due"] >= self.day or (key, self.gates[key]["due"]) in self.slips:
            return
        state = self.gates[key]["state"]
        cause = "awaiting_decision" if state == "in_review" else "not_submitted"
        if state == "declined" or self.is_stuck(key):
            cause = "declined" if state == "declined" else "quorum_unreachable"
        self.slips[key, self.gates[key]["due"]] = {"cause": cause, "days": None}

    def write(self, person: str, gate: str, thing: str, is_there: bool) -> None:
        self.wrote.setdefault((gate, thing), set()).add(person)
        (self.supplied.add if is_there else self.supplied.discard)((gate, thing))

    def submit(self, person: str, gate: str) -> None:
        self.round = {"by": person, "needs": self.needs(gate, person), "writers": self.writers(gate)}
        self.round |= {"votes": [], "aside": set()}
        self.gates[gate] |= {"state": "in_review", "by": person, "round": self.gates[gate]["round"] + 1}

    def end_round(self, gate: str, state: str) -> None:
        if self.gates[gate]["state"] == "in_review" and state != "approved":
            for condition in self.conditions:
                condition["open"] &= condition["vote"] not in [v["n"] for v in self.round["votes"]]
        self.gates[gate]["state"] = state

    def vote(self, person: str, gate: str, role: str, verdict: str, condition: dict[str, Any] | None) -> None:
        self.votes_cast += 1
        vote = {"n": self.votes_cast, "by": person, "for": self.may_vote(person, gate, role), "role": role}
        self.round["votes"].append(vote)
        if condition:
            self.conditions.append(condition | {"gate": gate, "open": True, "vote": vote["n"]})
        if verdict == "decline":
            self.end_round(gate, "declined")
        elif not self.missing():
            self.end_round(gate, "approved")
            self.pass_on(gate)

    def revoke(self, vote: dict[str, Any]) -> None:
        self.round["votes"].remove(vote)
        for condition in self.conditions:
            condition["open"] &= condition["vote"] != vote["n"]

    def pass_on(self, gate: str) -> None:
        """Settle the gate's slip, move what comes later, open the next gate."""
        for (key, due), slip in self.slips.items():
            if key == gate and slip["days"] is None:
                slip["days"] = self.day - due
                self.target += slip["days"]
                for later in self.gates:
                    if self.is_before(gate, later):
                        self.gates[later]["due"] += slip["days"]
        if (after := self.current()) is not None:
            self.gates[after]["state"] = "open"

    def end_absences(self, person: str) -> None:
        for absence in self.away:
            if absence["last"] >= self.day and person in (absence["person"], absence["deputy"]):
                absence["over"] = True


def fits(slots: list[str], free: dict[str, set[str]]) -> bool:
    """Whether different people can be put into the slots, by trying every one."""
    if not slots:
        return True
    rest = [(one, {role: people - {one} for role, people in free.items()}) for one in free[slots[0]]]
    return any(fits(slots[1:], others) for _one, others in rest)
