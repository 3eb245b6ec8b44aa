"""The notification centre, watching, and the stakeholders of a release or a product."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.views.access import page_number, the_product, the_release
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, is_fragment, refusal, render_page
from notifications import actions
from notifications.follow import Followed, follow_state, stakeholder_list
from notifications.forms import StakeholderBackForm, StakeholderForm
from notifications.lists import by_day, in_app_for, notice_rows

PER_PAGE = 50


@login_required
@require_GET
def notifications(request: SignedInRequest) -> HttpResponse:
    """A person's notices, newest first."""
    mine = in_app_for(request.user)
    unread = mine.filter(read_at__isnull=True)
    show = "unread" if request.GET.get("show") == "unread" else "all"
    chosen = (unread if show == "unread" else mine).select_related(
        "event__actor", "event__on_behalf_of", "event__product", "event__release__product"
    )
    page = Paginator(chosen, PER_PAGE).get_page(page_number(request))
    context = {
        "page": page,
        "groups": by_day(notice_rows(page.object_list)),
        "show": show,
        "unread": page.paginator.count if show == "unread" else unread.count(),
    }
    return render_page(request, "notifications/list.html", context)


@login_required
@require_POST
def read_all(request: SignedInRequest) -> HttpResponse:
    """Mark everything as read."""
    count = actions.mark_read(person=request.user)
    messages.success(request, "1 notice is read." if count == 1 else f"{count} notices are read.")
    return redirect("notifications")


@login_required
@require_POST
def read_one(request: SignedInRequest, delivery: int) -> HttpResponse:
    """Mark one notice as read and stay in the list."""
    found = get_object_or_404(in_app_for(request.user), pk=delivery)
    actions.mark_read(person=request.user, deliveries=[found.pk])
    back = request.POST.get("back", "")
    # an own path and nothing else: "//host" is somebody else's
    is_own = back.startswith("/") and url_has_allowed_host_and_scheme(back, None)
    return HttpResponseRedirect(back) if is_own else redirect("notifications")


@login_required
@require_POST
def open_one(request: SignedInRequest, delivery: int) -> HttpResponse:
    """Mark one notice as read and go where it leads. A POST, since no GET may change anything."""
    query = in_app_for(request.user).select_related(
        "event__actor", "event__on_behalf_of", "event__product", "event__release__product"
    )
    found = get_object_or_404(query, pk=delivery)
    actions.mark_read(person=request.user, deliveries=[found.pk])
    rows = notice_rows([found])
    return redirect(rows[0].url if rows else "notifications")


# --- Watching -----------------------------------------------------------------------------------------------------


def _followed(request: SignedInRequest, product: str, version: str) -> Followed:
    return the_release(request.user, product, version) if version else the_product(request.user, product)


@login_required
@require_POST
def watch(request: SignedInRequest, product: str, version: str = "") -> HttpResponse:
    """Watch (`watch=1`) or stop to watch a release or a product; htmx gets the button back, others the page."""
    found = _followed(request, product, version)
    is_on = request.POST.get("watch") == "1"
    try:
        if is_on:
            actions.watch(of=found, actor=request.user)
        else:
            actions.unwatch(of=found, actor=request.user)
    except DomainError as error:
        return refusal(request, error, back_url=follow_state(found, request.user).page)
    state = follow_state(found, request.user)
    if is_fragment(request):
        context = {"state": state, "has_focus": True}
        return render_page(request, "notifications/_watch_button.html", context)
    messages.success(request, f"You {'watch' if is_on else 'do not watch'} {found}{'' if is_on else ' any more'}.")
    return redirect(state.page)


# --- Stakeholders -------------------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "POST"])
def stakeholders(request: SignedInRequest, product: str, version: str = "") -> HttpResponse:
    """The stakeholders of a release or a product; a POST adds one."""
    found = _followed(request, product, version)
    form = StakeholderForm(request.POST or None)
    if form.is_valid():
        try:
            actions.add_stakeholder(of=found, actor=request.user, person=form.cleaned_data["person"])
        except NotAllowed as error:
            return refusal(request, error, back_url=follow_state(found, request.user).page)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{form.cleaned_data['person']} is told of {found} from now on.")
            if is_fragment(request):
                return _stakeholders(request, found, StakeholderForm())
            return redirect(request.path)
    return _stakeholders(request, found, form)


def _stakeholders(request: SignedInRequest, found: Followed, form: StakeholderForm) -> HttpResponse:
    context = {
        "one": stakeholder_list(found, request.user, page_number(request)),
        "state": follow_state(found, request.user),
        "form": form,
        "is_open": form.is_bound,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render_page(
        request, "notifications/stakeholders.html", context, fragment="notifications/_stakeholders.html", status=status
    )


@login_required
@require_POST
def stakeholder_remove(request: SignedInRequest, product: str, version: str = "") -> HttpResponse:
    """Take somebody off the list."""
    found = _followed(request, product, version)
    form = StakeholderBackForm(request.POST)
    back = follow_state(found, request.user).stakeholders
    if not form.is_valid():
        messages.error(request, "This person is not on the list any more.")
        return redirect(back)
    try:
        actions.remove_stakeholder(of=found, actor=request.user, person=form.cleaned_data["person"])
    except DomainError as error:
        return refusal(request, error, back_url=back)
    messages.success(request, f"{form.cleaned_data['person']} is not told of {found} any more.")
    return _stakeholders(request, found, StakeholderForm()) if is_fragment(request) else redirect(back)
