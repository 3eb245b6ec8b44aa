"""A demo portfolio, made by the real actions under clocks that stand in the past.

Every release is told as a story: what became of each gate, relative to today, so that the demo is fresh on any day.
"""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile

from approvals.actions import decisions, drafts, people, rounds, seats, tokens
from approvals.actions.checks import report_check
from approvals.actions.comments import add_comment
from approvals.actions.conditions import mark_overdue_conditions
from approvals.actions.deliverables import assign_deliverable
from approvals.actions.evidence import save_evidence
from approvals.actions.exceptions import grant_exception
from approvals.actions.signing import Signature
from approvals.models import Check, Deliverable, Evidence, GateRole
from approvals.permissions import seat_holders
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import add_months, day_of, organisation_zone
from gatekeeper.common.clock import Clock, database_clock, fixed_clock
from gatekeeper.demo_signins import CAST, PASSWORD
from gatekeeper.demo_texts import evidence_for, link_for
from measures import forecasts
from notifications.actions import add_stakeholder, watch
from releases.actions import products
from releases.actions import releases as release_actions
from releases.actions.baselines import rebaseline_release
from releases.actions.calendars import add_calendar_entries
from releases.actions.playbooks import save_draft, start_draft
from releases.actions.replan import replan_release
from releases.actions.slips import sweep_release
from releases.models import Gate, Organisation, Playbook, Product, ProductLine, Release
from releases.playbooks import parse_playbook

GROUPS = {
    "product-leadership": "Product leadership",
    "sales": "Sales",
    "finance": "Finance",
    "engineering": "Engineering leads",
    "user-experience": "User experience",
    "sales-engineering": "Sales engineering",
    "support": "Support leads",
    "quality": "Quality",
    "security-and-legal": "Security and legal",
    "program-management": "Program management",
}
LINES = {
    "remote-support": ("Remote Support", "Sessions, unattended access and hand-over for support desks."),
    "service-automation": ("Service Automation", "Workflows and catalogues for service teams."),
    "data-platform": ("Data Platform", "Collecting, keeping and reading operational data."),
}


# A copy of Seven gates that asks for signatures at its last two gates before the release.
SIGNED = "seven-gates-signed"
SIGNED_GATES = ("functional-completeness", "release-readiness")


@dataclass(frozen=True)
class DemoProduct:
    """A product of the demo."""

    slug: str
    name: str
    line: str
    owner: str
    description: str
    is_restricted: bool = False


PRODUCTS = (
    DemoProduct("assist-console", "Assist Console", "remote-support", "maya",
                "The technician’s desk: sessions, unattended access and hand-over."),
    DemoProduct("assist-mobile", "Assist Mobile", "remote-support", "tomas", "Support sessions from a phone."),
    DemoProduct("session-recorder", "Session Recorder", "remote-support", "nadia",
                "Recording, search and retention of support sessions."),
    DemoProduct("flow-desk", "Flow Desk", "service-automation", "tomas", "Ticket flows without code."),
    DemoProduct("runbook-studio", "Runbook Studio", "service-automation", "nadia", "Runbooks that run themselves."),
    DemoProduct("service-catalog", "Service Catalog", "service-automation", "nadia", "What a service team offers."),
    DemoProduct("insight-lake", "Insight Lake", "data-platform", "priya", "Operational data, kept for years."),
    DemoProduct("signal-stream", "Signal Stream", "data-platform", "priya",
                "Events in motion, before they are announced.", True),
)  # fmt: skip


