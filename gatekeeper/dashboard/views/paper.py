"""What PDFs of the dashboard have in common: who made them, their tiles, and how they are answered."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from approvals.pages.ledger import ledger, moves_of, slips_of
from approvals.pages.releases import LATEST_MOVES, gates_of, release_page
from approvals.views.access import the_release
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.common.templatetags.gk import day, plural_days
from gatekeeper.dashboard.queries.portfolio import Portfolio
from gatekeeper.dashboard.queries.words import counted
from releases.kinds import Health
from releases.models import Organisation

if TYPE_CHECKING:  # reportlab costs a quarter of a second
    from gatekeeper.dashboard.pdf import Sheet, Tile

# rows of the slip ledger on a release's sheet
MOST_SLIPS = 100


def paper_sheet(request: SignedInRequest, now: datetime, *, title: str, sub: str, filters: str) -> "Sheet":
    """The frame of a PDF; `?paper=letter` asks for the other format."""
    from gatekeeper.dashboard.pdf import Sheet

    organisation = Organisation.objects.filter(pk=1).values_list("name", flat=True).first() or ""
    made = f"made {day(now)}, {timezone.localtime(now):%H:%M %Z} by {request.user}"
    return Sheet(title, sub, filters, organisation, made, request.GET.get("paper", "a4"))


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """A file to keep, and not to be kept by anybody in between."""
    response = HttpResponse(content, content_type="application/pdf")
    response.headers["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _since(change: int | None) -> str:
    return "" if change is None else f", {change:+d}" if change else ", ±0"


def paper_tiles(board: Portfolio) -> "list[Tile]":
    """The six tiles of the page, with their changes."""
    from gatekeeper.dashboard.pdf import Tile

    found = [
        Tile(words, str(board.figures.count(value)), f"{note}{_since(board.changes.get(value))}")
        for value, words, note in (
            (Health.ON_TRACK, "On track", "releases"),
            (Health.AT_RISK, "At risk", "releases"),
            (Health.SLIPPED, "Slipped", f"releases, {plural_days(board.figures.slip_days)}"),
        )
    ]
    time = board.decision_time
    found.append(
        Tile("Time to a decision", " ".join(time.words), time.note) if time else Tile("Time to a decision", "–", "")
    )
    late, releases = board.late_conditions
    found.append(Tile("Late conditions", str(late), f"of {counted(releases, 'release')}{_since(board.late_change)}"))
    expired = board.waivers["expired"]
    note = f"{expired} expired" if expired else "none has expired"
    found.append(Tile("Waivers in force", str(board.waivers["open"]), f"{note}{_since(board.waiver_change)}"))
    return found


def history_tiles(board: Portfolio) -> "list[Tile]":
    """The tiles of recorded history."""
    from gatekeeper.dashboard.pdf import Tile

    figures = board.history_figures
    return [
        Tile("Recorded releases", str(board.figures.total), "loaded from files"),
        Tile(
            "Slipped against the baseline", str(figures["slipped"]), f"milestones, {plural_days(figures['slip_days'])}"
        ),
        Tile("Missed the date in force", str(figures["missed"]), f"milestones, {plural_days(figures['missed_days'])}"),
    ]


@login_required
@require_GET
def release_report(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """One release on paper."""
    from gatekeeper.dashboard.pdf import release_pdf

    now = timezone.now()
    release = the_release(request.user, product, version)
    page = release_page(release, day_of(now), manages=False)
    gates = {gate.pk: gate for gate in gates_of(release)}
    slips = ledger(slips_of(release)[:MOST_SLIPS], list(moves_of(release)[:LATEST_MOVES]), gates)
    owner = f"PM {release.owner} · " if release.owner else ""
    sheet = paper_sheet(
        request, now, title=str(release),
        sub=f"{release.product.line} · {owner}{release.playbook} · as of {day(day_of(now))}",
        filters=release.name or str(release.product),
    )  # fmt: skip
    return pdf_response(
        release_pdf(sheet, release=release, page=page, slips=slips),
        f"{product}-{version}-{day_of(now).isoformat()}.pdf",
    )
