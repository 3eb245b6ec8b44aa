"""The cast: named people, a product with its seats and a small playbook, all set up through the real actions.

A test reads like the story it tells: `submit(cast, gate, day=3)`, `approve(cast, gate, "engineering", day=4)`. Days are
counted from `DAY_0`, a Monday; the clock stands still at nine in the morning of the day that a test names.

The small playbook has four gates: market-opportunity (due day 30 of a release with the usual target, day 90),
functional-completeness (day 60), release-readiness (day 80) and six-month-assessment (six months after the release).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.models import Model

from approvals.actions.decisions import NewCondition, record_decision
from approvals.actions.evidence import save_evidence
from approvals.actions.people import add_to_group, create_person, save_group
from approvals.actions.rounds import submit_evidence, waive_gate
from approvals.actions.seats import grant_seat, prepare_seats
from approvals.invariants import check_evidence, check_gates, check_reachability
from approvals.models import ApproverRole, Decision, Deliverable, Evidence, Submission, Waiver
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, fixed_clock
from gatekeeper.common.errors import Conflict, DomainError, NotAllowed, Refused
from releases.actions.products import create_product, grant_product_permission, load_playbook, save_product_line
from releases.actions.releases import activate_release, create_release
from releases.events import verify_streams
from releases.invariants import check_releases
from releases.models import Event, Gate, Playbook, Product, ProductLine, Release
from releases.playbooks import PlaybookSpec, parse_playbook

DAY_0 = date(2026, 1, 5)
TARGET_DAY = 90
PASSWORD = "seven gates stand open"

MARKET = "market-opportunity"
COMPLETENESS = "functional-completeness"
READINESS = "release-readiness"
ASSESSMENT = "six-month-assessment"

ENGINEERING = {"key": "engineering", "name": "Engineering"}
SALES = {"key": "sales", "name": "Sales"}
SMALL_PLAYBOOK: dict[str, Any] = {
    "slug": "small",
    "name": "Small playbook",
    "gates": [
        {
            "key": MARKET, "name": "Market Opportunity", "short_name": "Market", "offset_days": -60,
            "roles": [ENGINEERING, SALES], "informed": ["Support"], "questions": ["Is it worth doing?"],
            "deliverables": [
                {"key": "brief", "name": "Market opportunity brief", "disciplines": ["PM"]},
                {"key": "teardown", "name": "Competitive teardown", "required": False, "disciplines": ["TPM"]},
            ],
        },
        {
            "key": COMPLETENESS, "name": "Functional Completeness", "short_name": "Complete", "offset_days": -30,
            "roles": [ENGINEERING],
            "deliverables": [{"key": "defects", "name": "Defects by severity", "disciplines": ["QA"]}],
        },
        {
            "key": READINESS, "name": "Release Readiness", "short_name": "Ready", "offset_days": -10,
            "roles": [ENGINEERING, SALES],
            "deliverables": [{"key": "runbooks", "name": "Support runbooks", "disciplines": ["SUP"]}],
        },
        {
            "key": ASSESSMENT, "name": "6 Month Assessment", "short_name": "6 months", "offset_months": 6,
            "roles": [SALES],
            "deliverables": [{"key": "lessons", "name": "Lessons", "disciplines": ["PM"]}],
        },
    ],
}  # fmt: skip


def day(number: int) -> date:
    """A calendar day of the story."""
    return DAY_0 + timedelta(days=number)


def moment(number: int, hour: int = 9, minute: int = 0) -> datetime:
    """A moment of a day of the story, in UTC."""
    return datetime.combine(day(number), time(hour, minute), tzinfo=UTC)


def at(number: int, hour: int = 9, minute: int = 0) -> Clock:
    """A clock that stands still on a day of the story."""
    return fixed_clock(moment(number, hour, minute))


@dataclass
class Cast:
    """Who is who. `approver` decides for Engineering (by name), `second_approver` for Sales (through a group)."""

    pm: User
    second_pm: User
    approver: User
    second_approver: User
    contributor: User
    outsider: User
    executive: User
    administrator: User
    sales_group: Group
    line: ProductLine
    product: Product
    playbook: Playbook

    def decider(self, role: str) -> User:
        """The person who decides in a role."""
        return {"engineering": self.approver, "sales": self.second_approver}[role]

    def seat(self, gate_key: str, role: str) -> ApproverRole:
        """A seat of the product."""
        return ApproverRole.objects.get(product=self.product, gate_key=gate_key, key=role)


def make_person(username: str, full_name: str, *, title: str = "", permissions: tuple[str, ...] = ()) -> User:
    """Somebody more, who can sign in with `PASSWORD`."""
    return create_person(
        username=username,
        email=f"{username}@example.org",
        full_name=full_name,
        title=title,
        password=PASSWORD,
        permissions=permissions,
        actor=None,
        clock=at(0),
    )


def make_playbook(spec: dict[str, Any] | PlaybookSpec = SMALL_PLAYBOOK) -> Playbook:
    """Load a playbook."""
    parsed = spec if isinstance(spec, PlaybookSpec) else parse_playbook(spec)
    return load_playbook(spec=parsed, actor=None, clock=at(0))[0]


def make_cast() -> Cast:
    """Everybody, the product and its seats."""
    administrator = make_person("ada", "Ada Admin", title="Administrator", permissions=("releases.administer",))
    pm = make_person("petra", "Petra Manager", title="Product manager")
    second_pm = make_person("quinn", "Quinn Manager", title="Product manager")
    approver = make_person("erik", "Erik Engineer", title="VP Engineering")
    second_approver = make_person("sara", "Sara Seller", title="Head of Sales")
    contributor = make_person("carl", "Carl Contributor", title="Quality")
    outsider = make_person("otto", "Otto Outsider")
    executive = make_person("eva", "Eva Executive", title="COO", permissions=("releases.view_portfolio",))
    sales_group = save_group(name="Sales approvers", actor=administrator, clock=at(0))
    add_to_group(group=sales_group, person=second_approver, actor=administrator, clock=at(0))
    line = save_product_line(name="Networks", actor=administrator, clock=at(0))
    product = create_product(name="Router", line=line, owner=pm, actor=administrator, clock=at(0))
    for codename, holder in (
        ("manage_product", second_pm),
        ("contribute", contributor),
        ("waive_gate", executive),
        ("view_product", executive),
    ):
        grant_product_permission(product=product, codename=codename, holder=holder, actor=administrator, clock=at(0))
    playbook = make_playbook()
    prepare_seats(product=product, playbook=playbook, actor=administrator, clock=at(0))
    for role in ApproverRole.objects.filter(product=product):
        holder: User | Group = approver if role.key == "engineering" else sales_group
        grant_seat(role_id=role.pk, holder=holder, actor=administrator, clock=at(0))
    return Cast(
        pm=pm,
        second_pm=second_pm,
        approver=approver,
        second_approver=second_approver,
        contributor=contributor,
        outsider=outsider,
        executive=executive,
        administrator=administrator,
        sales_group=sales_group,
        line=line,
        product=product,
        playbook=playbook,
    )


# --- Steps of a story -------------------------------------------------------------------------------------------


def draft_release(
    cast: Cast, version: str = "1.0", *, target: int = TARGET_DAY, playbook: Playbook | None = None, on: int = 0
) -> Release:
    """A release as the PM plans it."""
    return create_release(
        product=cast.product,
        version=version,
        target_on=day(target),
        playbook=playbook or cast.playbook,
        actor=cast.pm,
        clock=at(on),
    )


def active_release(
    cast: Cast, version: str = "1.0", *, target: int = TARGET_DAY, playbook: Playbook | None = None, on: int = 0
) -> Release:
    """A release at its first gate."""
    draft = draft_release(cast, version, target=target, playbook=playbook, on=on)
    return activate_release(release_id=draft.pk, actor=cast.pm, clock=at(on))


def gate_of(release: Release, key: str) -> Gate:
    """A gate as it is stored now."""
    return Gate.objects.select_related("release", "release__product").get(release=release, key=key)


def fresh(release: Release) -> Release:
    """A release as it is stored now."""
    return Release.objects.select_related("product").get(pk=release.pk)


def fill(
    cast: Cast, gate: Gate, *, on: int = 1, actor: User | None = None, text: str = "What we found."
) -> list[Evidence]:
    """Supply every deliverable of a gate that is still empty."""
    empty = Deliverable.objects.filter(gate=gate).exclude(
        versions__is_latest=True, versions__kind__in=["text", "link", "file", "tick"]
    )
    return [
        save_evidence(deliverable_id=thing.pk, actor=actor or cast.pm, kind="text", text=text, clock=at(on))
        for thing in empty
    ]


def submit(cast: Cast, gate: Gate, *, on: int = 2, actor: User | None = None, summary: str = "") -> Submission:
    """Fill a gate and submit it."""
    fill(cast, gate, on=on, actor=actor)
    return submit_evidence(gate_id=gate.pk, actor=actor or cast.pm, summary=summary, clock=at(on))


def approve(
    cast: Cast,
    gate: Gate,
    role: str,
    *,
    on: int = 3,
    actor: User | None = None,
    comment: str = "",
    conditions: tuple[NewCondition, ...] = (),
) -> Decision:
    """Approve the gate's open round in one role."""
    return decide(cast, gate, role, "approve", on=on, actor=actor, comment=comment, conditions=conditions)


