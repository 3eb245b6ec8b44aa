"""Some of the demo with what the walk needs besides: the people who are asked, and one release per situation.

Each of two products, a public and a restricted one, gets the same releases through the real actions, so that every
address of the table exists, and every form would be taken from the right person.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.tokens import default_token_generator
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.urls import resolve
from django.utils import timezone
from django.utils.http import urlsafe_base64_encode

from approvals.actions.calendar_links import renew_calendar_link
from approvals.actions.comments import add_comment
from approvals.actions.decisions import NewCondition, record_decision
from approvals.actions.delegations import make_delegation
from approvals.actions.evidence import save_evidence
from approvals.actions.files import begin_upload
from approvals.actions.people import create_person, deactivate_person
from approvals.actions.rounds import submit_evidence, waive_gate
from approvals.actions.seats import grant_seat
from approvals.actions.tokens import create_token
from approvals.links import decide_path
from approvals.models import ApproverRole, Condition, Decision, Deliverable, Evidence, Submission
from gatekeeper.accounts.actions import save_view
from gatekeeper.accounts.calendar_links import secret_of
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock, fixed_clock
from gatekeeper.common.models import Heartbeat
from gatekeeper.common.tasks import BEAT
from gatekeeper.demo import STORIES as ALL_STORIES
from gatekeeper.demo import Demo, Story
from gatekeeper.demo_signins import PASSWORD
from notifications.actions import add_stakeholder
from notifications.kinds import Channel
from notifications.models import Delivery
from notifications.relay import relay_events
from releases import rules
from releases.actions.calendars import add_calendar_entries
from releases.actions.playbooks import create_playbook, publish_playbook, save_draft, start_draft
from releases.actions.products import grant_product_permission
from releases.actions.releases import activate_release, create_release, hold_release, offsets_of, ship_release
from releases.actions.replan import replan_release
from releases.models import Gate, Playbook, PlaybookDraft, Product, ProductLine, Release
from releases.playbook_yaml import write_playbook_text
from releases.playbooks import parse_playbook
from releases.rules import planned_dates

# of the demo's releases, one for each way in which a release can stand
TOLD = {
    ("assist-console", "27.1"),  # declined, replanned, in its second round with one approval
    ("assist-mobile", "6.0"),  # declined
    ("session-recorder", "4.0"),  # missed twice, in review
    ("flow-desk", "12.1"),  # released, the assessment in review and late
    ("flow-desk", "14.0"),  # a draft
    ("runbook-studio", "2.5"),  # cancelled
    ("service-catalog", "8.4"),  # closed, a gate of it waived
    ("service-catalog", "8.6"),  # on hold
    ("insight-lake", "2027.2"),  # the playbook with launch deliverables, in review
    ("signal-stream", "2.1"),  # its first gate, without evidence
}
STORIES = tuple(story for story in ALL_STORIES if (story.product, story.version) in TOLD)
PUBLIC, RESTRICTED = "insight-lake", "signal-stream"
GATE = "market-opportunity"
# the smallest picture there is
PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
REASON = "Because the walk over every address asks for a reason."
# user names by the table's columns; vera and dora are nobody of the demo
PEOPLE: Mapping[str, str] = {
    "outsider": "sam",
    "viewer": "vera",
    "owner": "priya",
    "manager": "nadia",
    "approver": "grace",
    "other_approver": "ines",
    "portfolio": "erik",
    "executive": "helen",
    "administrator": "chloe",
    "deactivated": "dora",
}


# the fields, or how to write them for one person
Form = dict[str, Any] | Callable[[User | None], dict[str, Any]]


@dataclass
class Place:
    """One product with its situations: addresses (arguments by URL name) and forms (data by URL name)."""

    product: Product
    arguments: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: dict[str, Form] = field(default_factory=dict)

    def form(self, name: str, person: User | None) -> dict[str, Any]:
        """What somebody sends."""
        found = self.data.get(name, {})
        return found(person) if callable(found) else found


@dataclass
class Stage:
    """Everything that the tests walk over."""

    people: dict[str, User]
    public: Place
    restricted: Place

    def place(self, name: str) -> Place:
        return {"public": self.public, "restricted": self.restricted}[name]


def set_stage(stories: Sequence[Story] = STORIES) -> Stage:
    """Load the demo, add the people and the releases, and tell everybody of what happened."""
    call_command("load_playbooks", verbosity=0)
    Demo(lambda _line: None, stories=stories).load()
    chloe = User.objects.get(username="chloe")
    for username in ("vera", "dora"):
        person = create_person(
            username=username,
            email=f"{username}@larkfield.example",
            full_name=f"{username.title()} Walker",
            password=PASSWORD,
            actor=chloe,
        )
        for product in Product.objects.filter(slug__in=[PUBLIC, RESTRICTED]):
            grant_product_permission(product=product, codename="view_product", holder=person, actor=chloe)
            if username == "dora":
                grant_product_permission(product=product, codename="manage_product", holder=person, actor=chloe)
                for codename in ("waive_gate", "rebaseline"):
                    grant_product_permission(product=product, codename=codename, holder=person, actor=chloe)
    people = {column: User.objects.get(username=username) for column, username in PEOPLE.items()}
    hotfix = create_playbook(
        name="Hotfix", source=Playbook.objects.filter(slug="seven-gates").order_by("-version")[0], actor=chloe
    )
    publish_playbook(slug="hotfix", revision=hotfix.revision, note="First version.", actor=chloe)
    places = [_set_place(Product.objects.get(slug=slug), people) for slug in (PUBLIC, RESTRICTED)]
    publish_playbook(slug="hotfix", revision=_draft_hotfix(chloe, "Market"), note="A shorter name.", actor=chloe)
    _draft_hotfix(chloe, "Market again")
    deactivate_person(person=people["deactivated"], actor=chloe)
    Heartbeat.objects.beat(BEAT, timezone.now() + timedelta(hours=1))  # the walk may take its time
    people["deactivated"].refresh_from_db()
    relay_events()
    for place in places:
        _add_notices(place, people)
    stage = Stage(people, *places)
    _name_settings(stage)
    return stage


def _draft_hotfix(chloe: User, name: str) -> int:
    """A draft of the playbook Hotfix with another name for its first gate; returns its revision."""
    draft = start_draft(slug="hotfix", actor=chloe)
    definition = copy.deepcopy(draft.definition)
    definition["gates"][0]["name"] = name
    return save_draft(slug="hotfix", revision=draft.revision, definition=definition, actor=chloe).revision


# --- Releases -----------------------------------------------------------------------------------------------------


def _set_place(product: Product, people: Mapping[str, User]) -> Place:
    today = day_of(timezone.now())
    owner = people["owner"]
    playbook = Playbook.objects.filter(slug="seven-gates").order_by("-version")[0]

    then = fixed_clock(timezone.now() - timedelta(days=3))

    def plan(version: str, clock: Clock = database_clock) -> Release:
        target_on = today + timedelta(days=250)
        return create_release(
            product=product, version=version, playbook=playbook, target_on=target_on, actor=owner, clock=clock
        )

    def run(version: str) -> Release:
        return activate_release(release_id=plan(version).pk, actor=owner)

    plan("W.draft")
    create_release(
        product=product, version="W.book", playbook=Playbook.objects.get(slug="hotfix"), actor=owner,
        target_on=today + timedelta(days=250),
    )  # fmt: skip
    work = run("W.work")
    _supply(work, owner)
    review = _in_review(run("W.review"), owner)
    decided = _in_review(run("W.decided"), owner)
    decision = record_decision(
        gate_id=decided.gate_id,
        round_number=1,
        role_key="sales",
        actor=people["approver"],
        verdict="approve",
        comment="Clear once there is a price list.",
        conditions=[NewCondition("Price list for partners", owner, today + timedelta(days=30))],
    )
    hold_release(release_id=run("W.held").pk, actor=owner, reason=REASON, resume_by=today + timedelta(days=20))
    moved = run("W.moved")
    later = {rules.TARGET: today + timedelta(days=260)}
    replan_release(release_id=moved.pk, actor=owner, dates=later, reason=REASON)
    _waive_all(run("W.ready"), people["executive"])
    _released(plan("W.out", then), people["executive"], owner, then)
    mei = User.objects.get(username="mei")
    add_stakeholder(of=work, actor=owner, person=mei)
    add_stakeholder(of=product, actor=owner, person=mei)
    grant_seat(role_id=_seat(product).pk, holder=User.objects.get(username="jonas"), actor=people["administrator"])
    place = Place(product)
    _name_addresses(place, review, decision)
    place.arguments["decide"] = {"link": resolve(decide_path(review.pk, people["approver"].pk)).kwargs["link"]}
    _write_forms(place, people, today, playbook)
    return place


def _gate(release: Release) -> Gate:
    return release.gates.get(key=GATE)


def _supply(release: Release, owner: User) -> None:
    """Every deliverable of the first gate, the first with a file in two versions, the second with an image."""
    for number, thing in enumerate(Deliverable.objects.filter(gate=_gate(release)).order_by("position")):
        if number:
            image = [SimpleUploadedFile("market.gif", PIXEL, "image/gif")] if number == 1 else []
            save_evidence(deliverable_id=thing.pk, actor=owner, kind="text", text="What we found.", uploads=image)
            continue
        for words in (b"first", b"second"):
            upload = SimpleUploadedFile("brief.txt", words, "text/plain")
            save_evidence(deliverable_id=thing.pk, actor=owner, kind="file", uploads=[upload])


def _file(product: str, version: str, deliverable: str, number: int) -> int:
    """The id of the file that a version of a deliverable has."""
    gate = Gate.objects.get(release__product__slug=product, release__version=version, key=GATE)
    return Evidence.objects.get(deliverable__gate=gate, deliverable__key=deliverable, version=number).files.get().pk


def _in_review(release: Release, owner: User) -> Submission:
    _supply(release, owner)
    return submit_evidence(gate_id=_gate(release).pk, actor=owner, summary="Please look at the brief.")


def _waive_all(release: Release, executive: User, clock: Clock = database_clock) -> None:
    until = day_of(timezone.now()) + timedelta(days=60)
    for gate in release.gates.filter(offset_months=None).order_by("position"):
        waive_gate(gate_id=gate.pk, actor=executive, reason=REASON, expires_on=until, clock=clock)


def _released(release: Release, executive: User, owner: User, clock: Clock) -> None:
    """Released some days ago, so that the day can be corrected to one that is not in the future."""
    activate_release(release_id=release.pk, actor=owner, clock=clock)
    _waive_all(release, executive, clock)
    ship_release(release_id=release.pk, actor=owner, released_on=day_of(clock()), clock=clock)


def _seat(product: Product) -> ApproverRole:
    """A seat that a group holds and one more person."""
    return ApproverRole.objects.get(product=product, gate_key=GATE, key="finance")


def _empty(release: Release) -> str:
    """The key of a required deliverable of the second gate, which has no evidence yet."""
    return Deliverable.objects.filter(gate__release=release, gate__position=2, is_required=True)[0].key


def _add_notices(place: Place, people: Mapping[str, User]) -> None:
    """A notice about this product in everybody's list, so that each person reads one of their own."""
    event = Delivery.objects.filter(event__product=place.product, channel=Channel.APP).order_by("-pk")[0]
    mine = {}
    for column, person in people.items():
        found, _made = Delivery.objects.get_or_create(
            event=event.event,
            recipient=person,
            channel=Channel.APP,
            defaults={
                "notice": event.notice,
                "created_at": event.created_at,
                "not_before": event.created_at,
                "state": event.state,
            },
        )
        mine[column] = found.pk
    # the approver's own; everybody else meets somebody else's
    for name in ("notification-read", "notification-open"):
        place.arguments[name] = {"delivery": mine["approver"]}


