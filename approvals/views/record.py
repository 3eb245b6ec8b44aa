"""The gate record as a page and as a PDF, and the page that checks a record's code."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from approvals.pages.gate import gate_url
from approvals.pages.record import GateRecord, gate_record
from approvals.pages.verify import check_code
from approvals.views.at_gate import Place, the_gate
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.pages import render_page


def _record(request: SignedInRequest, place: Place) -> GateRecord:
    return gate_record(place.release, place.gate, place.gates, made_by=request.user, made_at=timezone.now())


def _verify_url() -> str:
    return f"{settings.BASE_URL}{reverse('verify')}"


@login_required
@require_GET
def gate_record_page(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """Everything that is on record of a gate, made for paper."""
    place = the_gate(request.user, product, version, gate)
    context: dict[str, Any] = {
        "record": _record(request, place),
        "release": place.release,
        "gate": place.gate,
        "pdf_url": gate_url(place.gate, place.release, "gate-record-pdf"),
        "verify_url": _verify_url(),
    }
    return render_page(request, "approvals/gate_record.html", context)


@login_required
@require_GET
def gate_record_pdf(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """The same as a file; `?paper=letter` for the other side of the sea."""
    from approvals.pages.record_pdf import PAPERS, record_pdf  # costs a quarter of a second, for those who ask alone

    place = the_gate(request.user, product, version, gate)
    paper = request.GET.get("paper", "a4")
    pdf = record_pdf(_record(request, place), verify_url=_verify_url(), paper=paper if paper in PAPERS else "a4")
    name = f"gate-record-{product}-{version}-{gate}.pdf"
    response = HttpResponse(pdf, content_type="application/pdf")
    response.headers["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@login_required
@require_GET
def verify(request: SignedInRequest) -> HttpResponse:
    """Whether a code stands for a record, and what has happened since; a hidden one is no record."""
    code = request.GET.get("code", "").strip()[:100]
    found = check_code(code, request.user) if code else None
    context: dict[str, Any] = {"code": code, "found": found}
    if found is not None:
        context["url"] = gate_url(found.gate, found.gate.release, "gate-record")
    return render_page(request, "approvals/verify.html", context)
