"""The calendar of due dates: the feed under its secret address, and the page where its person keeps that address."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_http_methods, require_safe

from approvals.actions.calendar_links import change_calendar_link, renew_calendar_link, revoke_calendar_link
from gatekeeper.accounts.calendar_links import link_of_secret, secret_of
from gatekeeper.accounts.models import CalendarLink
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import refusal, render_page
from gatekeeper.dashboard.forms import CalendarLinkForm
from gatekeeper.dashboard.queries.calendar_feed import calendar_file, due_days, etag_of
from releases.shell import organisation_name

UNKNOWN = "There is no calendar at this address.\n"


@require_safe
def calendar_feed(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The due dates of whoever the secret belongs to. No sign-in: calendar programs have none.

    Every address that opens nothing gets the same answer, and none of them stands in a log.
    """
    link = link_of_secret(secret)
    if link is None:
        unknown = HttpResponse(UNKNOWN, status=404, content_type="text/plain; charset=utf-8")
        unknown._has_been_logged = True  # type: ignore[attr-defined]  # Django would log the address
        return unknown
    name = f"Due dates of {organisation_name() or 'gatekeeper'}"
    data = calendar_file(due_days(link.person, is_everything=link.is_everything), name)
    response = HttpResponse(data, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="due-dates.ics"'
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    response["ETag"] = etag = etag_of(data)
    return get_conditional_response(request, etag=etag, response=response) or response


@login_required
@require_http_methods(["GET", "POST"])
def calendar_settings(request: SignedInRequest) -> HttpResponse:
    """One's own address: made, renewed, taken back, and what it holds."""
    link = CalendarLink.objects.filter(person=request.user).first()
    initial = {"holds": "everything" if link and link.is_everything else "mine"}
    form = CalendarLinkForm(request.POST or None, initial=initial)
    if form.is_valid():
        is_everything = form.cleaned_data["holds"] == "everything"
        try:
            match form.cleaned_data["do"]:
                case "revoke":
                    revoke_calendar_link(person=request.user, actor=request.user)
                    messages.success(request, "The address is taken back and opens nothing any more.")
                case "change" if link is not None:
                    change_calendar_link(person=request.user, actor=request.user, is_everything=is_everything)
                    messages.success(request, "Saved.")
                case _:
                    renew_calendar_link(person=request.user, actor=request.user, is_everything=is_everything)
                    words = "The old address opens nothing any more." if link else "Subscribe to it in your calendar."
                    messages.success(request, f"The address is made. {words}")
        except DomainError as error:
            return refusal(request, error, back_url=reverse("calendar-settings"), back_words="To your calendar")
        return redirect("calendar-settings")
    secret = secret_of(link) if link else ""
    context = {
        "form": form,
        "link": link,
        "address": f"{settings.BASE_URL}{reverse('calendar-feed', args=[secret])}" if secret else "",
        "tab": "calendar",
    }
    return render_page(request, "dashboard/calendar.html", context, status=422 if form.is_bound else 200)
