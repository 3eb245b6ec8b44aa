"""A release: planned, read, and moved through its states."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.actions.playbooks import newer_version
from approvals.forms.releases import (
    MOST_PRODUCTS,
    DayField,
    ReleaseForm,
)
from approvals.pages import products as product_pages
from approvals.pages import releases as pages
from approvals.pages.ledger import baselines, deeds, deeds_of, ledger, moves_of, slips_of
from approvals.views.access import may_manage, page_number, the_product, the_release, today
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, is_fragment, refusal, render_page
from releases import rules
from releases.actions import releases as actions
from releases.actions.releases import offsets_of
from releases.models import Playbook, Product
from releases.permissions import is_administrator, product_permissions
from releases.playbooks import parse_playbook

EVENTS_PER_PAGE = 50
ROWS_PER_PAGE = 50


@login_required
@require_GET
def release_list(request: SignedInRequest) -> HttpResponse:
    """Releases are listed in the portfolio."""
    return redirect("portfolio")


# --- New ----------------------------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "POST"])
def release_new(request: SignedInRequest) -> HttpResponse:
    """A new release as a draft; with htmx only the form comes back when another product is chosen.

    A form that was refused asks again with `?check=1` while it is mended: nothing is made then.
    """
    is_check = is_fragment(request) and "check" in request.GET
    products = Product.objects.visible_to(request.user).filter(owner__isnull=False).order_by("name")
    if not is_administrator(request.user):
        products = products.managed_by(request.user)
    chosen = _chosen_product(request, list(products[: MOST_PRODUCTS + 1]))
    playbooks = product_pages.latest_playbooks()
    options: dict[str, Any] = {"products": products, "product": chosen, "playbooks": playbooks, "today": today()}
    if request.method == "POST":
        form = ReleaseForm(request.POST, **options)
        if form.is_valid() and not is_check:
            values = {name: value for name, value in form.cleaned_data.items() if name != "keep_date"}
            try:
                release = actions.create_release(actor=request.user, **values)
            except NotAllowed as error:
                return refusal(request, error, back_url=reverse("products"), back_words="To the products")
            except DomainError as error:
                apply_problems(form, error)
            else:
                messages.success(request, f"{release} is planned as a draft. Activate it to open its first gate.")
                return redirect("release", product=release.product.slug, version=release.version)
    else:
        form = ReleaseForm(
            initial={key: value for key, value in request.GET.items() if value and key != "product"}, **options
        )
    context = {
        "form": form,
        "product": chosen,
        "is_check": is_check,
        "has_products": products.exists() if chosen is None else True,
        "may_add": is_administrator(request.user) or request.user.has_perm("releases.add_product"),
    } | _dates_context(_typed_playbook(form, playbooks), _typed_day(form), form.today)
    status = 422 if form.is_bound and not is_check else 200
    return render_page(request, "releases/new.html", context, fragment="releases/_new_form.html", status=status)


def _chosen_product(request: SignedInRequest, products: Sequence[Product]) -> Product | None:
    """From the form (an id), the address (a slug), or the only one there is."""
    wanted = request.POST.get("product") or request.GET.get("product", "")
    found = next((one for one in products if wanted in (one.slug, str(one.pk))), None)
    if found is None and wanted and len(products) > MOST_PRODUCTS:
        product = the_product(request.user, wanted) if not wanted.isdigit() else None
        found = product if product is not None and may_manage(request.user, product) else None
    return found or (products[0] if len(products) == 1 else None)


def _typed_day(form: forms.Form) -> date | None:
    """The release date that stands in the form, if it is a day."""
    try:
        return DayField(required=False).clean(form["target_on"].value())
    except forms.ValidationError:
        return None


def _typed_playbook(form: forms.Form, playbooks: Sequence[Playbook]) -> Playbook | None:
    value = str(form["playbook"].value() or "")
    return next((one for one in playbooks if str(one.pk) == value), None)


@dataclass(frozen=True)
class PlannedDay:
    """A line of "Dates this would give"."""

    name: str
    day: date
    is_late: bool
    is_release: bool = False


def _dates_context(playbook: Playbook | None, target_on: date | None, on: date) -> dict[str, Any]:
    """What a playbook and a release date would give, for the card beside the form."""
    if playbook is None or target_on is None:
        return {"dates": [], "late": 0, "earliest": None, "playbook": playbook}
    spec = parse_playbook(playbook.definition)
    due = rules.planned_dates(offsets_of(spec), target_on)
    before = [PlannedDay(g.name, due[g.key], due[g.key] < on) for g in spec.gates if not g.is_after_release]
    after = [PlannedDay(g.name, due[g.key], False) for g in spec.gates if g.is_after_release]
    late = sum(one.is_late for one in before)
    return {
        "dates": [*before, PlannedDay("Release", target_on, target_on < on, True), *after],
        "late": late,
        "earliest": rules.earliest_target(offsets_of(spec), on) if late else None,
        "playbook": playbook,
    }


@login_required
@require_GET
def release_dates(request: SignedInRequest) -> HttpResponse:
    """The card "Dates this would give", for htmx."""
    playbooks = product_pages.latest_playbooks()
    playbook = next((one for one in playbooks if str(one.pk) == request.GET.get("playbook")), None)
    try:
        target_on = DayField(required=False).clean(request.GET.get("target_on", ""))
    except forms.ValidationError:
        target_on = None
    return render(request, "releases/_dates.html", _dates_context(playbook, target_on, today()))


# --- Read ---------------------------------------------------------------------------------------------------------


@login_required
@require_GET
def release_page(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """One release: what is true, what comes next, and how it got here."""
    release = the_release(request.user, product, version)
    may = product_permissions(request.user, release.product)
    manages = "manage_product" in may or is_administrator(request.user)
    page = pages.release_page(
        release, today(), manages=manages, may_rebaseline="rebaseline" in may, lines_wanted=request.GET.get("lines", "")
    )
    newer = newer_version(release) if manages else None
    context = {"release": release, "page": page, "manages": manages, "newer": newer}
    return render_page(request, "releases/release.html", context)


@login_required
@require_GET
def release_activity(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Every event of a release, newest first."""
    release = the_release(request.user, product, version)
    names = {gate.key: gate.name for gate in pages.gates_of(release)}
    page = Paginator(pages.events_of(release), EVENTS_PER_PAGE).get_page(page_number(request))
    context = {"release": release, "page": page, "feed": pages.activities(page.object_list, names)}
    return render_page(request, "releases/activity.html", context)


@login_required
@require_GET
def release_replans(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """The whole slip ledger, what was decided about the plan, every baseline, and every date that moved."""
    release = the_release(request.user, product, version)
    ordered = pages.gates_of(release)
    gates = {gate.pk: gate for gate in ordered}
    deed_page = Paginator(deeds_of(release), ROWS_PER_PAGE).get_page(request.GET.get("deeds", "1"))
    slip_page = Paginator(slips_of(release), ROWS_PER_PAGE).get_page(request.GET.get("slips", "1"))
    move_page = Paginator(moves_of(release), ROWS_PER_PAGE).get_page(page_number(request))
    moves = list(moves_of(release).filter(recorded_at__in=[slip.settled_at for slip in slip_page.object_list]))
    context = {
        "release": release,
        "slip_page": slip_page,
        "slips": ledger(slip_page.object_list, moves, gates),
        "deed_page": deed_page,
        "deeds": deeds(deed_page.object_list, {gate.key: gate.name for gate in ordered}),
        "baselines": baselines(release, ordered) if release.activated_at else [],
        "move_page": move_page,
        "moves": [(move, gates[move.gate_id].name if move.gate_id else "Release") for move in move_page.object_list],
    }
    return render_page(request, "releases/replans.html", context)
