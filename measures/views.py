"""The forecast of a release, and how good forecasts have been."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from approvals.views.access import page_number, the_product, the_release, today
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.pages import render_page
from measures.pages import calibration as pages
from measures.pages.forecast import forecast_page


@login_required
@require_GET
def release_forecast(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Where a release is heading, and what that is made of."""
    release = the_release(request.user, product, version)
    context = {"release": release, "page": forecast_page(release, today())}
    return render_page(request, "measures/forecast.html", context)


@login_required
@require_GET
def calibration(request: SignedInRequest) -> HttpResponse:
    """Of what was said to come by its P85, how much did: by product."""
    context = {"page": pages.calibration_page(request.user, today())}
    return render_page(request, "measures/calibration.html", context)


@login_required
@require_GET
def calibration_of(request: SignedInRequest, product: str) -> HttpResponse:
    """What was said of one product, and what became of it."""
    found = the_product(request.user, product)
    page, rows = pages.told_page(request.user, found, today(), page_number(request))
    return render_page(request, "measures/told.html", {"product": found, "page": page, "rows": rows})
