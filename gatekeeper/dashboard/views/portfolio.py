"""The portfolio, on a page and as CSV."""

import logging

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.common.templatetags.gk import GATE_WORDS
from gatekeeper.dashboard import export
from gatekeeper.dashboard.queries.chips import chips_for
from gatekeeper.dashboard.queries.filters import GROUPS, filtered, ordered, read_filters
from gatekeeper.dashboard.queries.portfolio import Portfolio

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
    response = StreamingHttpResponse(export.csv_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="portfolio-{today.isoformat()}.csv"'
    logger.info("Person %s exported the portfolio", request.user.pk)
    return response