@dataclass(frozen=True)
class Story:
    """What became of one release.

    `gate` is the number of the gate that is worked on and `due_in` its due date in days from today (negative: late);
    `now` is how it stands: open, partly (some evidence), ready, review, half (one role has approved), declined.
    `late` are days by which earlier gates were approved late (those `in_time` had been submitted in time, so that
    deciding or mending took too long), `declined` gates that took two rounds, `conditions`
    gates approved with a condition (due in `condition_due_in` days), `waived` gates that were waived.
    """

    product: str
    version: str
    theme: str
    gate: int
    due_in: int
    now: str = "partly"
    end: str = ""
    late: Mapping[int, int] = field(default_factory=dict)
    in_time: tuple[int, ...] = ()
    declined: tuple[int, ...] = ()
    conditions: tuple[int, ...] = ()
    condition_due_in: int = 40
    waived: tuple[int, ...] = ()
    pushed: int = 0
    playbook: str = "seven-gates"


STORIES = (
    Story("assist-console", "26.4", "Consent audit, faster session start", 6, 5, "partly", conditions=(3,)),
    Story(
        "assist-console",
        "27.1",
        "Unattended access and hand-over",
        4,
        1,
        "half",
        declined=(4,),
        conditions=(3,),
        pushed=14,
    ),
    Story("assist-console", "27.2", "Regional data residency", 1, 9, "open"),
    Story("assist-mobile", "5.3", "Camera sharing", 6, -9, "ready", late={2: 12}, in_time=(2,), declined=(2,)),
    Story("assist-mobile", "5.4", "Offline notes", 4, 13),
    Story("assist-mobile", "6.0", "One app for both platforms", 2, 4, "declined"),
    Story("session-recorder", "3.8", "Search in transcripts", 7, 9, "half", end="released"),
    Story("session-recorder", "4.0", "Retention by region", 3, -16, "half", late={2: 9}, in_time=(2,)),
    Story("flow-desk", "12.1", "Approvals in chat", 7, -2, "review", end="released", late={5: 3}),
    Story("flow-desk", "12.2", "Branching flows", 5, 6, "review", playbook=SIGNED),
    Story("flow-desk", "13.0", "Flows across tenants", 3, 11, "declined"),
    Story("flow-desk", "14.0", "Language packs", 0, 0, end="draft"),
    Story("runbook-studio", "2.5", "Runbooks on a schedule", 3, 20, "open", end="cancelled"),
    Story("runbook-studio", "2.6", "Dry runs", 5, 15, conditions=(4,), condition_due_in=-2),
    Story("runbook-studio", "3.0", "Shared libraries", 4, 8, "declined", late={3: 28}),
    Story("service-catalog", "8.4", "Price lists", 8, 0, end="closed", waived=(7,), playbook=SIGNED),
    Story("service-catalog", "8.5", "Bundles", 5, 55, "partly"),
    Story("service-catalog", "8.6", "Catalogues for partners", 3, 30, "open", end="on_hold"),
    Story("service-catalog", "9.0", "Self-service ordering", 2, 7, "half"),
    # Its gates were late again and again: by that, the forecast of 2027.2 is later than its target.
    Story("insight-lake", "2025.4", "Faster ingest", 8, 0, end="closed", late={2: 11, 3: 9, 4: 14, 5: 16, 6: 8}),
    Story("insight-lake", "2026.4", "Cold storage", 5, -6, "partly", playbook="seven-gates-launch"),
    Story("insight-lake", "2027.1", "Lineage", 4, 5, "half", late={1: 9}, playbook="seven-gates-launch"),
    Story("insight-lake", "2027.2", "Column masking", 1, 8, "review", playbook="seven-gates-launch"),
    Story("signal-stream", "1.8", "Replay", 8, 0, end="closed", declined=(2,)),
    Story("signal-stream", "1.9", "Schemas", 6, 16, "partly", waived=(3,)),
    Story("signal-stream", "2.0", "Exactly once", 4, 19, "open", declined=(2,)),
    Story("signal-stream", "2.1", "Filters at the edge", 1, 14, "open"),
)

