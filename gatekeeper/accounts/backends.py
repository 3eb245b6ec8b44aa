"""Sign-in by e-mail or user name."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest

from gatekeeper.accounts.models import User


def find_person(name: str) -> User | None:
    """Who signs in with an e-mail (any case) or a user name, active or not; the e-mail wins."""
    name = name.strip()
    found = User.objects.filter(Q(email__iexact=name) | Q(username=name))[:2]
    return max(found, key=lambda person: person.email.lower() == name.lower(), default=None)


class EmailOrUsernameBackend(ModelBackend):
    """By e-mail or user name; hashes a password even for nobody, so that time tells nothing."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        user = find_person(username)
        if user is None:
            User().set_password(password)
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
