"""Rounds of a gate: the list, and each one under an address that stays."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from approvals.models import Submission
from approvals.pages.gate import declines_of, round_lines
from approvals.pages.rounds import RoundPage, rounds_of
from approvals.pages.sides import SidesPage
from approvals.views.access import page_number
from approvals.views.at_gate import the_gate
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.pages import render_page

PER_PAGE = 25


@login_required
@require_GET
def round_list(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """Every round of a gate, newest first."""
    place = the_gate(request.user, product, version, gate)
    listed = Paginator(rounds_of(place.gate), PER_PAGE).get_page(page_number(request))
    numbers = [submission.number for submission in listed]
    declines = declines_of(place.gate, request.user, after=min(numbers) - 1) if numbers else {}
    context = {
        "release": place.release,
        "gate": place.gate,
        "page_obj": listed,
        "lines": round_lines(listed, place.gate, place.release, declines),
    }
    return render_page(request, "approvals/rounds.html", context)


@login_required
@require_GET
def round_page(request: SignedInRequest, product: str, version: str, gate: str, number: int) -> HttpResponse:
    """One round: exactly what was submitted, and what was decided."""
    place = the_gate(request.user, product, version, gate)
    found = get_object_or_404(Submission.objects.select_related("submitted_by"), gate=place.gate, number=number)
    context = {
        "page": RoundPage(place.release, place.gate, found, request.user),
        "release": place.release,
        "gate": place.gate,
        "all_open": request.GET.get("open") == "all",
    }
    return render_page(request, "approvals/round.html", context)


@login_required
@require_GET
def round_compare(
    request: SignedInRequest, product: str, version: str, gate: str, number: int, other: int
) -> HttpResponse:
    """A round beside an earlier one, line by line."""
    place = the_gate(request.user, product, version, gate)
    new, old = (get_object_or_404(Submission, gate=place.gate, number=n) for n in (number, min(other, number)))
    context = {"page": SidesPage(place.release, place.gate, new, old), "release": place.release, "gate": place.gate}
    return render_page(request, "approvals/round_compare.html", context)