WATCHED = (
    ("maya", "assist-console", "26.4"),
    ("maya", "assist-console", "27.1"),
    ("maya", "flow-desk", "12.2"),
    ("helen", "assist-console", "27.1"),
    ("helen", "assist-mobile", "5.3"),
    ("erik", "insight-lake", "2026.4"),
    ("sam", "assist-console", "26.4"),
)
# Where the build machine has reported, and what it said of the first, second and third check.
REPORTED = (
    ("assist-console", "26.4", "release-readiness"),
    ("runbook-studio", "2.6", "functional-completeness"),
)
REPORTS = (("success", "4,182 of 4,182 tests"), ("failure", "1 open, limit is 0"), ("pending", "Started 07:22"))
SUMMARIES = {
    "market-opportunity": "Three renewals hang on this; the metrics are what we will be held to.",
    "use-case-definition": "Use case 1 is new since the interviews; 2 and 3 are as before.",
    "functional-usability-reqs": "22 Must requirements, each with its test. One usability finding is open.",
    "engineering-timeline": "Four increments; please look at the capacity first.",
    "functional-completeness": "All Musts accepted, no severity 1 defect, the trend is falling.",
    "release-readiness": "Rollback took 11 minutes; 41 of 44 people are trained.",
    "six-month-assessment": "Weekly use is 3 points under the claim; two lessons recorded.",
}

HOLIDAYS = ("01-01 New Year", "05-01 Labour Day", "10-03 National holiday", "12-25 Christmas Day",
            "12-26 Second day of Christmas")  # fmt: skip

FILES = {
    "Feature-grid.csv": "feature,ours,theirs\nConsent audit,yes,no\nSession start (s),1.8,3.1\n",
    "Known-issues.txt": "AC-5512  Session drops when a proxy asks twice. Workaround: keep-alive on.\n",
}

Progress = Callable[[str], None]


def gate_day(gate: Gate) -> date:
    """The day on which a gate was passed."""
    gate.refresh_from_db()
    assert gate.decided_on is not None
    return gate.decided_on


