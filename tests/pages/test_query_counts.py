"""Every page asks the database as often for a dozen rows as for three.

One world is filled with three of everything that a page lists, then with a dozen; every GET address is looked at twice.
"""

import copy
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from approvals.actions.calendar_links import renew_calendar_link
from approvals.actions.comments import add_comment, edit_comment
from approvals.actions.decisions import NewCondition, record_decision, revoke_decision
from approvals.actions.delegations import make_delegation
from approvals.actions.evidence import save_evidence
from approvals.actions.people import add_to_group, save_group
from approvals.actions.rounds import submit_evidence
from approvals.actions.seats import grant_seat
from approvals.actions.tokens import create_token
from approvals.links import decide_path
from approvals.models import ApproverRole, Comment, Condition, Decision, Deliverable, Evidence, Submission
from gatekeeper.accounts.calendar_links import secret_of
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from measures import forecasts
from measures.models import Statement
from notifications.actions import add_stakeholder, watch
from notifications.relay import relay_events
from releases.actions.calendars import add_calendar_entries
from releases.actions.history import import_releases
from releases.actions.playbooks import create_playbook, publish_playbook, save_draft, start_draft
from releases.actions.products import create_product, grant_product_permission, save_product_line
from releases.actions.releases import activate_release, create_release
from releases.importing import RELEASE_COLUMNS, read_releases
from releases.models import Gate, Product, ProductLine, Release
from releases.rules import TARGET
from tests.access.walk import table, undone
from tests.cast import Cast, make_cast
from tests.releases.history_files import csv_bytes, milestone

pytestmark = pytest.mark.django_db

