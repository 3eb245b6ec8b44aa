"""The portfolio and the lists behind its figures: on pages and as files."""

import logging
from datetime import date

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from approvals.models import Waiver
from approvals.pages.debts import waiver_rows
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.common.tables import table_response
from gatekeeper.common.templatetags.gk import GATE_WORDS, changed_query, day
from gatekeeper.dashboard import export
from gatekeeper.dashboard.queries.chips import chips_for
from gatekeeper.dashboard.queries.figures import PortfolioFigures
from gatekeeper.dashboard.queries.filters import GROUPS, filtered, ordered, read_filters
from gatekeeper.dashboard.queries.ledger_pages import LEDGERS, Ledger, rows_of
from gatekeeper.dashboard.queries.ledgers import waived_gates
from gatekeeper.dashboard.queries.portfolio import Portfolio, history_rows
from gatekeeper.dashboard.queries.portfolio_charts import KEYS, Cards
from gatekeeper.dashboard.queries.saved_views import view_menu
from gatekeeper.dashboard.queries.words import counted
from gatekeeper.dashboard.views.paper import history_tiles, paper_sheet, paper_tiles, pdf_response

WAIVERS_PER_PAGE = LEDGER_ROWS = 50
# rows of the dashboard on paper: some ten pages
MOST_ON_PAPER = 300
IN_FORCE = "in-force"

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
        "menu": view_menu(request.user, request.GET),
        "legend": GATE_WORDS,
        "cards": [] if filters.is_history or not board.figures.total else Cards(board, request.GET).all(),
        # what the search form must not lose
        "kept": [(name, value) for name, value in request.GET.items() if name not in ("q", "page", "view")],
    }
    template = "dashboard/portfolio_history.html" if filters.is_history else "dashboard/portfolio.html"
    return render(request, template, context)


@login_required
@require_GET
def portfolio_export(request: SignedInRequest, form: str) -> StreamingHttpResponse:
    """The filtered set as CSV or XLSX, streamed."""
    today = day_of(timezone.now())
    filters = read_filters(request.GET)
    found = ordered(filtered(request.user, filters, today), filters)
    rows = export.history_rows(found) if filters.is_history else export.release_rows(found, today)
    logger.info("Person %s exported the portfolio", request.user.pk)
    return table_response(rows, name=f"portfolio-{today.isoformat()}", form=form, sheet="Portfolio")


@login_required
@require_GET
def portfolio_pdf(request: SignedInRequest) -> HttpResponse:
    """The dashboard on paper: `?paper=letter` for the other side of the sea."""
    from gatekeeper.dashboard import pdf  # costs a quarter of a second, for those who ask alone

    now = timezone.now()
    today, filters = day_of(now), read_filters(request.GET)
    board = Portfolio(request.user, filters, now, today, per_page=MOST_ON_PAPER)
    left_out = board.figures.total - len(board.releases)
    chosen = [f"{chip.label}: {chip.words}" for chip in chips_for(board, request.GET) if chip.words]
    if filters.text:
        chosen.append(f"Text: {filters.text}")
    chosen.append("All products" if board.sees_everything else f"Products that {request.user} may see")
    total = board.figures.total
    sheet = paper_sheet(
        request, now, title="Recorded history" if filters.is_history else "Portfolio",
        sub=f"{counted(total, 'release')} · as of {day(today)}, {timezone.localtime(now):%H:%M %Z}",
        filters=" · ".join(chosen),
    )  # fmt: skip
    if filters.is_history:
        content = pdf.history_pdf(
            sheet, tiles=history_tiles(board), rows=history_rows(board.releases), left_out=left_out
        )  # fmt: skip
    else:
        content = pdf.portfolio_pdf(
            sheet, tiles=paper_tiles(board), columns=board.columns, groups=board.groups, left_out=left_out,
            cards=Cards(board, request.GET).all() if total else [],
        )  # fmt: skip
    logger.info("Person %s exported the portfolio as PDF", request.user.pk)
    return pdf_response(content, f"portfolio-{today.isoformat()}.pdf")


@login_required
@require_GET
def portfolio_figures_export(request: SignedInRequest, form: str) -> StreamingHttpResponse:
    """The figures of the tiles and charts as CSV or XLSX: what, of which gate, line or month, and how much."""
    now = timezone.now()
    figures = PortfolioFigures(request.user, read_filters(request.GET), now, day_of(now))
    rows = export.figure_rows(figures.as_data())
    return table_response(rows, name=f"figures-{day_of(now).isoformat()}", form=form, sheet="Figures")