class Demo:
    """Builds the portfolio; `today` is the organisation's day."""

    def __init__(self, progress: Progress, clock: Clock = database_clock, stories: Sequence[Story] = STORIES) -> None:
        self.progress = progress
        self.stories = stories
        self.now = clock()
        self.today = day_of(self.now)
        self.people: dict[str, User] = {}
        self.products: dict[str, Product] = {}
        self.playbooks: dict[str, Playbook] = {}

    def at(self, day: date, hour: int = 9, minute: int = 0) -> Clock:
        """A clock that stands at an hour of a day, never later than now."""
        moment = datetime.combine(day, time(hour, minute), organisation_zone())
        return fixed_clock(min(moment, self.now))

    def load(self) -> None:
        """Everything, in order. Long: reports each release."""
        self._set_up()
        for number, story in enumerate(self.stories, start=1):
            self.progress(f"[{number}/{len(self.stories)}] {self.products[story.product].name} {story.version}")
            self._tell(story, number)
        self._commit_anew()
        self._prepare()
        self._edit_playbook()
        self._excuse()
        self._watch()
        self._report()
        forecasts.forget()  # the stories were told one after the other
        forecasts.refresh(clock=self.at(self.today, 23))

    def _commit_anew(self) -> None:
        """One release is measured against a new baseline; another has a date that nothing moves along."""
        told = {(story.product, story.version) for story in self.stories}
        if ("runbook-studio", "3.0") in told:
            release = Release.objects.get(product=self.products["runbook-studio"], version="3.0")
            rebaseline_release(
                release_id=release.pk, actor=self.people["helen"], clock=self.at(self.today - timedelta(days=2), 14),
                reason="The supplier’s new contract makes the later dates the ones that sales has promised.",
            )  # fmt: skip
        if ("assist-mobile", "5.4") in told:
            release = Release.objects.get(product=self.products["assist-mobile"], version="5.4")
            gate = release.gates.get(key="release-readiness")
            replan_release(
                release_id=release.pk, actor=self.people["tomas"], dates={}, pins={gate.key: True},
                clock=self.at(self.today - timedelta(days=3), 10),
                reason="The app stores review in that week: nothing moves this date along.",
            )  # fmt: skip

    def _prepare(self) -> None:
        """Work in progress at one gate: files, a draft that is not marked as ready, and one left to somebody else."""
        if ("assist-console", "26.4") not in {(story.product, story.version) for story in self.stories}:
            return
        product, maya, owen = self.products["assist-console"], self.people["maya"], self.people["owen"]
        gate = Gate.objects.get(release__product=product, release__version="26.4", state="open")
        things = list(Deliverable.objects.filter(gate=gate).order_by("position"))
        empty = [thing for thing in things if not thing.versions.exists()]
        yesterday = self.today - timedelta(days=1)
        save_evidence(
            deliverable_id=things[0].pk, actor=maya, kind="file", clock=self.at(yesterday, 11),
            uploads=[SimpleUploadedFile(name, text.encode()) for name, text in FILES.items()],
        )  # fmt: skip
        drafts.save_draft(
            deliverable_id=empty[0].pk, actor=maya, kind="text", clock=self.at(self.today, 9, 28),
            text=evidence_for(empty[0].name, gate.release, 1)[:400],
        )  # fmt: skip
        products.grant_product_permission(
            product=product, codename="contribute", holder=owen, actor=self.people["chloe"], clock=self.at(yesterday)
        )
        assign_deliverable(deliverable_id=empty[1].pk, actor=maya, assignee=owen, clock=self.at(yesterday, 11, 30))

    def _edit_playbook(self) -> None:
        """The administrator is at work on the next version of a playbook."""
        clock, chloe = self.at(self.today - timedelta(days=1), 17), self.people["chloe"]
        draft = start_draft(slug="seven-gates-launch", actor=chloe, clock=clock)
        definition = copy.deepcopy(draft.definition)
        readiness = next(gate for gate in definition["gates"] if gate["key"] == "release-readiness")
        readiness["offset_days"] = -10
        readiness["deliverables"].append(
            {
                "key": "support-readiness-pack",
                "name": "Support readiness pack",
                "required": True,
                "disciplines": ["SUP"],
            }
        )
        save_draft(slug=draft.slug, revision=draft.revision, definition=definition, actor=chloe, clock=clock)

    def _make_tokens(self, bot: User, products: Collection[int], begin: Clock) -> None:
        """Tokens to look at: nobody knows their text, and whoever needs one makes another."""
        if products:
            tokens.create_token(
                owner=bot, actor=None, name="CI nightly", scopes=("read", "checks"), days=90, products=products,
                checks=sorted(set(Check.objects.values_list("name", flat=True))), clock=begin,
            )  # fmt: skip
        tokens.create_token(owner=bot, actor=None, name="Issue tracker", scopes=("read",), days=38, clock=begin)
        tokens.create_token(
            owner=self.people["helen"], actor=None, name="Data warehouse", scopes=("read",), days=180, clock=begin
        )

    def _report(self) -> None:
        """What the build machine said this week: a service account, which reports checks and does nothing else."""
        begin = self.at(self.today - timedelta(days=30))
        bot = people.create_person(
            username="build-bot", email="build-bot@larkfield.example", full_name="Build bot",
            title="Service account", is_service=True, actor=None, clock=begin,
        )  # fmt: skip
        told = {(story.product, story.version) for story in self.stories}
        for slug, version, key in (row for row in REPORTED if row[:2] in told):
            product = self.products[slug]
            products.grant_product_permission(
                product=product, codename="report_checks", holder=bot, actor=self.people["chloe"], clock=begin
            )
            gate = Gate.objects.get(release__product=product, release__version=version, key=key)
            for index, check in enumerate(Check.objects.filter(gate=gate).order_by("position")):
                status, summary = REPORTS[index % len(REPORTS)]
                report_check(
                    gate_id=gate.pk, name=check.name, status=status, summary=summary, run_number=812 + index,
                    details_url=f"https://ci.larkfield.example/{slug}/{812 + index}", actor=bot,
                    clock=self.at(self.today, 7, 40),
                )  # fmt: skip
        mine = [self.products[slug].pk for slug, version, _key in REPORTED if (slug, version) in told]
        self._make_tokens(bot, mine, begin)

    def _excuse(self) -> None:
        """One exception in force, and one condition that nobody has met in time."""
        if ("runbook-studio", "2.6") not in {(story.product, story.version) for story in self.stories}:
            return
        gate = Gate.objects.get(
            release__product=self.products["runbook-studio"], release__version="2.6", key="functional-completeness"
        )
        supplied = Evidence.objects.filter(deliverable__gate=gate).values("deliverable")
        missing = Deliverable.objects.filter(gate=gate, is_required=True).exclude(pk__in=supplied).order_by("position")
        for thing in missing[:1]:
            grant_exception(
                gate_id=gate.pk, kind="deliverable", subject=thing.key, actor=self.people["helen"],
                reason="The pilot runs without it; it is written before the general release.",
                expires_on=self.today + timedelta(days=30), clock=self.at(self.today - timedelta(days=1), 14),
            )  # fmt: skip
        mark_overdue_conditions(self.today, clock=self.at(self.today, 0, 5))

    def _watch(self) -> None:
        """Who follows what, since yesterday."""
        clock = self.at(self.today - timedelta(days=1), 18)
        told = {(story.product, story.version) for story in self.stories}
        for username, product, version in WATCHED:
            if (product, version) in told:
                release = Release.objects.get(product=self.products[product], version=version)
                watch(of=release, actor=self.people[username], clock=clock)
        add_stakeholder(
            of=self.products["assist-console"], person=self.people["owen"], actor=self.people["maya"], clock=clock
        )

    def _set_up(self) -> None:
        begin = self.at(self.today - timedelta(days=760))
        self.progress("People, groups, product lines, playbooks, products")
        groups: dict[str, Group] = {
            function: people.save_group(name=name, actor=None, clock=begin) for function, name in GROUPS.items()
        }
        for person in CAST:
            user = people.create_person(
                username=person.username,
                email=person.email,
                full_name=person.name,
                title=person.title,
                password=PASSWORD,
                permissions=person.permissions,
                actor=None,
                clock=begin,
            )
            self.people[person.username] = user
            for function in person.functions:
                people.add_to_group(group=groups[function], person=user, actor=None, clock=begin)
        chloe = self.people["chloe"]
        products.save_organisation(name="Larkfield Software", actor=chloe, clock=begin)
        Organisation.objects.filter(pk=1).update(set_up_at=self.now)
        self._mark_days_off(chloe, begin)
        lines: dict[str, ProductLine] = {
            slug: products.save_product_line(
                slug=slug, name=name, description=words, default_seats=groups, actor=chloe, clock=begin
            )
            for slug, (name, words) in LINES.items()
        }
        for slug in ("seven-gates", "seven-gates-launch"):
            self.playbooks[slug] = Playbook.objects.filter(slug=slug).order_by("-version")[0]
        spec = parse_playbook(self.playbooks["seven-gates"].definition)
        signed = replace(
            spec,
            slug=SIGNED,
            name="Seven gates, signed",
            gates=tuple(replace(gate, signature=gate.key in SIGNED_GATES) for gate in spec.gates),
        )
        self.playbooks[SIGNED] = products.load_playbook(spec=signed, actor=chloe, clock=begin)[0]
        for thing in PRODUCTS:
            product = products.create_product(
                slug=thing.slug,
                name=thing.name,
                line=lines[thing.line],
                owner=self.people[thing.owner],
                description=thing.description,
                is_restricted=thing.is_restricted,
                actor=chloe,
                clock=begin,
            )
            self.products[thing.slug] = product
            for codename in ("waive_gate", "rebaseline"):
                products.grant_product_permission(
                    product=product, codename=codename, holder=self.people["helen"], actor=chloe, clock=begin
                )
            seats.prepare_seats(
                product=product, playbook=self.playbooks["seven-gates-launch"], actor=chloe, clock=begin
            )

    def _mark_days_off(self, chloe: User, begin: Clock) -> None:
        """The holidays of three years, and a freeze around each year's end."""
        years = range(self.today.year - 1, self.today.year + 2)
        holidays = [f"{year}-{day}" for year in years for day in HOLIDAYS]
        freezes = [f"{year}-12-21 to {year + 1}-01-02 Year-end freeze" for year in years]
        for kind, lines in (("holiday", holidays), ("freeze", freezes)):
            add_calendar_entries(kind=kind, text="\n".join(lines), actor=chloe, clock=begin)

    # --- One release ------------------------------------------------------------------------------------------

    def _tell(self, story: Story, number: int) -> None:
        product = self.products[story.product]
        assert product.owner is not None
        pm = product.owner
        playbook = self.playbooks[story.playbook]
        spec = parse_playbook(playbook.definition)
        offsets = [gate.offset_days for gate in spec.gates]
        slipped = sum(story.late.values())
        due_in = self._due_in(story)
        if story.end == "draft":
            release_actions.create_release(
                product=product, version=story.version, name=story.theme, playbook=playbook, actor=pm,
                target_on=self.today + timedelta(days=260), clock=self.at(self.today - timedelta(days=2)),
            )  # fmt: skip
            return
        if story.gate >= 7:
            # The assessment is due six months after the release, so the release lies that far back.
            back = 420 if story.end == "closed" else 0
            released = add_months(self.today + timedelta(days=due_in), -6) - timedelta(days=back)
            target = released - timedelta(days=slipped)
        else:
            offset = offsets[story.gate - 1]
            assert offset is not None
            target = self.today + timedelta(days=due_in - offset - slipped - story.pushed)
            released = target
        begun = min(target - timedelta(days=180 + 12 + number % 5), self.today - timedelta(days=3))
        release = release_actions.create_release(
            product=product, version=story.version, name=story.theme, playbook=playbook, actor=pm, target_on=target,
            clock=self.at(begun, 8),
        )  # fmt: skip
        release_actions.activate_release(release_id=release.pk, actor=pm, clock=self.at(begun, 8, 30))
        forecasts.refresh(clock=self.at(begun, 12), only=[release.pk])
        gates = list(release.gates.order_by("position"))
        for gate in gates[: min(story.gate - 1, 6)]:
            self._pass(story, release, gate, pm)
            forecasts.refresh(clock=self.at(gate_day(gate), 23), only=[release.pk])
        if story.gate >= 7:
            release_actions.ship_release(
                release_id=release.pk, actor=pm, released_on=released, clock=self.at(released, 17)
            )
        if story.gate == 8:
            self._pass(story, release, gates[6], pm)
            return
        self._present(story, release, gates[story.gate - 1], pm)
        self._end(story, release, pm)

    def _pass(self, story: Story, release: Release, gate: Gate, pm: User) -> None:
        """An earlier gate: evidence, a round (or two), every role, on time or late by the story's days."""
        gate.refresh_from_db()
        assert gate.due_on is not None
        late = story.late.get(gate.position, 0)
        spare = 2 + gate.position % 4
        day = gate.due_on + timedelta(days=late) if late else gate.due_on - timedelta(days=spare)
        day = min(day, self.today - timedelta(days=2 * max(1, story.gate - gate.position)))
        before = self._workday(day - timedelta(days=2))
        if gate.position in story.waived:
            rounds.waive_gate(
                gate_id=gate.pk, actor=self.people["helen"], clock=self.at(day, 16),
                reason="The pilot customers answer this gate’s questions; the write-up follows with the next release.",
                expires_on=self.today + timedelta(days=60),
            )  # fmt: skip
            return
        if late and gate.position in story.in_time:
            self._pass_late(story, release, gate, pm, day)
            return
        if late > 3:
            self._sweep(release, gate)
        self._supply(gate, pm, before, everything=True)
        if gate.position in story.declined:
            self._decline(gate, pm, before)
            self._supply_again(gate, pm, before)
        if 0 < late <= 3:
            self._sweep(release, gate)
        self._submit(gate, pm, before, 10)
        self._approve(gate, day, condition_due_in=story.condition_due_in if gate.position in story.conditions else None)

    def _pass_late(self, story: Story, release: Release, gate: Gate, pm: User, day: date) -> None:
        """Submitted in time, but not decided, or declined and mended too late."""
        assert gate.due_on is not None
        early = self._workday(gate.due_on - timedelta(days=3))
        self._supply(gate, pm, early, everything=True)
        if gate.position in story.declined:
            self._decline(gate, pm, early)
            self._sweep(release, gate)
            self._supply_again(gate, pm, self._workday(day - timedelta(days=2)))
            self._submit(gate, pm, self._workday(day - timedelta(days=2)), 10)
        else:
            self._submit(gate, pm, early, 10)
            self._sweep(release, gate)
        self._approve(gate, day)

    def _present(self, story: Story, release: Release, gate: Gate, pm: User) -> None:
        """The gate that is worked on now."""
        gate.refresh_from_db()
        if story.pushed and gate.due_on is not None:
            new = gate.due_on + timedelta(days=story.pushed)
            day = self.today - timedelta(days=10)
            self._supply(gate, pm, day, everything=True)
            self._decline(gate, pm, day)
            replan_release(
                release_id=release.pk, actor=pm, dates={gate.key: new}, clock=self.at(day, 17),
                reason="No capacity plan for the policy engine: two weeks to staff it.",
            )  # fmt: skip
            self._supply_again(gate, pm, day + timedelta(days=7))
            self._submit(gate, pm, day + timedelta(days=7), 16)
            self._approve(gate, self.today - timedelta(days=1), all_but_one=True)
            self._discuss(gate, pm)
            return
        assert gate.due_on is not None
        day = min(gate.due_on, self.today) - timedelta(days=3)
        if gate.opened_at is not None:
            day = max(day, day_of(gate.opened_at) + timedelta(days=1))
        day = min(day, self.today - timedelta(days=1))
        if story.now != "open":
            self._supply(gate, pm, day, everything=story.now != "partly")
        if story.now == "declined":
            self._decline(gate, pm, day)
        if story.now in ("review", "half"):
            self._submit(gate, pm, day, 16)
        if story.now == "half":
            self._approve(gate, day + timedelta(days=1), all_but_one=True)
        if gate.due_on < self.today:
            self._sweep(release, gate)

    def _discuss(self, gate: Gate, pm: User) -> None:
        """A question and its answer, beside the decisions."""
        day = self.today - timedelta(days=1)
        for who, words, minute in (
            ("hannah", f"@{pm.username} does increment 3 still hold if two people move to support in December?", 40),
            (
                pm.username,
                "Yes. The capacity plan reserves one engineer for it; the second is from @daniel’s team.",
                52,
            ),
        ):
            add_comment(gate_id=gate.pk, actor=self.people[who], text=words, clock=self.at(day, 17, minute))

    def _end(self, story: Story, release: Release, pm: User) -> None:
        yesterday = self.at(self.today - timedelta(days=1), 15)
        if story.end == "cancelled":
            release_actions.cancel_release(
                release_id=release.pk, actor=pm, clock=yesterday,
                reason="Usability findings: nobody wants schedules without dry runs. Dry runs come first, in 2.6.",
            )  # fmt: skip
        elif story.end == "on_hold":
            release_actions.hold_release(
                release_id=release.pk, actor=pm, resume_by=self.today + timedelta(days=45),
                reason="Waits for the partner contract.", clock=self.at(self.today - timedelta(days=12), 15),
            )  # fmt: skip

    def _due_in(self, story: Story) -> int:
        """The story's due day, moved off a weekend: nobody plans for a Sunday."""
        day = self.today + timedelta(days=story.due_in)
        while day.weekday() > 4:
            day += timedelta(days=-1 if story.due_in < 0 else 1)
        return (day - self.today).days

    # --- Steps of a gate --------------------------------------------------------------------------------------

    def _workday(self, day: date) -> date:
        while day.weekday() > 4:
            day -= timedelta(days=1)
        return day

    def _sweep(self, release: Release, gate: Gate) -> None:
        """What the schedule did on the morning after the due day."""
        assert gate.due_on is not None
        day = gate.due_on + timedelta(days=1)
        sweep_release(release.pk, day, self.at(day, 0, 5), False)

    def _supply(self, gate: Gate, pm: User, day: date, *, everything: bool) -> None:
        things = list(Deliverable.objects.filter(gate=gate).order_by("position"))
        wanted = things if everything else things[: max(1, len(things) // 2)]
        for minute, thing in enumerate(wanted):
            kind = "link" if minute % 3 == 2 else "text"
            text = evidence_for(thing.name, gate.release, 1) if kind == "text" else ""
            url = link_for(gate.release, thing.key) if kind == "link" else ""
            save_evidence(
                deliverable_id=thing.pk, actor=pm, kind=kind, text=text, url=url,
                clock=self.at(day - timedelta(days=1), 9, minute * 3),
            )  # fmt: skip

    def _supply_again(self, gate: Gate, pm: User, day: date) -> None:
        """After a decline the first text says more."""
        thing = Deliverable.objects.filter(gate=gate).order_by("position")[0]
        save_evidence(
            deliverable_id=thing.pk, actor=pm, kind="text", text=evidence_for(thing.name, gate.release, 2),
            clock=self.at(day, 9, 40),
        )  # fmt: skip

    def _submit(self, gate: Gate, pm: User, day: date, hour: int) -> None:
        rounds.submit_evidence(
            gate_id=gate.pk, actor=pm, clock=self.at(day, hour, 10), summary=SUMMARIES[gate.key],
        )  # fmt: skip

    def _decline(self, gate: Gate, pm: User, day: date) -> None:
        self._submit(gate, pm, day, 9)
        role = GateRole.objects.filter(gate=gate).select_related("role").order_by("position")[0]
        decider = seat_holders([role.role_id])[role.role_id][0].user
        gate.refresh_from_db()
        decisions.record_decision(
            gate_id=gate.pk, round_number=gate.round_number, role_key=role.role.key, actor=decider, verdict="decline",
            comment="The plan has no capacity for the part that all hangs on. Please add it and say who does it.",
            clock=self.at(day, 9, 30),
        )  # fmt: skip

    def _approve(
        self, gate: Gate, day: date, *, condition_due_in: int | None = None, all_but_one: bool = False
    ) -> None:
        gate.refresh_from_db()
        needed = list(GateRole.objects.filter(gate=gate).select_related("role").order_by("position"))
        held = seat_holders([row.role_id for row in needed])
        if all_but_one:
            needed = needed[:-1]
        for index, row in enumerate(needed):
            decider = held[row.role_id][index % len(held[row.role_id])].user
            conditions = (
                [
                    decisions.NewCondition(
                        "Keyboard-only hand-over test with two customers", self.people["jonas"],
                        self.today + timedelta(days=condition_due_in),
                    )
                ]
                if condition_due_in is not None and index == 0
                else []
            )  # fmt: skip
            clock = self.at(day, 11, index * 7)
            decisions.record_decision(
                gate_id=gate.pk, round_number=gate.round_number, role_key=row.role.key, actor=decider,
                verdict="approve", conditions=conditions,
                signature=Signature(clock()) if gate.needs_signature else None,
                comment="Good to go once the hand-over is tested." if conditions else "Clear, thank you." * bool(index),
                clock=clock,
            )  # fmt: skip