# --- Addresses and forms ------------------------------------------------------------------------------------------


def _name_addresses(place: Place, review: Submission, decision: Decision) -> None:
    """The arguments of every URL name that takes some."""
    slug = place.product.slug

    def release(version: str) -> dict[str, Any]:
        return {"product": slug, "version": version}

    def gate(version: str) -> dict[str, Any]:
        return release(version) | {"gate": GATE}

    brief = Deliverable.objects.filter(gate=review.gate).order_by("position")[0].key
    thing = Deliverable.objects.get(
        gate__release__product=place.product, gate__release__version="W.work", gate__key=GATE, key=brief
    )
    assert place.product.owner is not None
    upload = begin_upload(deliverable_id=thing.pk, actor=place.product.owner, name="plan.txt", size=4)
    names = place.arguments
    of_product = (
        "product", "product-releases", "product-edit", "product-seats", "seats-prepare", "seat-grant", "seat-revoke",
        "permission-grant", "permission-revoke", "product-watch", "product-stakeholders", "product-stakeholder-remove",
        "calibration-product",
    )  # fmt: skip
    of_release = (
        "release", "release-activity", "release-conditions", "release-forecast", "release-replans", "release-edit",
        "release-hold", "release-cancel", "release-replan", "release-watch", "release-stakeholders",
        "release-stakeholder-remove", "release-report",
    )  # fmt: skip
    names |= {name: {"product": slug} for name in of_product}
    names |= {name: release("W.work") for name in of_release}
    names["release-activate"] = release("W.draft")
    names["release-playbook"] = release("W.book")
    names["release-resume"] = release("W.held")
    names["release-rebaseline"] = release("W.moved")
    names["release-ship"] = release("W.ready")
    names["release-correct-date"] = release("W.out")
    for name in ("gate", "gate-submit", "gate-waive"):
        names[name] = gate("W.work")
    for name in ("evidence-save", "evidence-remove"):
        names[name] = gate("W.work") | {"deliverable": brief}
    for name in ("evidence-first-file", "evidence-restore"):
        names[name] = gate("W.work") | {"deliverable": brief, "number": 1}
    names["evidence-file"] = names["evidence-first-file"] | {"file": _file(slug, "W.work", brief, 1)}
    submitted = gate("W.review") | {"deliverable": brief, "number": 2}
    names["evidence-first-file/submitted"] = submitted
    pictured = Deliverable.objects.filter(gate=review.gate).order_by("position")[1].key
    for name, number in (("evidence-image", "W.work"), ("evidence-image/submitted", "W.review")):
        names[name] = gate(number) | {"deliverable": pictured, "number": 1, "file": _file(slug, number, pictured, 1)}
    for name in ("deliverable-assign", "evidence-draft-discard", "evidence-uploads"):
        names[name] = names["evidence-save"]
    # the upload has begun a draft of the brief already
    names["evidence-draft"] = names["evidence-save"] | {"deliverable": pictured}
    names["evidence-upload"] = names["evidence-upload-remove"] = names["evidence-save"] | {"upload": upload.pk}
    names["evidence-file/submitted"] = submitted | {"file": _file(slug, "W.review", brief, 2)}
    of_review = (
        "gate-withdraw", "gate-decide", "gate-recuse", "gate-record", "gate-record-pdf", "gate-seen", "rounds",
    )  # fmt: skip
    for name in of_review:
        names[name] = gate("W.review")
    names["round"] = gate("W.review") | {"number": 1}
    names["round-compare"] = names["round"] | {"other": 1}
    names["gate-except"] = release("W.work") | {"gate": "use-case-definition"}
    names["gate-revoke"] = gate("W.decided") | {"decision": decision.pk}
    names["condition-close"] = gate("W.decided") | {"condition": Condition.objects.get(decision=decision).pk}
    for name in ("discussion", "mention-options"):
        names[name] = gate("W.review")
    note = add_comment(gate_id=review.gate_id, actor=review.submitted_by, text="Anything unclear? @grace").comment
    names["comment-edit"] = gate("W.review") | {"comment": note.pk}
    place.data |= {name: {"text": "Clear, thank you."} for name in ("discussion", "comment-edit")}
    names["inbox-decide"] = {"submission": review.pk}
    place.data["inbox-approve"] = {"pick": [f"{review.pk}-1-sales"]}


