"""The first page: my work, or where the person's work is."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.dashboard.queries.home import Home, has_seat, manages_products
from gatekeeper.dashboard.queries.setup import FirstSteps
from gatekeeper.dashboard.queries.weeks import chart_of
from releases.permissions import is_administrator


@login_required
@require_GET
def home(request: SignedInRequest) -> HttpResponse:
    """What to do next, for people with releases; others go to where they have something to do."""
    now = timezone.now()
    work = Home(request.user, now, day_of(now))
    manages = manages_products(request.user)
    if not work.counts["releases"] and not manages:
        if is_administrator(request.user) and not FirstSteps().is_over:
            return redirect("setup")
        if has_seat(request.user):
            return redirect("inbox")
        if request.user.has_perm("releases.view_portfolio"):
            return redirect("portfolio")
    hour = timezone.localtime(now).hour
    context = {
        "work": work,
        "greeting": "Good morning" if hour < 12 else "Good afternoon" if hour < 18 else "Good evening",
        "may_plan": manages or is_administrator(request.user),
        "looks_after": is_administrator(request.user) and not manages,
        "chart": chart_of(work.releases, work.boards, work.today),
    }
    return render(request, "dashboard/home.html", context)