def decline(
    cast: Cast, gate: Gate, role: str, *, on: int = 3, actor: User | None = None, comment: str = "Not yet."
) -> Decision:
    """Decline the gate's open round in one role."""
    return decide(cast, gate, role, "decline", on=on, actor=actor, comment=comment)


def decide(
    cast: Cast,
    gate: Gate,
    role: str,
    verdict: str,
    *,
    on: int = 3,
    actor: User | None = None,
    comment: str = "",
    conditions: tuple[NewCondition, ...] = (),
    round_number: int | None = None,
) -> Decision:
    """Decide on a round: the newest one unless another is named."""
    number = round_number or Gate.objects.values_list("round_number", flat=True).get(pk=gate.pk)
    return record_decision(
        gate_id=gate.pk,
        round_number=number,
        role_key=role,
        actor=actor or cast.decider(role),
        verdict=verdict,
        comment=comment,
        conditions=conditions,
        clock=at(on),
    )


def pass_gate(cast: Cast, gate: Gate, *, on: int = 3) -> Gate:
    """Submit a gate and approve it in every role, all on one day."""
    submit(cast, gate, on=on)
    for key in gate.roles.order_by("position").values_list("role__key", flat=True):
        approve(cast, gate, key, on=on)
    return gate_of(gate.release, gate.key)


