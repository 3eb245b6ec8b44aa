"""Releases: listed, planned in one request, changed, and moved through their states."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Count, F, Max, Q, Sum
from django.db.models.functions import ExtractDay, ExtractMonth, ExtractYear
from django.http import HttpResponse, HttpResponseBase

from approvals.actions.deliverables import assign_deliverable
from approvals.actions.seats import grant_seat
from approvals.api.places import named_person, the_product, the_release, today
from approvals.api.shown import MOVE, RELEASE, Row, ShownReleases, rows_of
from approvals.models import ApproverRole, Deliverable
from approvals.serializers import (
    ActivateBody,
    HoldBody,
    NewRelease,
    ReasonBody,
    ReleaseChange,
    ReleaseQuery,
    ReplanBody,
    ResumeBody,
    ShipBody,
)
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api import tags
from gatekeeper.common.api.shapes import FLAG, listed, maybe, page_of, shape
from gatekeeper.common.api.views import ApiView, describe
from gatekeeper.common.errors import Conflict, DomainError, FieldProblem, Refused
from releases import rules
from releases.actions import releases as verbs
from releases.actions.baselines import rebaseline_release
from releases.actions.replan import plan_dates, replan_release
from releases.kinds import ReleaseState
from releases.locking import lock_release
from releases.models import DateMove, Gate, Organisation, Playbook, Release
from releases.permissions import require_manage
from releases.querysets import ReleaseQuerySet

REPLANNED = shape("Replanned", {"preview": FLAG, "moves": listed(MOVE), "release": maybe(RELEASE)})


def shown_to(request: ApiRequest, *, has_trend: bool = True) -> ShownReleases:
    """Releases as this caller gets them."""
    scopes = request.auth.scopes if request.auth is not None else None
    return ShownReleases(request.user, today(), scopes, has_trend=has_trend)


def show_one(request: ApiRequest, release_id: int) -> dict[str, Any]:
    """One release as it is stored now."""
    shown = shown_to(request)
    row = Row._make(rows_of(Release.objects.filter(pk=release_id)).get())
    shown.prepare([row])
    return shown.show(row)


def filtered(found: ReleaseQuerySet, query: Mapping[str, Any], on: date) -> ReleaseQuerySet:
    """Releases by the filters of a list; several words of one filter are alternatives."""
    columns = {
        "product": "product__slug__in",
        "line": "product__line__slug__in",
        "status": "state__in",
        "owner": "owner__username__in",
        "gate": "current_gate__in",
        "target_before": "target_on__lt",
        "target_after": "target_on__gt",
    }
    found = found.filter(**{column: query[name] for name, column in columns.items() if name in query})
    if "health" in query:
        found = found.with_health(on).filter(Q(health_value__in=query["health"]))
    if "slipped" in query:
        slipped = Q(open_slips__gt=0) | Q(slip_days__gt=0)
        found = found.filter(slipped if query["slipped"] else ~slipped)
    if "q" in query:
        words = query["q"]
        found = found.filter(Q(version__icontains=words) | Q(name__icontains=words) | Q(product__name__icontains=words))
    return found


class ReleasesView(ApiView):
    tag = "releases"

    @describe("Releases", answers={200: page_of("Release")}, query=ReleaseQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """The releases that you may see, with the states and dates of their gates.

        How health compares with 14 days ago (`health.trend`) is worked out when `trend=true` asks for it.
        """
        found = filtered(Release.objects.visible_to(request.user), self.query, today())
        count, tag = self._state_of(found)
        if tags.is_known(tag, request._request):
            return self.not_modified({"ETag": tag, "Cache-Control": "private, no-store"})
        shown = shown_to(request, has_trend=self.query.get("trend", False))
        word = self.query["ordering"]
        column = {"product": "product__slug"}.get(word.lstrip("-"), word.lstrip("-"))
        found = found.order_by(f"-{column}" if word.startswith("-") else column, "pk")
        response = self.page(rows_of(found), shown.show, wrap=Row._make, prepare=shown.prepare, count=count)
        response.headers["ETag"] = tag
        return response

    def _state_of(self, found: ReleaseQuerySet) -> tuple[int, str]:
        """How many there are, and a tag of everything that the list shows: one query over the releases.

        A release's number of events rises with whatever changes in it, the organisation's with everything else: names,
        grants, seats. The forecast writes its days later and beside them, so that they are summed up too.
        """
        state = found.order_by().aggregate(
            count=Count("pk"),
            events=Sum("event_number"),
            changes=Sum("revision"),
            newest=Max("pk"),
            p50=_sum_of_days("p50_on"),
            p85=_sum_of_days("p85_on"),
        )
        events = Organisation.objects.values_list("event_number", flat=True).first()
        parts = [str(value) for value in (*state.values(), events, self.request._request.get_full_path())]
        return state["count"], tags.tag_of(hashlib.sha256("|".join(parts).encode()).digest(), self.request._request)

    @describe(
        "Plan a release",
        answers={201: RELEASE, 200: RELEASE},
        body=NewRelease,
    )
    def post(self, request: ApiRequest) -> HttpResponseBase:
        """A release with its gates, dates, seats and suppliers in one request: all of it or nothing.

        With `upsert` a version that exists is changed to what is said (200): the same request may be sent again and
        again. Seats are only given, never taken.
        """
        with transaction.atomic():
            release, is_new = _plan(request.user, self.said)
        headers = {"Location": f"/api/v1/releases/{release.product.slug}/{release.version}/"}
        return self.answer(show_one(request, release.pk), 201 if is_new else 200, headers)


def _sum_of_days(column: str) -> Sum:
    """A number that changes when a day of some release does, each release with a weight of its own."""
    day = ExtractYear(column) * 372 + ExtractMonth(column) * 31 + ExtractDay(column)
    return Sum(day * (F("pk") % 997 + 1))


@contextmanager
def renamed(rename: Callable[[str], str]) -> Iterator[None]:
    """Fields of a refusal by the names of the request."""
    try:
        yield
    except DomainError as error:
        error.fields = tuple(FieldProblem(rename(p.field), p.code, p.message) for p in error.fields)
        raise


def _gate_field(name: str) -> str:
    key = name.removeprefix("dates.")
    if key == name:
        return name
    return "target_on" if key == rules.TARGET else f"gates.{key}.due_on"


def _plan(user: User, said: Mapping[str, Any]) -> tuple[Release, bool]:
    """Create a release or change it to what is said. Runs inside a transaction."""
    product = the_product(user, said["product"])
    require_manage(user, product)
    playbook = Playbook.objects.filter(slug=said["playbook"]).order_by("-version").first()
    if playbook is None:
        raise Refused.for_field("playbook", "unknown_playbook", f"There is no playbook {said['playbook']}.")
    gates: Mapping[str, Mapping[str, Any]] = said.get("gates", {})
    dates = {key: gate["due_on"] for key, gate in gates.items() if "due_on" in gate}
    owner = named_person(said["owner"], "owner") if "owner" in said else None
    found = Release.objects.filter(product=product, version=said["version"]).first() if said.get("upsert") else None
    is_new = found is None
    if found is None:
        found = verbs.create_release(
            product=product,
            version=said["version"],
            target_on=said["target_on"],
            playbook=playbook,
            name=said.get("name", ""),
            owner=owner,
            actor=user,
        )
    else:
        found = _change(user, found, said, owner, dates)
    if found.state == ReleaseState.DRAFT and said.get("activate"):
        with renamed(_gate_field):
            found = verbs.activate_release(release_id=found.pk, actor=user, dates=dates)
    elif found.state == ReleaseState.DRAFT and dates:
        key = sorted(dates)[0]
        raise Refused.for_field(
            f"gates.{key}.due_on", "not_active", "Gates get their dates when the release is activated: say activate."
        )
    for key, gate in gates.items():
        _furnish(user, found, key, gate)
    return Release.objects.select_related("product").get(pk=found.pk), is_new


def _change(
    user: User, release: Release, said: Mapping[str, Any], owner: User | None, dates: Mapping[str, date]
) -> Release:
    """An existing release as it is said: words, and dates by a re-plan once it runs."""
    name, wanted = said.get("name", release.name), owner or release.owner
    is_draft = release.state == ReleaseState.DRAFT
    if wanted is not None and (
        (name, wanted.pk) != (release.name, release.owner_id) or (is_draft and said["target_on"] != release.target_on)
    ):
        verbs.change_release(
            release_id=release.pk,
            actor=user,
            name=name,
            owner=wanted,
            target_on=said["target_on"] if is_draft else None,
        )
    if not is_draft:
        now = {gate.key: gate.due_on for gate in Gate.objects.filter(release=release)}
        moved = {key: on for key, on in dates.items() if now.get(key) != on}
        if said["target_on"] != release.target_on:
            moved[rules.TARGET] = said["target_on"]
        if moved:
            with renamed(_gate_field):
                replan_release(release_id=release.pk, actor=user, dates=moved, reason=said.get("reason", ""))
    return Release.objects.get(pk=release.pk)


def _furnish(user: User, release: Release, key: str, said: Mapping[str, Any]) -> None:
    """Seats and suppliers of one gate."""
    seats, suppliers = said.get("seats", {}), said.get("deliverables", {})
    for role_key, holders in seats.items():
        role = ApproverRole.objects.filter(product=release.product_id, gate_key=key, key=role_key).first()
        if role is None:
            words = f"There is no seat {role_key} at {key}: activation makes those of the playbook."
            raise Refused.for_field(f"gates.{key}.seats.{role_key}", "unknown_role", words)
        for name in holders:
            place = f"gates.{key}.seats.{role_key}"
            with renamed(lambda _field, place=place: place):  # type: ignore[misc]
                grant_seat(role_id=role.pk, holder=_holder(name, place), actor=user)
    for deliverable_key, username in suppliers.items():
        place = f"gates.{key}.deliverables.{deliverable_key}"
        thing = Deliverable.objects.filter(gate__release=release, gate__key=key, key=deliverable_key).first()
        if thing is None:
            words = f"{key} asks for no deliverable {deliverable_key}, or the release is not active yet."
            raise Refused.for_field(place, "unknown_deliverable", words)
        with renamed(lambda _field, place=place: place):  # type: ignore[misc]
            assign_deliverable(deliverable_id=thing.pk, actor=user, assignee=named_person(username, place))


def _holder(name: str, place: str) -> User | Group:
    if not name.startswith("group:"):
        return named_person(name, place)
    group = Group.objects.filter(name=name.removeprefix("group:")).first()
    if group is None:
        raise Refused.for_field(place, "unknown_group", f"There is no group {name.removeprefix('group:')}.")
    return group


class ReleaseView(ApiView):
    tag = "releases"

    @describe("A release", answers={200: RELEASE})
    def get(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """With its gates, health and dates, and what you may do with it now."""
        return self.answer(show_one(request, the_release(request.user, product, version).pk))

    @describe("Change a release", answers={200: RELEASE}, body=ReleaseChange, has_match=True)
    def patch(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Its theme and product manager; a draft's target too. Dates of a running release are re-planned."""
        release = the_release(request.user, product, version)
        require_manage(request.user, release.product)
        said = self.said
        owner = named_person(said["owner"], "owner") if "owner" in said else release.owner
        if owner is None:
            raise Refused.for_field("owner", "required", "Name a product manager.")
        with transaction.atomic():
            lock_release(release.pk, actor=request.user)
            self.require_match(show_one(request, release.pk))
            verbs.change_release(
                release_id=release.pk,
                actor=request.user,
                name=said.get("name", release.name),
                owner=owner,
                target_on=said.get("target_on"),
            )
        return self.answer(show_one(request, release.pk))


