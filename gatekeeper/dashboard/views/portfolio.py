"""The portfolio, on a page and as CSV."""

import logging

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from approvals.models import Waiver
from approvals.pages.debts import waiver_rows
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.common.tables import table_response
from gatekeeper.common.templatetags.gk import GATE_WORDS
from gatekeeper.dashboard import export
from gatekeeper.dashboard.queries.chips import chips_for
from gatekeeper.dashboard.queries.filters import GROUPS, filtered, ordered, read_filters
from gatekeeper.dashboard.queries.portfolio import Portfolio

WAIVERS_PER_PAGE = 50

logger = logging.getLogger(__name__)


@login_required
@require_GET
def portfolio(request: SignedInRequest) -> HttpResponse:
    """Releases and their gates, filtered by the address."""
    now = timezone.now()
    filters = read_filters(request.GET)
    board = Portfolio(request.user, filters, now, day_of(now), request.GET.get("page", "1"))
    context = {
        "board": board,
        "filters": filters,
        "chips": chips_for(board, request.GET),
        "groups": GROUPS,
        "legend": GATE_WORDS,
        # what the search form must not lose
        "kept": [(name, value) for name, value in request.GET.items() if name not in ("q", "page")],
    }
    template = "dashboard/portfolio_history.html" if filters.is_history else "dashboard/portfolio.html"
    return render(request, template, context)


@login_required
@require_GET
def portfolio_export(request: SignedInRequest) -> StreamingHttpResponse:
    """The filtered set as CSV, streamed."""
    today = day_of(timezone.now())
    filters = read_filters(request.GET)
    found = ordered(filtered(request.user, filters, today), filters)
    rows = export.history_rows(found) if filters.is_history else export.release_rows(found, today)
    logger.info("Person %s exported the portfolio", request.user.pk)
    return table_response(rows, name=f"portfolio-{today.isoformat()}")


@login_required
@require_GET
def portfolio_waivers(request: SignedInRequest) -> HttpResponse:
    """Waivers and exceptions of the filtered releases; `by` is a user name, `at` a gate's key."""
    today = day_of(timezone.now())
    filters = read_filters(request.GET)
    by, at = (request.GET.get(name, "").replace("\x00", "")[:150] for name in ("by", "at"))
    found = (
        Waiver.objects.filter(gate__release__in=filtered(request.user, filters, today).order_by().values("pk"))
        .select_related("gate__release__product", "waived_by")
        .order_by("-waived_at", "-pk")
    )
    if by:
        found = found.filter(waived_by__username=by)
    if at:
        found = found.filter(gate__key=at)
    page = Paginator(found, WAIVERS_PER_PAGE).get_page(request.GET.get("page", "1"))
    rows = waiver_rows(list(page.object_list), today)
    context = {
        "page": page,
        "rows": rows,
        "by": rows[0].waiver.waived_by.full_name if by and rows else by,
        "at": rows[0].waiver.gate.name if at and rows else at,
    }
    return render(request, "dashboard/waivers.html", context)