def _write_forms(place: Place, people: Mapping[str, User], today: date, playbook: Playbook) -> None:
    """What the right person would send: a form that is whole, so that a refusal is about the person."""
    soon = (today + timedelta(days=30)).isoformat()
    work = Release.objects.get(product=place.product, version="W.work")
    days = {gate.key: gate.due_on for gate in work.gates.all()}
    moved = dict.fromkeys(days) | {key: (due + timedelta(days=1)).isoformat() for key, due in days.items() if due}
    seat = _seat(place.product)
    decision = {"choice": "approve", "role": "sales", "round": 1, "comment": "Clear, thank you."}
    offsets = offsets_of(parse_playbook(playbook.definition))
    planned = planned_dates(offsets, today + timedelta(days=250))
    place.data.update(
        {
            "release-new": {
                "product": place.product.pk, "version": "W.new", "name": "", "owner": people["owner"].pk,
                "playbook": playbook.pk, "target_on": (today + timedelta(days=300)).isoformat(),
            },
            "release-edit": {"name": "Another theme", "owner": people["owner"].pk},
            "release-activate": {f"dates.{key}": due.isoformat() for key, due in planned.items()},
            "release-hold": {"reason": REASON, "resume_by": soon},
            "release-resume": {"reason": REASON},
            "release-rebaseline": {"reason": REASON},
            "release-cancel": {"reason": REASON},
            "release-ship": {"released_on": today.isoformat(), "reason": REASON},
            "release-correct-date": {"released_on": (today - timedelta(days=1)).isoformat(), "reason": REASON},
            "release-replan": {
                "reason": REASON,
                "dates.target": (work.target_on + timedelta(days=1)).isoformat() if work.target_on else "",
                "initial-dates.target": work.target_on.isoformat() if work.target_on else "",
                **{f"dates.{key}": value for key, value in moved.items()},
                **{f"initial-dates.{key}": due.isoformat() for key, due in days.items() if due},
            },
            "release-playbook": {"reason": REASON, "version": 2},
            "gate-submit": {"summary": "Please look at the brief."},
            "gate-withdraw": {"reason": REASON},
            "gate-seen": {"round": 1},
            "gate-decide": decision,
            "inbox-decide": decision,
            "decide": decision,
            "gate-recuse": {"comment": REASON, "round": 1},
            "gate-except": {"what": f"deliverable:{_empty(work)}", "reason": REASON, "expires_on": soon},
            "gate-waive": {"reason": REASON, "expires_on": soon},
            "gate-revoke": {"reason": REASON},
            "condition-close": {"note": "The price list is there."},
            "evidence-save": {"kind": "text", "text": "What we found since."},
            "evidence-remove": {},
            "deliverable-assign": {"assignee": people["owner"].pk},
            "evidence-draft": {"kind": "text", "text": "What we found so far.", "version": 2},
            "evidence-draft-discard": {},
            "evidence-uploads": {"name": "more.txt", "size": 4},
            "evidence-upload": {},
            "evidence-upload-remove": {},
            "evidence-restore": {},
            "product-edit": {
                "name": place.product.name, "description": "Other words.", "owner": "Priya Raman (priya)",
                "is_restricted": "on" if place.product.is_restricted else "",
            },
            "seats-prepare": {"playbook": playbook.pk},
            "seat-grant": {"role": seat.pk, "holder": "Hannah Price (hannah)"},
            "seat-revoke": {"role": seat.pk, "holder": "Jonas Weber (jonas)"},
            "permission-grant": {"permission": "contribute", "holder": "Jonas Weber (jonas)"},
            "permission-revoke": {"permission": "view_product", "holder": "Vera Walker (vera)"},
            "product-watch": {"watch": "1"},
            "release-watch": {"watch": "1"},
            "product-stakeholders": {"person": "Daniel Okafor (daniel)"},
            "release-stakeholders": {"person": "Daniel Okafor (daniel)"},
            "product-stakeholder-remove": {"person": "Mei Tanaka (mei)"},
            "release-stakeholder-remove": {"person": "Mei Tanaka (mei)"},
        }
    )  # fmt: skip


