"""Pages in the person's own time zone, and forms of people who were signed out while they typed."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from gatekeeper.accounts.views import sign_in_to_send
from gatekeeper.common.held import ENTRANCE, hold

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class TimeZoneMiddleware:
    """Shows moments in the zone that the person chose. Days, such as due dates, stay the organisation's."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # without a session nobody is signed in, and nothing has to be looked up
        if not request.session.session_key or not request.user.is_authenticated or not request.user.time_zone:
            return self.get_response(request)
        try:
            zone = ZoneInfo(request.user.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            # the zone was taken out of the database of zones since it was chosen
            return self.get_response(request)
        with timezone.override(zone):
            return self.get_response(request)


class HeldFormMiddleware:
    """Whoever was signed out while they typed signs in on the page that answers their form, and loses none of it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        leads_in = response.status_code == 302 and response.headers.get("Location", "").startswith(f"{ENTRANCE}?")
        if request.method == "POST" and leads_in and not request.user.is_authenticated:
            form = hold(request)
            if form is not None:
                return sign_in_to_send(request, form)
        return response
