"""The portfolio as JSON, CSV and XLSX: the figures of its page."""

import logging
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import renderers

from approvals.api.shown import Row, ShownReleases, rows_of
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.shapes import DAY, NUMBER, SHARE, TEXT, an_object, listed, maybe, page_of, shape
from gatekeeper.common.api.views import ApiView, describe
from gatekeeper.common.calendars import day_of
from gatekeeper.common.errors import NotAllowed
from gatekeeper.common.tables import XLSX_TYPE, table_response
from gatekeeper.dashboard import export
from gatekeeper.dashboard.queries.filters import filtered, ordered, read_filters
from gatekeeper.dashboard.queries.portfolio import Portfolio
from gatekeeper.dashboard.serializers import PortfolioQuery
from releases.kinds import Health

logger = logging.getLogger(__name__)

PORTFOLIO = shape(
    "Portfolio",
    {
        "as_of": DAY,
        "figures": an_object(
            {
                "total": NUMBER,
                "by_health": an_object(dict.fromkeys(Health.values, NUMBER)),
                "slip_days": NUMBER,
                "waivers": NUMBER,
                "expired_waivers": NUMBER,
                "late_conditions": NUMBER,
                "decision_time": maybe(
                    an_object({"value": TEXT, "unit": TEXT, "of": TEXT, "hours": SHARE, "rounds": NUMBER})
                ),
                "gates": listed(
                    an_object(
                        {
                            "gate": TEXT,
                            "passed": NUMBER,
                            "approved": NUMBER,
                            "on_time": NUMBER,
                            "days_median": NUMBER,
                            "days_p85": NUMBER,
                            "days_planned": maybe(NUMBER),
                            "rounds_mean": SHARE,
                        }
                    )
                ),
                "rounds": listed(an_object({"gate": TEXT, "decided": NUMBER, "declined": NUMBER})),
                "slips": listed(
                    an_object({"line": TEXT, "cause": TEXT, "month": TEXT, "days": NUMBER, "slips": NUMBER})
                ),
            }
        ),
        "releases": page_of("Release"),
    },
)


class _Table(renderers.BaseRenderer):
    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b""


class CsvTable(_Table):
    """Says that this address answers as CSV too."""

    media_type = "text/csv"
    format = "csv"


class XlsxTable(_Table):
    """And as a workbook."""

    media_type = XLSX_TYPE
    format = "xlsx"


class PortfolioView(ApiView):
    tag = "portfolio"
    renderer_classes = [renderers.JSONRenderer, CsvTable, XlsxTable]

    @describe(
        "The portfolio",
        answers={200: PORTFOLIO},
        query=PortfolioQuery,
        media={"text/csv": TEXT, XLSX_TYPE: {"type": "string", "format": "binary"}},
    )
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """The figures of the page over everything that the filters find, and a page of its releases.

        As CSV or XLSX every row. A token needs an owner who sees the whole portfolio.
        """
        user = request.user
        if request.auth is not None and not user.has_perm("releases.view_portfolio"):
            raise NotAllowed("no_view_portfolio", "Only a token of somebody who sees the whole portfolio may ask this.")
        now = timezone.now()
        today = day_of(now)
        filters = read_filters(request._request.GET)
        form = self.query.get("format") or request.accepted_renderer.format
        if form != "json":
            found = ordered(filtered(user, filters, today), filters)
            rows = export.history_rows(found) if filters.is_history else export.release_rows(found, today)
            logger.info("Person %s exported the portfolio", user.pk)
            return table_response(rows, name=f"portfolio-{today.isoformat()}", form=form)
        board = Portfolio(user, filters, now, today, "1")
        shown = ShownReleases(user, today, request.auth.scopes if request.auth is not None else None)
        columns = rows_of(ordered(filtered(user, filters, today), filters))
        data = self.page_data(columns, shown.show, wrap=Row._make, prepare=shown.prepare, count=board.figures.total)
        time = board.decision_time
        charted: dict[str, Any] = {} if filters.is_history else board.as_data()
        return self.answer(
            {
                "as_of": today,
                "figures": {
                    "total": board.figures.total,
                    "by_health": {value: board.figures.count(value) for value in Health.values},
                    "slip_days": board.figures.slip_days,
                    "waivers": board.waivers["open"],
                    "expired_waivers": board.waivers["expired"],
                    "late_conditions": board.late_conditions[0],
                    "decision_time": {
                        "value": time.words[0],
                        "unit": time.words[1],
                        "of": time.note,
                        "hours": charted.get("decision_hours_median", 0),
                        "rounds": time.rounds,
                    }
                    if time
                    else None,
                    **{name: charted.get(name, []) for name in ("gates", "rounds", "slips")},
                },
                "releases": data,
            }
        )