def _name_settings(stage: Stage) -> None:
    """What belongs to no product: everybody's own pages, and the organisation's settings."""
    place = stage.public
    jonas, dora = User.objects.get(username="jonas"), stage.people["deactivated"]
    group = Group.objects.get(name="Engineering leads")
    for name in (
        "settings-person", "settings-person-join", "settings-person-link", "settings-person-deactivate",
        "settings-person-permissions",
    ):  # fmt: skip
        place.arguments[name] = {"person": jonas.pk}
    for name in (
        "settings-playbook", "settings-playbook-about", "settings-playbook-discard",
        "settings-playbook-rebase", "settings-playbook-publish", "settings-playbook-import",
        "settings-playbook-export-draft", "settings-playbook-compare", "settings-playbook-versions",
    ):  # fmt: skip
        place.arguments[name] = {"slug": "hotfix"}
    place.arguments["settings-playbook-edit"] = {"slug": "seven-gates"}
    for name in ("settings-playbook-version", "settings-playbook-export"):
        place.arguments[name] = {"slug": "hotfix", "version": 1}
    for name in ("portfolio-export", "portfolio-figures-export", "portfolio-waivers-export", "slips-export"):
        place.arguments[name] = {"form": "csv"}
    place.arguments |= {
        "portfolio-chart": {"key": "on-time"},
        "portfolio-ledger": {"slug": "gates"},
        "portfolio-ledger-export": {"slug": "gates", "form": "csv"},
    }
    view = save_view(actor=stage.people["portfolio"], name="Slipped", query="health=slipped")
    for name in ("saved-view", "saved-view-rename", "saved-view-remove"):
        place.arguments[name] = {"key": view.key}
    today = day_of(timezone.now())
    robot = User.objects.get(username="build-bot")
    token = create_token(owner=robot, actor=None, name="Nightly", scopes=("read",), days=30).token
    planned = make_delegation(
        person=jonas, actor=jonas, delegate=None, starts_on=today + timedelta(days=100),
        ends_on=today + timedelta(days=101),
    )  # fmt: skip
    (freeze,), _known = add_calendar_entries(
        kind="freeze", text=f"{today} to {today} Fair", actor=stage.people["administrator"]
    )
    place.arguments |= {
        "settings-day-remove": {"entry": freeze.pk},
        "calendar-feed": {
            "secret": secret_of(renew_calendar_link(person=jonas, actor=jonas, is_everything=False)),
        },
        "calendar-feed/unknown": {"secret": "0123456789abcdefghijkl"},
        "away-of": {"person": jonas.pk},
        "away-assistant-of": {"person": jonas.pk},
        "away-end": {"delegation": planned.pk},
        "settings-token-revoke": {"token": token.pk},
        "settings-token-rotate": {"token": token.pk},
        "session-end": {"session": 1},
        "settings-person-reactivate": {"person": dora.pk},
        "settings-group": {"group": group.pk},
        "settings-group-leave": {"group": group.pk, "person": User.objects.get(username="hannah").pk},
        "settings-line": {"line": "remote-support"},
        "password-set": {
            "identity": urlsafe_base64_encode(str(jonas.pk).encode()),
            "token": default_token_generator.make_token(jonas),
        },
    }

    def profile(person: User | None) -> dict[str, Any]:
        return {"full_name": "Another Name", "email": person.email if person else "", "theme": "dark"}

    absence = {
        "starts_on": today.isoformat(), "ends_on": (today + timedelta(days=9)).isoformat(), "seats": "all",
        "delegate": "Luca Romano (luca)", "reason": "A conference.",
    }  # fmt: skip
    words = {"full_name": "Another Name", "email": "another@larkfield.example"}
    place.data |= {
        "profile": profile,
        "calendar-settings": {"holds": "mine", "do": "renew"},
        "away": absence,
        "away-of": absence,
        "away-assistant": {"assistant": "Luca Romano (luca)"},
        "away-assistant-of": {"assistant": "Luca Romano (luca)"},
        "password": {"current_password": PASSWORD, "password": "another seven gates"},
        "password-set": {"password": "another seven gates"},
        "password-reset": {"email": jonas.email},
        "sign-in": {"username": "sam", "password": PASSWORD},
        "sign-in-again": {"password": PASSWORD},
        "product-new": {
            "name": "Fleet Map", "line": ProductLine.objects.get(slug="remote-support").pk,
            "owner": "Priya Raman (priya)",
        },
        "saved-view-new": {"name": "Everything"},
        "saved-view-rename": {"name": "Late ones"},
        "saved-view-remove": {},
        "settings-organisation": {"name": "Larkfield"},
        "settings-weekdays": {"weekdays": ["1", "2"]},
        "settings-days": {"kind": "holiday", "text": "2027-06-01 Founders"},
        "settings-day-remove": {},
        "settings-person": words,
        "settings-person-new": words | {"username": "another"},
        "settings-service-account-new": words | {"username": "another"},
        "settings-person-join": {"group": Group.objects.get(name="Finance").pk},
        "settings-person-permissions": {"permissions": ["releases.view_portfolio"]},
        "settings-groups": {"name": "Release train"},
        "settings-group": {"person": "Jonas Weber (jonas)"},
        "settings-line-new": {"name": "Field Tools"},
        "settings-playbook-new": {"name": "Rush"},
        "settings-playbook": {"revision": 2, "gate": GATE, "name": "Market", "due": "180", "do": "save"},
        "settings-playbook-about": {"revision": 2, "name": "Hotfix", "description": "Other words."},
        "settings-playbook-discard": {"revision": 2},
        "settings-playbook-rebase": {"revision": 2},
        "settings-playbook-publish": {"revision": 2, "note": REASON},
        "settings-playbook-import": {
            "revision": 2, "confirm": "1",
            "text": write_playbook_text(PlaybookDraft.objects.get(slug="hotfix").definition),
        },
        "settings-line": {"name": "Remote Support", "description": "Other words."},
        "setup": words | {"organisation": "Another", "username": "another", "password": "another seven gates"},
    }  # fmt: skip
