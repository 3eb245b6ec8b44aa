"""Sign-in by e-mail or user name."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from gatekeeper.accounts.models import User


class EmailOrUsernameBackend(ModelBackend):
    """Finds the person by e-mail (any case) or user name; hashes a password even for nobody, so that time tells nothing."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if username is None or password is None:
            return None
        name = username.strip()
        lookup = {"email__iexact": name} if "@" in name else {"username": name}
        user = User.objects.filter(**lookup).first()
        if user is None:
            User().set_password(password)
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
