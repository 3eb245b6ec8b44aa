"""API tokens: listed, made, rotated, revoked. The text of a token is shown once, in the answer that made it."""

from datetime import datetime
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from approvals import rules
from approvals.actions.people import create_person
from approvals.actions.tokens import MOST_DAYS, PASSWORD_REQUIRED, Made, create_token, revoke_token, rotate_token
from gatekeeper.accounts.fresh import reauthenticated_at
from gatekeeper.accounts.models import ApiToken, User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.clock import database_clock
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import apply_problems, refusal, render_page
from gatekeeper.dashboard.queries.tokens import token_rows, tokens_of
from gatekeeper.dashboard.token_forms import RotateForm, ServiceAccountForm, TokenForm
from gatekeeper.dashboard.views.access import administrators_only
from releases.models import Product
from releases.permissions import is_administrator

PER_PAGE = 50


def _password_first(wanted: str) -> HttpResponse:
    """To the page that asks for the password, and from there to an address."""
    return redirect(f"{reverse('sign-in-again')}?{urlencode({'next': wanted})}")


def _fresh(request: SignedInRequest) -> datetime | None:
    at = reauthenticated_at(request)
    return at if at is not None and rules.is_fresh(at, database_clock()) else None


def _list(request: SignedInRequest, made: Made | None = None) -> HttpResponse:
    now = timezone.now()
    ended = request.GET.get("show") == "ended"
    page = Paginator(tokens_of(request.user, now, ended=ended), PER_PAGE).get_page(request.GET.get("page", "1"))
    context = {
        "rows": token_rows(list(page.object_list), now),
        "page": page,
        "made": made,
        "ended": ended,
        "is_administrator": is_administrator(request.user),
        "most_days": MOST_DAYS,
    }
    return render_page(request, "dashboard/settings/tokens.html", context)


@login_required
@require_GET
def tokens(request: SignedInRequest) -> HttpResponse:
    """One's own tokens; for administrators those of service accounts too."""
    return _list(request)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def token_new(request: SignedInRequest) -> HttpResponse:
    """A new token, after the password was given again."""
    user, at = request.user, _fresh(request)
    wanted = reverse("settings-token-new")
    if at is None:
        kept = _typed(request.POST if request.method == "POST" else request.GET)
        return _password_first(f"{wanted}?{kept}" if kept else wanted)
    administers = is_administrator(user)
    data = request.POST if request.method == "POST" else None
    form = TokenForm(
        data,
        initial=_initial(request.GET),
        products=Product.objects.visible_to(user).order_by("name"),
        owners=User.objects.filter(is_service=True, is_active=True) if administers else None,
    )
    if form.is_valid():
        said = form.cleaned_data
        try:
            made = create_token(
                owner=said.get("owner") or user,
                actor=user,
                name=said["name"],
                scopes=said["scopes"],
                days=said["days"],
                products=said["products"],
                checks=said["checks"],
                reauthenticated_at=at,
            )
        except DomainError as error:
            if error.code == PASSWORD_REQUIRED:
                return _password_first(f"{wanted}?{_typed(request.POST)}")
            apply_problems(form, error)
        else:
            return _list(request, made)
    return render_page(
        request, "dashboard/settings/token_new.html", {"form": form}, status=422 if form.is_bound else 200
    )


def _typed(given: QueryDict) -> str:
    """What was typed, for the address to come back to; nothing of it is secret."""
    return urlencode([(name, value) for name in TokenForm.base_fields for value in given.getlist(name)])[:800]


def _initial(given: QueryDict) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in TokenForm.base_fields:
        values = [value for value in given.getlist(name) if "\x00" not in value]
        if values:
            found[name] = values if name in ("scopes", "products") else values[0]
    return found


def _the_token(request: SignedInRequest, token: int) -> ApiToken:
    """A token that is one's own to end, or 404."""
    found = tokens_of(request.user, timezone.now(), ended=False).filter(pk=token).first()
    if found is None:
        raise Http404("No such token.")
    return found


@login_required
@require_http_methods(["GET", "POST"])
def token_revoke(request: SignedInRequest, token: int) -> HttpResponse:
    """End a token, after a question."""
    found = _the_token(request, token)
    if request.method == "POST":
        try:
            revoke_token(token_id=found.pk, actor=request.user)
        except DomainError as error:
            return refusal(request, error, back_url=reverse("settings-tokens"), back_words="To the tokens")
        messages.success(request, f"{found.name} is revoked.")
        return redirect("settings-tokens")
    return render_page(request, "dashboard/settings/token_revoke.html", {"token": found})


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def token_rotate(request: SignedInRequest, token: int) -> HttpResponse:
    """A new token in place of this one, after the password was given again."""
    found, at = _the_token(request, token), _fresh(request)
    if at is None:
        return _password_first(reverse("settings-token-rotate", args=[found.pk]))
    form = RotateForm(request.POST or None)
    if form.is_valid():
        try:
            made = rotate_token(
                token_id=found.pk,
                actor=request.user,
                overlap_days=form.cleaned_data["overlap_days"],
                reauthenticated_at=at,
            )
        except DomainError as error:
            return refusal(request, error, back_url=reverse("settings-tokens"), back_words="To the tokens")
        return _list(request, made)
    context = {"form": form, "token": found}
    return render_page(request, "dashboard/settings/token_rotate.html", context, status=422 if form.is_bound else 200)


@administrators_only
@require_http_methods(["GET", "POST"])
def service_account_new(request: SignedInRequest) -> HttpResponse:
    """An account for an engineering tool: it has tokens, and never signs in or decides."""
    form = ServiceAccountForm(request.POST or None)
    if form.is_valid():
        try:
            person = create_person(**form.cleaned_data, is_service=True, actor=request.user)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(
                request, f"{person} has an account now. Let it report checks on a product’s page, then make its token."
            )
            return redirect("settings-tokens")
    return render_page(
        request, "dashboard/settings/service_account_new.html", {"form": form}, status=422 if form.is_bound else 200
    )
