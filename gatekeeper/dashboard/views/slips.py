"""The slip ledger of all releases: on a page and as a file."""

import logging

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.common.tables import table_response
from gatekeeper.dashboard.queries.slips import (
    MEASURES,
    SlipBoard,
    found_slips,
    ledger_rows,
    ordered_slips,
    read_slip_filters,
    slip_lines,
    with_facts,
)

PER_PAGE = 50

logger = logging.getLogger(__name__)


@login_required
@require_GET
def slips(request: SignedInRequest) -> HttpResponse:
    """Every missed date that the person may see: why, what it cost, who settled it and what it moved."""
    now = timezone.now()
    filters = read_slip_filters(request.GET)
    board = SlipBoard(request.user, filters, day_of(now), request.GET)
    found = with_facts(ordered_slips(board.found, filters))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page", "1"))
    context = {
        "board": board,
        "filters": filters,
        "page": page,
        "rows": ledger_rows(list(page.object_list)),
        "measures": MEASURES,
        "now": now,
        "kept": [(name, value) for name, value in request.GET.items() if name not in ("from", "until", "page")],
    }
    return render(request, "dashboard/slips.html", context)


@login_required
@require_GET
def slips_export(request: SignedInRequest, form: str) -> StreamingHttpResponse:
    """The filtered set as CSV or XLSX, streamed, in the order of the page."""
    today = day_of(timezone.now())
    filters = read_slip_filters(request.GET)
    found = with_facts(ordered_slips(found_slips(request.user, filters, today), filters))
    logger.info("Person %s exported the slips", request.user.pk)
    return table_response(slip_lines(found), name=f"slip-ledger-{today.isoformat()}", form=form, sheet="Slip ledger")
