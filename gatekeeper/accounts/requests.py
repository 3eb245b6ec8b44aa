"""The request of somebody who is signed in."""

from django.http import HttpRequest
from rest_framework.request import Request

from gatekeeper.accounts.models import ApiToken, User


class SignedInRequest(HttpRequest):
    """For annotations of views behind `login_required`: `request.user` is a person."""

    user: User


class ApiRequest(Request):
    """For annotations of the API's views: somebody is signed in, or came with a token (`auth`)."""

    user: User
    auth: ApiToken | None