@login_required
@require_GET
def portfolio_chart(request: SignedInRequest, key: str) -> HttpResponse:
    """One chart as an SVG file that stands alone."""
    if key not in KEYS:
        raise Http404
    now = timezone.now()
    figures = PortfolioFigures(request.user, read_filters(request.GET), now, day_of(now))
    card = Cards(figures, request.GET).card(key)
    if card.chart is None or not card.chart.views:
        raise Http404
    response = HttpResponse(export.chart_file(card, now), content_type="image/svg+xml")
    response["Content-Disposition"] = f'attachment; filename="{key}-{day_of(now).isoformat()}.svg"'
    return response


@login_required
@require_GET
def portfolio_ledger(request: SignedInRequest, slug: str) -> HttpResponse:
    """The rows behind a figure: those of the tile or the mark that led here."""
    ledger, now = _ledger(slug), timezone.now()
    found = ledger.find(request.user, read_filters(request.GET), request.GET, now)
    page = Paginator(found, LEDGER_ROWS).get_page(request.GET.get("page", "1"))
    narrowed = ledger.narrowings(request.GET)
    board = Portfolio(request.user, read_filters(request.GET), now, day_of(now))
    context = {
        "ledger": ledger,
        "page": page,
        "rows": rows_of(ledger, list(page.object_list), day_of(now)),
        "narrowed": [(one, changed_query(request.GET, {one.name: None, "page": None})) for one in narrowed],
        "chips": [chip for chip in chips_for(board, request.GET) if chip.words],
        "counted": ledger.counted[0 if page.paginator.count == 1 else 1],
        "now": now,
    }
    return render(request, "dashboard/ledger.html", context)


@login_required
@require_GET
def portfolio_ledger_export(request: SignedInRequest, slug: str, form: str) -> StreamingHttpResponse:
    """All rows of such a list."""
    ledger, now = _ledger(slug), timezone.now()
    found = ledger.find(request.user, read_filters(request.GET), request.GET, now)
    rows = ledger.lines(found, day_of(now))
    return table_response(rows, name=f"{slug}-{day_of(now).isoformat()}", form=form, sheet=ledger.title)


def _ledger(slug: str) -> Ledger:
    if slug not in LEDGERS:
        raise Http404
    return LEDGERS[slug]


@login_required
@require_GET
def portfolio_waivers(request: SignedInRequest) -> HttpResponse:
    """Waivers and exceptions of the filtered releases; `by` is a user name, `at` a gate's key.

    `show=in-force` are the waived gates that the tile counts.
    """
    today = day_of(timezone.now())
    by, at = (_word(request, name) for name in ("by", "at"))
    found = _waivers(request, today)
    page = Paginator(found, WAIVERS_PER_PAGE).get_page(request.GET.get("page", "1"))
    rows = waiver_rows(list(page.object_list), today)
    context = {
        "page": page,
        "rows": rows,
        "by": rows[0].waiver.waived_by.full_name if by and rows else by,
        "at": rows[0].waiver.gate.name if at and rows else at,
        "in_force": request.GET.get("show") == IN_FORCE,
    }
    return render(request, "dashboard/waivers.html", context)


@login_required
@require_GET
def portfolio_waivers_export(request: SignedInRequest, form: str) -> StreamingHttpResponse:
    """All waivers and exceptions of the same list."""
    today = day_of(timezone.now())
    rows = export.waiver_lines(_waivers(request, today), today)
    return table_response(rows, name=f"waivers-{today.isoformat()}", form=form, sheet="Waivers and exceptions")


def _word(request: SignedInRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "")[:150]


def _waivers(request: SignedInRequest, today: date) -> QuerySet[Waiver, Waiver]:
    filters = read_filters(request.GET)
    whole = filtered(request.user, filters, today, with_health_filter=False).order_by().values("pk")
    found = (
        waived_gates(whole) if request.GET.get("show") == IN_FORCE else Waiver.objects.filter(gate__release__in=whole)
    )
    if by := _word(request, "by"):
        found = found.filter(waived_by__username=by)
    if at := _word(request, "at"):
        found = found.filter(gate__key=at)
    return found.select_related("gate__release__product", "waived_by").order_by("-waived_at", "-pk")
