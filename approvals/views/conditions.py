"""A release's conditions, waivers and exceptions."""

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from approvals.models import Waiver
from approvals.pages import debts
from approvals.views.access import page_number, the_release, today
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.pages import render_page
from releases.permissions import product_permissions

PER_PAGE = 50


@login_required
@require_GET
def release_conditions(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Every condition of a release, open ones first, and what was let through without approval."""
    release = the_release(request.user, product, version)
    on, me = today(), request.user.pk
    page = Paginator(debts.conditions_of(release), PER_PAGE).get_page(page_number(request))
    manages = "manage_product" in product_permissions(request.user, release.product)
    waivers = list(Waiver.objects.filter(gate__release=release).select_related("gate").order_by("-waived_at", "-pk"))
    context = {
        "release": release,
        "page": page,
        "rows": [
            (one, one.closed_at is None and (manages or one.owner_id == me), one.closed_at is None and one.due_on < on)
            for one in page.object_list
        ],
        "debts": debts.debts_of(release, on),
        "waivers": debts.waiver_rows(waivers[: debts.MOST_WAIVERS], on),
        "more_waivers": max(0, len(waivers) - debts.MOST_WAIVERS),
    }
    return render_page(request, "releases/conditions.html", context)