FEW, MANY = 3, 12
FULL = "/releases/router/full/"
GATE = f"{FULL}gates/market-opportunity/"
# By URL name: the person who looks, and the address. `n` is how many rows there are now.
PAGES: Mapping[str, tuple[str, str]] = {
    "home": ("pm", "/"),
    "inbox": ("approver", "/inbox/"),
    "inbox/decided": ("approver", "/inbox/?show=decided"),
    "inbox/open": ("approver", "/inbox/?open={waiting}"),
    "inbox/filtered": ("approver", "/inbox/?q=r&role=engineering"),
    "inbox/conditions": ("pm", "/inbox/?show=conditions"),
    "inbox-approve": ("approver", "/inbox/approve/?{picks}"),
    "portfolio": ("executive", "/portfolio/?state=all"),
    "slips": ("executive", "/slips/"),
    "slips-export": ("executive", "/slips/export.csv"),
    "portfolio/recorded": ("executive", "/portfolio/?state=recorded"),
    "portfolio/by pm": ("pm", "/portfolio/?group=pm&sort=-slip"),
    "portfolio-export": ("executive", "/portfolio/export.csv?state=all"),
    "portfolio-export/xlsx": ("executive", "/portfolio/export.xlsx?state=all"),
    "portfolio-pdf": ("executive", "/portfolio/export.pdf"),
    "release-report": ("pm", f"{FULL}report.pdf"),
    "portfolio-figures-export": ("executive", "/portfolio/figures.csv"),
    "portfolio-chart": ("executive", "/portfolio/charts/declines.svg"),
    "saved-views": ("executive", "/portfolio/views/"),
    "portfolio-waivers": ("executive", "/portfolio/waivers/"),
    "portfolio-waivers-export": ("executive", "/portfolio/waivers/export.csv"),
    "portfolio-ledger": ("executive", "/portfolio/gates/?key=market-opportunity"),
    "portfolio-ledger/rounds": ("executive", "/portfolio/rounds/?within=90-days"),
    "portfolio-ledger/slips": ("executive", "/portfolio/slips/"),
    "portfolio-ledger/conditions": ("executive", "/portfolio/conditions/"),
    "portfolio-ledger-export": ("executive", "/portfolio/rounds/export.csv"),
    "search": ("administrator", "/search/?q=r"),
    "search/gates": ("pm", "/search/?q=e&in=gates"),
    "search/people": ("administrator", "/search/?q=p&in=people"),
    "products": ("pm", "/products/"),
    "product-new": ("administrator", "/products/new/"),
    "product": ("pm", "/products/router/"),
    "product/outsider": ("outsider", "/products/router/"),
    "product-releases": ("pm", "/products/router/releases/"),
    "product-edit": ("pm", "/products/router/edit/"),
    "product-seats": ("administrator", "/products/router/seats/"),
    "product-stakeholders": ("pm", "/products/router/stakeholders/"),
    "holder-options": ("pm", "/holders/?for=holder&holder=p"),
    "release-new": ("pm", "/releases/new/"),
    "release-new-dates": ("pm", "/releases/new/dates/?playbook={playbook}&target_on=2099-01-01"),
    "release": ("pm", FULL),
    "release/approver": ("approver", FULL),
    "release/recorded": ("outsider", "/releases/kernel/{n}.0/"),
    "release-activity": ("pm", f"{FULL}activity/"),
    "release-conditions": ("pm", f"{FULL}conditions/"),
    "release-forecast": ("pm", f"{FULL}forecast/"),
    "calibration": ("pm", "/calibration/"),
    "calibration-product": ("pm", "/calibration/router/"),
    "release-replans": ("pm", f"{FULL}replans/"),
    "release-replan": ("pm", f"{FULL}replan/"),
    "release-playbook": ("pm", "/releases/router/0.2/playbook/"),
    "release-edit": ("pm", f"{FULL}edit/"),
    "release-hold": ("pm", f"{FULL}hold/"),
    "release-cancel": ("pm", f"{FULL}cancel/"),
    "release-stakeholders": ("pm", f"{FULL}stakeholders/"),
    "gate": ("pm", GATE),
    "gate/approver": ("approver", GATE),
    "gate/outsider": ("outsider", GATE),
    "gate/recorded": ("outsider", "/releases/kernel/{n}.0/gates/step-1/"),
    "gate-record": ("outsider", f"{GATE}record/"),
    "gate-record-pdf": ("outsider", f"{GATE}record.pdf"),
    "deliverable-assign": ("pm", f"{GATE}evidence/brief/assign/"),
    "gate-withdraw": ("pm", f"{GATE}withdraw/"),
    "gate-recuse": ("approver", f"{GATE}recuse/"),
    "gate-except": ("executive", f"{FULL}gates/functional-completeness/exceptions/"),
    "gate-waive": ("executive", f"{GATE}waive/"),
    "gate-revoke": ("second_approver", f"{GATE}decisions/{{decision}}/revoke/"),
    "condition-close": ("pm", f"{GATE}conditions/{{condition}}/close/"),
    "discussion": ("outsider", f"{GATE}discussion/"),
    "discussion/earlier": ("pm", f"{GATE}discussion/?before=999999"),
    "mention-options": ("pm", f"{GATE}discussion/people/?q=p"),
    "comment-edit": ("pm", f"{GATE}discussion/{{comment}}/"),
    "rounds": ("pm", f"{GATE}rounds/"),
    "round": ("pm", f"{GATE}rounds/{{round}}/"),
    "round-compare": ("pm", f"{GATE}rounds/{{round}}/compare/1/"),
    "notifications": ("pm", "/notifications/"),
    "profile": ("pm", "/settings/profile/"),
    "sessions": ("pm", "/settings/sessions/"),
    "calendar-settings": ("pm", "/settings/calendar/"),
    "calendar-feed": ("pm", "/calendar/{calendar}.ics"),
    "away": ("approver", "/settings/away/"),
    "away-of": ("administrator", "/settings/away/{approver}/"),
    "decide": ("approver", "{link}"),
    "settings-organisation": ("administrator", "/settings/organisation/"),
    "settings-people": ("administrator", "/settings/people/"),
    "settings-person": ("administrator", "/settings/people/{person}/"),
    "settings-person-new": ("administrator", "/settings/people/new/"),
    "settings-person-deactivate": ("administrator", "/settings/people/{approver}/deactivate/"),
    "settings-tokens": ("administrator", "/settings/api/"),
    "settings-groups": ("administrator", "/settings/groups/"),
    "settings-group": ("administrator", "/settings/groups/{group}/"),
    "settings-lines": ("administrator", "/settings/lines/"),
    "settings-line": ("administrator", "/settings/lines/networks/"),
    "settings-line-new": ("administrator", "/settings/new-line/"),
    "settings-playbooks": ("administrator", "/settings/playbooks/"),
    "settings-playbook-new": ("administrator", "/settings/new-playbook/"),
    "settings-playbook": ("administrator", "/settings/playbooks/small/"),
    "settings-playbook-publish": ("administrator", "/settings/playbooks/small/publish/"),
    "settings-playbook-versions": ("administrator", "/settings/playbooks/small/versions/"),
    "settings-playbook-version": ("administrator", "/settings/playbooks/small/versions/1/"),
    "settings-playbook-compare": ("administrator", "/settings/playbooks/small/compare/"),
    "setup": ("administrator", "/setup/"),
}
# Pages that show one thing, or lead elsewhere.
NO_ROWS = {
    "healthz", "readyz", "calendar-feed/unknown", "verify", "sign-in", "sign-in-again",
    "password-reset", "password-reset-sent",
    "password-set", "password", "releases", "evidence-save", "evidence-file", "evidence-file/submitted",
    "release-activate", "release-rebaseline", "release-resume", "release-ship", "release-correct-date",
    "evidence-first-file", "saved-view", "saved-view-new",
    "evidence-upload",
    "evidence-first-file/submitted", "evidence-image", "evidence-image/submitted", "settings-playbook-about",
    "settings-playbook-discard", "settings-playbook-import", "settings-playbook-export",
    "settings-playbook-export-draft", "settings-token-new", "settings-token-rotate", "settings-token-revoke",
    "settings-service-account-new",
}  # fmt: skip