class ReleaseVerb(ApiView):
    """A verb on a release; the answer is the release afterwards."""

    tag = "releases"

    def done(self, request: ApiRequest, product: str, version: str, act: Callable[[int], object]) -> HttpResponse:
        release = the_release(request.user, product, version)
        act(release.pk)
        return self.answer(show_one(request, release.pk))


class ReleaseActivateView(ReleaseVerb):
    @describe("Activate a release", answers={200: RELEASE}, body=ActivateBody, is_body_optional=True)
    def post(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Makes the gates of its playbook, freezes the baseline, opens the first gate."""
        dates = self.said.get("dates", {})
        return self.done(
            request,
            product,
            version,
            lambda pk: verbs.activate_release(release_id=pk, actor=request.user, dates=dates),
        )


class ReleaseHoldView(ReleaseVerb):
    @describe("Put a release on hold", answers={200: RELEASE}, body=HoldBody)
    def post(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Nobody is missed or nagged until it is resumed."""
        return self.done(
            request,
            product,
            version,
            lambda pk: verbs.hold_release(release_id=pk, actor=request.user, **self.said),
        )


class ReleaseResumeView(ReleaseVerb):
    @describe("Resume a release", answers={200: RELEASE}, body=ResumeBody, is_body_optional=True)
    def post(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Every date that was not missed moves by the days held; held days are no slip."""
        return self.done(
            request,
            product,
            version,
            lambda pk: verbs.resume_release(release_id=pk, actor=request.user, **self.said),
        )


class ReleaseCancelView(ReleaseVerb):
    @describe("Cancel a release", answers={200: RELEASE}, body=ReasonBody)
    def post(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Ends the open round and every timer. Ending a release on evidence is a good outcome."""
        return self.done(
            request,
            product,
            version,
            lambda pk: verbs.cancel_release(release_id=pk, actor=request.user, **self.said),
        )


class ReleaseShipView(ReleaseVerb):
    @describe("Record that a release is out", answers={200: RELEASE}, body=ShipBody)
    def post(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Needs the last gate before the release approved or waived; fixes the assessment's day and opens it."""
        return self.done(
            request,
            product,
            version,
            lambda pk: verbs.ship_release(release_id=pk, actor=request.user, **self.said),
        )


class ReleaseRebaselineView(ReleaseVerb):
    @describe("Set a new baseline", answers={200: RELEASE}, body=ReasonBody)
    def post(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """The plan in force becomes the baseline; the old one is kept. Needs the permission `rebaseline`."""
        return self.done(
            request,
            product,
            version,
            lambda pk: rebaseline_release(release_id=pk, actor=request.user, **self.said),
        )


class ReleaseReplanView(ApiView):
    tag = "releases"

    @describe("Re-plan a release", answers={200: REPLANNED}, body=ReplanBody)
    def post(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Moves one or more dates with a reason; later gates move along unless pinned.

        Answers with every date that moves. With `preview` nothing is changed, and `release` is null.
        """
        release = the_release(request.user, product, version)
        said = self.said
        dates, pins = said.get("dates", {}), said.get("pins", {})
        if said.get("preview"):
            require_manage(request.user, release.product)
            return self.answer({"preview": True, "moves": _planned(release, dates, pins), "release": None})
        with transaction.atomic():
            before = lock_release(release.pk, actor=request.user).release.event_number
            replan_release(
                release_id=release.pk, actor=request.user, dates=dates, pins=pins, reason=said.get("reason", "")
            )
            moves = [
                {
                    "gate": move.gate.key if move.gate else rules.TARGET,
                    "name": move.gate.name if move.gate else "Release",
                    "from": move.from_on,
                    "to": move.to_on,
                    "is_cascade": move.is_cascade,
                }
                for move in DateMove.objects.filter(release=release, event_number__gt=before)
                .select_related("gate")
                .order_by("event_number")
            ]
        return self.answer({"preview": False, "moves": moves, "release": show_one(request, release.pk)})


def _planned(release: Release, dates: Mapping[str, date], pins: Mapping[str, bool]) -> list[dict[str, Any]]:
    if release.state not in (ReleaseState.ACTIVE, ReleaseState.RELEASED):
        words = ReleaseState(release.state).label.lower()
        raise Conflict("release_not_active", f"{release} is {words}; this is not possible now.")
    gates = list(Gate.objects.filter(release=release).order_by("position"))
    plan = plan_dates(release, gates, dates, pins, today())
    if plan.problems:
        raise Refused(plan.problems[0].code, plan.problems[0].message, fields=plan.problems)
    return [
        {
            "gate": move.key or rules.TARGET,
            "name": move.name,
            "from": move.from_on,
            "to": move.to_on,
            "is_cascade": move.is_cascade,
        }
        for move in plan.moves
    ]
