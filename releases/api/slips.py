"""The slip ledger."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404

from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.shapes import DAY, MOMENT, NUMBER, TEXT, an_object, listed, maybe, one_of, page_of, shape
from gatekeeper.common.api.views import ApiView, describe
from releases.kinds import Cause, MoveKind, SettledHow
from releases.models import DateMove, Release, Slip
from releases.querysets import SlipQuerySet
from releases.rules import TARGET
from releases.serializers import SlipQuery

RELEASE_NAME = an_object({"product": TEXT, "version": TEXT})
SLIP = shape(
    "Slip",
    {
        "release": RELEASE_NAME,
        "gate": TEXT,
        "due_on": DAY,
        "detected_at": MOMENT,
        "cause": one_of(Cause.values),
        "waiting_on": listed(TEXT),
        "days": maybe(NUMBER),
        "settled_at": maybe(MOMENT),
        "settled_by": maybe(TEXT),
        "settled_how": maybe(one_of(SettledHow.values)),
        "moved": listed(an_object({"gate": TEXT, "from": maybe(DAY), "to": maybe(DAY)})),
        "note": TEXT,
    },
)


class ShownSlips:
    """Slips with the dates that settling them moved; one query for all slips of a page."""

    def __init__(self) -> None:
        self.moves: dict[tuple[int, Any], list[DateMove]] = {}

    def prepare(self, slips: Iterable[Slip]) -> None:
        settled = [slip for slip in slips if slip.settled_at is not None]
        moves = DateMove.objects.filter(
            release__in={slip.release_id for slip in settled},
            recorded_at__in={slip.settled_at for slip in settled},
            kind__in=(MoveKind.SLIP, MoveKind.REPLAN),
        )
        for move in moves.select_related("gate").order_by("gate__position", "pk") if settled else ():
            self.moves.setdefault((move.release_id, move.recorded_at), []).append(move)

    def show(self, slip: Slip) -> dict[str, Any]:
        moved = self.moves.get((slip.release_id, slip.settled_at), []) if slip.settled_at else []
        return {
            "release": {"product": slip.release.product.slug, "version": slip.release.version},
            "gate": slip.gate.key,
            "due_on": slip.due_on,
            "detected_at": slip.detected_at,
            "cause": slip.cause,
            "waiting_on": slip.waiting_on,
            "days": slip.days,
            "settled_at": slip.settled_at,
            "settled_by": slip.settled_by.username if slip.settled_by else None,
            "settled_how": slip.settled_how or None,
            "moved": [
                {"gate": move.gate.key if move.gate else TARGET, "from": move.from_on, "to": move.to_on}
                for move in moved
            ],
            "note": slip.note,
        }


class SlipList(ApiView):
    """Both lists of slips."""

    tag = "slips"

    def answer_with(self, found: SlipQuerySet) -> HttpResponseBase:
        query = self.query
        if "product" in query:
            found = found.filter(release__product__slug__in=query["product"])
        if "settled" in query:
            found = found.filter(settled_at__isnull=not query["settled"])
        if "cause" in query:
            found = found.filter(cause__in=query["cause"])
        found = found.select_related("release__product", "gate", "settled_by").order_by(query["ordering"], "-pk")
        shown = ShownSlips()
        return self.page(found, shown.show, prepare=shown.prepare)


class SlipsView(SlipList):
    @describe("The slip ledger", answers={200: page_of("Slip")}, query=SlipQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """Every miss of a gate that you may see, with its cause and what it moved; newest due date first."""
        return self.answer_with(Slip.objects.visible_to(request.user))


class ReleaseSlipsView(SlipList):
    @describe("The slips of a release", answers={200: page_of("Slip")}, query=SlipQuery)
    def get(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        query = Release.objects.visible_to(request.user)
        release = get_object_or_404(query, product__slug=product, version=version)
        return self.answer_with(Slip.objects.filter(release=release))