@dataclass
class World:
    """What has been filled so far, and how to fill it further."""

    cast: Cast
    release: Release
    gate: Gate
    count: int = 0

    def fill(self, upto: int) -> None:
        """More of everything."""
        # people first: a seat that is given locks every release that waits for it
        first = day_of(timezone.now()) + timedelta(days=5 + self.count)
        days = "\n".join(f"{first + timedelta(days=ahead)} Day off" for ahead in range(upto - self.count))
        add_calendar_entries(kind="holiday", text=days, actor=self.cast.administrator)
        add_calendar_entries(kind="freeze", text=days, actor=self.cast.administrator)
        for number in range(self.count, upto):
            self.add_people(number)
        for number in range(self.count, upto):
            self.add_releases(number)
            self.add_version()
        self.count = upto
        steps = [
            milestone(step, f"Step {step}", "2020-01-01", "2020-02-01", "2020-03-01", release=f"{upto}.0")
            for step in range(1, upto + 1)
        ]
        import_releases(table=read_releases(io.BytesIO(csv_bytes(RELEASE_COLUMNS, steps))))
        relay_events()
        self.foretell(upto)

    def foretell(self, upto: int) -> None:
        """Forecasts of everything, and statements whose days have ended."""
        forecasts.refresh()
        long_ago = day_of(timezone.now()) - timedelta(days=400)
        rows = [
            Statement(
                release=self.release, gate=key, stated_on=long_ago + timedelta(days=number),
                p50_on=long_ago + timedelta(days=90), p85_on=long_ago + timedelta(days=99),
            )
            for number in range(upto)
            for key in (self.gate.key, TARGET)
        ]  # fmt: skip
        Statement.objects.bulk_create(rows, ignore_conflicts=True)

    def add_people(self, number: int) -> None:
        """A person with a group, permissions and seats, told of everything."""
        cast, admin = self.cast, self.cast.administrator
        person = User.objects.create(
            username=f"p{number}", email=f"p{number}@example.org", full_name=f"Person {number}"
        )
        create_token(
            owner=admin, actor=None, name=f"Token {number}", scopes=("read",), days=30, products=[cast.product.pk]
        )
        group = save_group(name=f"Group {number:02}", actor=None)
        add_to_group(group=group, person=person, actor=None)
        add_to_group(group=cast.sales_group, person=person, actor=None)
        grant_product_permission(product=cast.product, codename="contribute", holder=person, actor=admin)
        grant_product_permission(product=cast.product, codename="view_product", holder=group, actor=admin)
        for seat in ApproverRole.objects.filter(product=cast.product, gate_key=self.gate.key):
            grant_seat(role_id=seat.pk, holder=person, actor=admin)
            grant_seat(role_id=seat.pk, holder=group, actor=admin)
        first = day_of(timezone.now()) + timedelta(days=1000 + 2 * number)
        for away, delegate in ((cast.approver, cast.outsider), (person, cast.approver)):
            make_delegation(
                person=away, actor=away, delegate=delegate, starts_on=first, ends_on=first,
                roles=[cast.seat(self.gate.key, "engineering")],
            )  # fmt: skip
        add_stakeholder(of=cast.product, person=person, actor=cast.pm)
        add_stakeholder(of=self.release, person=person, actor=cast.pm)
        save_product_line(name=f"Line {number:02}", default_seats={"engineering": group}, actor=admin)

    def add_version(self) -> None:
        """One version of the playbook more, and a draft on top of it."""
        admin = self.cast.administrator
        draft = start_draft(slug="small", actor=admin)
        definition = copy.deepcopy(draft.definition)
        definition["gates"][0]["deliverables"].append({"key": f"d{draft.pk}", "name": f"Thing {draft.pk}"})
        publish_playbook(
            slug="small", actor=admin, note="One more.",
            revision=save_draft(slug="small", revision=draft.revision, definition=definition, actor=admin).revision,
        )  # fmt: skip
        start_draft(slug="small", actor=admin)
        create_playbook(name=f"Playbook {draft.pk}", actor=admin)

    def add_releases(self, number: int) -> None:
        """A waiting release on a product of its own, a draft of the old product, and a round more of the full one.

        One page of the inbox has room for all that waits.
        """
        cast, today = self.cast, day_of(timezone.now())
        line = ProductLine.objects.get(name=f"Line {number:02}")
        product = create_product(name=f"Switch {number:02}", line=line, owner=cast.pm, actor=cast.administrator)
        watch(of=self.waiting(product, f"{number}.1", today), actor=cast.pm)
        self.plan(cast.product, f"{number}.2", today)
        self.another_round(number)

    def plan(self, product: Product, version: str, today: date) -> Release:
        target = today + timedelta(days=90)
        return create_release(
            product=product, version=version, target_on=target, playbook=self.cast.playbook, actor=self.cast.pm
        )

    def waiting(self, product: Product, version: str, today: date) -> Release:
        """A release whose first gate waits for a decision."""
        cast = self.cast
        release = activate_release(release_id=self.plan(product, version, today).pk, actor=cast.pm)
        for seat in ApproverRole.objects.filter(product=product, gate_key=self.gate.key):
            holder: User | Group = cast.approver if seat.key == "engineering" else cast.sales_group
            grant_seat(role_id=seat.pk, holder=holder, actor=cast.administrator)
        gate = release.gates.order_by("position")[0]
        self.supply(gate)
        submit_evidence(gate_id=gate.pk, actor=cast.pm)
        return release

    def supply(self, gate: Gate) -> None:
        for thing in Deliverable.objects.filter(gate=gate):
            save_evidence(deliverable_id=thing.pk, actor=self.cast.pm, kind="text", text="What we found.")

    def another_round(self, number: int) -> None:
        """One round more of the full release's first gate, and more of what a round gathers: the last stays open."""
        cast, gate = self.cast, Gate.objects.get(pk=self.gate.pk)
        if gate.state == "in_review":
            self.decide(gate, cast.approver, "engineering", "decline")
        self.supply(gate)
        submit_evidence(gate_id=gate.pk, actor=cast.pm, summary=f"Round for {number}.")
        gate.refresh_from_db()
        today = day_of(timezone.now())
        note = add_comment(gate_id=gate.pk, actor=cast.pm, text=f"Word {number} for @sara and @p{number}.").comment
        edit_comment(comment_id=note.pk, actor=cast.pm, text=f"Word {number} for @sara, @erik and @p{number}.")
        first = self.decide(gate, cast.second_approver, "sales", "approve")
        revoke_decision(decision_id=first.pk, actor=cast.second_approver, reason="Too early.")
        conditions = [NewCondition(f"Condition {n}", cast.pm, today + timedelta(days=9)) for n in range(number + 1)]
        self.decide(gate, cast.second_approver, "sales", "approve", conditions)

    def decide(self, gate: Gate, who: User, role: str, verdict: str, conditions: Any = ()) -> Decision:
        return record_decision(
            gate_id=gate.pk, round_number=gate.round_number, role_key=role, actor=who, verdict=verdict,
            comment="Seen.", conditions=conditions,
        )  # fmt: skip

    def words(self) -> dict[str, Any]:
        """What stands in the addresses."""
        gate = Gate.objects.get(pk=self.gate.pk)
        decision = Decision.objects.filter(submission__gate=gate).order_by("-pk")[0]
        waiting = Submission.objects.filter(gate=gate).order_by("-pk")[0].pk
        return {
            "n": self.count,
            "playbook": self.cast.playbook.pk,
            "round": gate.round_number,
            "decision": decision.pk,
            "condition": Condition.objects.filter(gate=gate).order_by("-pk")[0].pk,
            "comment": Comment.objects.filter(gate=gate).order_by("-pk")[0].pk,
            "picks": "&".join(
                f"pick={pk}-{number}-engineering"
                for pk, number in Submission.objects.filter(state="open").values_list("pk", "number")
            ),
            "waiting": waiting,
            "link": decide_path(waiting, self.cast.approver.pk),
            "calendar": secret_of(self.cast.pm.calendar_link),
            "person": self.cast.second_approver.pk,
            "approver": self.cast.approver.pk,
            "group": self.cast.sales_group.pk,
        }


