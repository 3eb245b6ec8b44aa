"""The request of somebody who is signed in."""

from django.http import HttpRequest

from gatekeeper.accounts.models import User


class SignedInRequest(HttpRequest):
    """For annotations of views behind `login_required`: `request.user` is a person."""

    user: User