def pass_gates_before_release(cast: Cast, release: Release, *, on: int = 3) -> Release:
    """Take a release through every gate before GA that is not passed yet."""
    for gate in release.gates.filter(offset_months=None).exclude(state__in=["approved", "waived"]).order_by("position"):
        pass_gate(cast, gate, on=on)
    return fresh(release)


def waive(cast: Cast, gate: Gate, *, on: int = 3, until: int = 400, actor: User | None = None) -> Waiver:
    """Waive a gate, as the executive unless somebody else is named."""
    return waive_gate(
        gate_id=gate.pk,
        actor=actor or cast.executive,
        reason="The market has moved and the study would be late.",
        expires_on=day(until),
        clock=at(on),
    )


# --- What a test asks -------------------------------------------------------------------------------------------


def event_kinds(release: Release, since: int = 0) -> list[str]:
    """The kinds of a release's events after some number, in order."""
    return list(
        Event.objects.filter(release=release, number__gt=since).order_by("number").values_list("kind", flat=True)
    )


def last_event(release: Release, kind: str) -> Event:
    """The newest event of a kind in a release's stream."""
    found = Event.objects.filter(release=release, kind=kind).order_by("-number").first()
    assert found is not None, f"no {kind} among {event_kinds(release)}"
    return found


def own_tables() -> list[str]:
    """The tables of the product's own apps, those between them, and who is in which group."""
    labels = {"releases", "approvals", "notifications", "measures", "accounts"}
    models = [m for m in apps.get_models(include_auto_created=True) if m._meta.app_label in labels and m._meta.managed]
    return [model._meta.db_table for model in (*models, Group)]


