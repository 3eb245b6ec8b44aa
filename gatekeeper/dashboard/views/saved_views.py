"""Saved views of the portfolio: kept, listed, shared by their link, renamed, removed."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gatekeeper.accounts.actions import MOST_VIEWS, remove_view, rename_view, save_view
from gatekeeper.accounts.models import SavedView
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import apply_problems, render_page
from gatekeeper.dashboard.forms import ViewForm
from gatekeeper.dashboard.queries.saved_views import described, kept_query


@login_required
@require_GET
def saved_views(request: SignedInRequest) -> HttpResponse:
    """One's own views."""
    return _list(request)


def _list(request: SignedInRequest, open_key: str = "", form: ViewForm | None = None) -> HttpResponse:
    rows = []
    for view in SavedView.objects.filter(person=request.user):
        is_open = view.key == open_key
        rename = form if is_open and form is not None else ViewForm(initial={"name": view.name}, auto_id=False)
        rows.append(
            (view, described(view.query), rename, request.build_absolute_uri(reverse("saved-view", args=[view.key])))
        )
    status = 422 if form is not None else 200
    context = {"rows": rows, "open_key": open_key, "most": MOST_VIEWS}
    return render_page(request, "dashboard/saved_views.html", context, status=status)


@login_required
@require_http_methods(["GET", "POST"])
def saved_view_new(request: SignedInRequest) -> HttpResponse:
    """Keep the filters that the address bears; `name` may stand in it too, when a removal is undone."""
    query = kept_query(request.GET)
    data = request.POST if "name" in request.POST else request.GET
    form = ViewForm(data if request.method == "POST" else None)
    if form.is_valid():
        try:
            view = save_view(actor=request.user, name=form.cleaned_data["name"], query=query)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"The view {view} is saved.")
            return redirect(f"{reverse('portfolio')}?{query}")
    context = {"form": form, "query": query, "filters": described(query)}
    return render_page(request, "dashboard/saved_view_new.html", context, status=422 if form.is_bound else 200)


@login_required
@require_GET
def saved_view(request: SignedInRequest, key: str) -> HttpResponse:
    """The link of a view: the portfolio under its filters. What somebody may not see, it does not show."""
    view = get_object_or_404(SavedView, key=key)
    query = QueryDict(view.query, mutable=True)
    query["view"] = view.key
    return redirect(f"{reverse('portfolio')}?{query.urlencode()}")


@login_required
@require_POST
def saved_view_rename(request: SignedInRequest, key: str) -> HttpResponse:
    """Give it another name."""
    view = get_object_or_404(SavedView, key=key, person=request.user)
    form = ViewForm(request.POST, auto_id=False)
    if form.is_valid():
        try:
            renamed = rename_view(view=view, actor=request.user, name=form.cleaned_data["name"])
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"The view is called {renamed} now.")
            return redirect("saved-views")
    return _list(request, view.key, form)


@login_required
@require_POST
def saved_view_remove(request: SignedInRequest, key: str) -> HttpResponse:
    """Take it away; the toast brings it back under a new link."""
    view = get_object_or_404(SavedView, key=key, person=request.user)
    remove_view(view=view, actor=request.user)
    again = QueryDict(view.query, mutable=True).urlencode()
    undo = f"{reverse('saved-view-new')}?{urlencode({'name': view.name})}{'&' if again else ''}{again}"
    messages.success(request, f"The view {view} is removed.", extra_tags=f"Undo|post|{undo}")
    return redirect("saved-views")