@dataclass(frozen=True)
class Looked:
    """What a page cost, and what it was."""

    status: int
    queries: list[str]


def look_at_all(world: World) -> dict[str, Looked]:
    found, clients = {}, {}
    for name, (who, address) in PAGES.items():
        if who not in clients:
            clients[who] = Client(raise_request_exception=False)
            clients[who].force_login(getattr(world.cast, who), "gatekeeper.accounts.backends.EmailOrUsernameBackend")
            clients[who].get("/settings/profile/")
        url = address.format(**world.words())
        with CaptureQueriesContext(connection) as queries:
            answer = clients[who].get(url)
            if answer.streaming:
                b"".join(answer.streaming_content)
        found[name] = Looked(answer.status_code, [query["sql"] for query in queries.captured_queries])
    return found


@pytest.fixture(scope="module")
def looked(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Looked], dict[str, Looked]]]:
    """Every page with three and with a dozen rows."""
    with (
        django_db_blocker.unblock(),
        override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("media")),
        undone(),
    ):
        cast = make_cast()
        today = day_of(timezone.now())
        draft = create_release(
            product=cast.product, version="full", target_on=today + timedelta(days=90), playbook=cast.playbook,
            actor=cast.pm,
        )  # fmt: skip
        release = activate_release(release_id=draft.pk, actor=cast.pm)
        renew_calendar_link(person=cast.pm, actor=cast.pm, is_everything=True)
        world = World(cast, release, release.gates.order_by("position")[0])
        world.fill(FEW)
        look_at_all(world)  # what is remembered for ever after is asked for now
        few = look_at_all(world)
        world.fill(MANY)
        assert Evidence.objects.filter(deliverable__gate=world.gate).count() > MANY
        yield few, look_at_all(world)


def test_every_page_is_here() -> None:
    """A new address is a list, and then stands in PAGES, or says in NO_ROWS that it is none."""
    reads = {name for name, method in table() if method == "GET"}
    assert reads - {name.split("/")[0] for name in PAGES} - NO_ROWS == set()
    assert {name.split("/")[0] for name in PAGES} - reads == set()


@pytest.mark.parametrize("name", PAGES)
def test_a_dozen_rows_cost_as_many_queries_as_three(
    looked: tuple[dict[str, Looked], dict[str, Looked]], name: str
) -> None:
    few, many = (half[name] for half in looked)
    assert (few.status, many.status) == (200, 200)
    # what was asked again and again is named
    more = Counter(sql[:110] for sql in many.queries) - Counter(sql[:110] for sql in few.queries)
    assert len(many.queries) == len(few.queries), more.most_common(5)