def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the product's own tables, as the database has it."""
    found = {}
    with connection.cursor() as cursor:
        for table in own_tables():
            cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
            found[table] = cursor.fetchall()
    return found


@contextmanager
def nothing_changes() -> Iterator[None]:
    """The block leaves every row as it was: no event, no revision, nothing."""
    before = everything()
    yield
    after = everything()
    assert {k: v for k, v in after.items() if v != before[k]} == {}, "something was written"


@contextmanager
def refused(code: str, error: type[DomainError] = Refused) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """The block is refused with a code, and nothing changes."""
    with nothing_changes(), pytest.raises(DomainError) as found:
        yield found
    assert (type(found.value), found.value.code) == (error, code), found.value.message


@contextmanager
def conflict(code: str) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """The block meets a state that has moved on, and nothing changes."""
    with refused(code, Conflict) as found:
        yield found


@contextmanager
def not_allowed(code: str) -> Iterator[pytest.ExceptionInfo[DomainError]]:
    """The block is denied to the person, and nothing changes."""
    with refused(code, NotAllowed) as found:
        yield found


def fields_of(found: pytest.ExceptionInfo[DomainError]) -> list[tuple[str, str]]:
    """(field, code) of every field problem."""
    return [(problem.field, problem.code) for problem in found.value.fields]


def codes_of(found: pytest.ExceptionInfo[DomainError]) -> list[tuple[str, str]]:
    """(code, subject) of every blocker."""
    return [(blocker.code, blocker.subject) for blocker in found.value.blockers]


# --- Fixtures ---------------------------------------------------------------------------------------------------


class _Recorded:
    """The rows of one cast, so that the next test gets the same people without walking through thirty actions."""

    permissions: list[tuple[int, str]] = []
    rows: dict[str, list[tuple[Any, ...]]] = {}
    cast: Cast | None = None


def recorded_cast() -> Cast:
    """What `make_cast` makes in an empty database: by the actions the first time, row for row afterwards."""
    permissions = list(Permission.objects.order_by("pk").values_list("pk", "codename"))
    # another database, or other rights in it
    if _Recorded.cast is None or _Recorded.permissions != permissions:
        made = make_cast()
        _Recorded.permissions, _Recorded.cast = permissions, made
        _Recorded.rows = {table: rows for table, rows in everything().items() if rows}
    else:
        # in one transaction, since rows may come before those that they refer to
        with transaction.atomic(), connection.cursor() as cursor:
            for table, rows in _Recorded.rows.items():
                places = ", ".join([f"({', '.join(['%s'] * len(rows[0]))})"] * len(rows))
                cursor.execute(f'INSERT INTO "{table}" VALUES {places}', [value for row in rows for value in row])
    return replace(_Recorded.cast, **{f.name: _as_stored(getattr(_Recorded.cast, f.name)) for f in fields(Cast)})


def _as_stored(row: Model) -> Model:
    """The same row as a new object, so that no test sees what another one did to it."""
    names = [field.attname for field in row._meta.concrete_fields]
    return type(row).from_db(row._state.db, names, [getattr(row, name) for name in names])


@pytest.fixture
def cast(db: None) -> Cast:
    """The named cast of people, with product, seats and playbook."""
    return recorded_cast()


@pytest.fixture
def release(cast: Cast) -> Release:
    """Router 1.0, active since day 0 and due on day 90, at its first gate."""
    return active_release(cast)


@pytest.fixture
def gate(release: Release) -> Gate:
    """The first gate of Router 1.0: Market Opportunity, open, due on day 30, without evidence."""
    return gate_of(release, MARKET)


@pytest.fixture
def invariants(db: None) -> Iterator[None]:
    """After the test: every stored summary is what the facts give, and every event chain holds."""
    yield
    assert differences() == []


def differences(besides: Iterable[Release] = ()) -> list[object]:
    """What `check_invariants` and `verify_history` would name, leaving out some releases."""
    names, streams = {str(release) for release in besides}, {release.stream for release in besides}
    checkers = (check_releases, check_gates, check_evidence, check_reachability)
    found: list[object] = [d for checker in checkers for d in checker() if d.subject.partition(":")[0] not in names]
    return found + [broken for broken in verify_streams() if broken.stream not in streams]
