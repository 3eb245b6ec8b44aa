"""One search over everything that somebody may see."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.dashboard.queries.search import KINDS, Search


@login_required
@require_GET
def search(request: SignedInRequest) -> HttpResponse:
    """Releases, gates, products, and people for administrators: the first of each, or a page of one kind."""
    found = Search(
        request.user,
        request.GET.get("q", ""),
        day_of(timezone.now()),
        request.GET.get("in", ""),
        request.GET.get("page", "1"),
    )
    tabs = [(kind, KINDS[kind], count) for kind, count in found.counts.items()]
    return render(request, "dashboard/search.html", {"found": found, "q": found.text, "tabs": tabs})
