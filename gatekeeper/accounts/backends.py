"""Sign-in by e-mail or user name."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db.models import Q
from django.http import HttpRequest

from gatekeeper.accounts.models import User
from gatekeeper.common.prepared import Prepared


def find_person(name: str) -> User | None:
    """Who signs in with an e-mail (any case) or a user name, active or not; the e-mail wins."""
    name = name.strip()
    found = User.objects.filter(Q(email__iexact=name) | Q(username=name))[:2]
    return max(found, key=lambda person: person.email.lower() == name.lower(), default=None)


_PERSON = Prepared(lambda person: User.objects.filter(pk=person))
_NAMES = ("content_type__app_label", "codename")
# By where they come from, as Django calls it.
_PERMISSIONS = {
    "user": Prepared(lambda person: Permission.objects.filter(user=person).order_by().values_list(*_NAMES)),
    "group": Prepared(lambda person: Permission.objects.filter(group__user=person).order_by().values_list(*_NAMES)),
}


class EmailOrUsernameBackend(ModelBackend):
    """By e-mail or user name; hashes a password even for nobody, so that time tells nothing.

    Every page asks who somebody is and what they may do: these queries are put together once.
    """

    def user_can_authenticate(self, user: Any) -> bool:
        """Service accounts come with tokens only."""
        return bool(super().user_can_authenticate(user)) and not user.is_service

    def get_user(self, user_id: int) -> User | None:
        user = _PERSON.first(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def _get_permissions(self, user_obj: Any, obj: Any, from_name: str) -> set[str]:
        name = f"_{from_name}_perm_cache"
        is_asked = user_obj.is_active and not user_obj.is_anonymous and not user_obj.is_superuser and obj is None
        if is_asked and not hasattr(user_obj, name):
            setattr(
                user_obj, name, {f"{app}.{codename}" for app, codename in _PERMISSIONS[from_name].rows(user_obj.pk)}
            )
        found: set[str] = super()._get_permissions(user_obj, obj, from_name)  # type: ignore[misc]
        return found

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
