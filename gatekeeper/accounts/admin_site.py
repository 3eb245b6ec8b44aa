"""Django's admin for administrators, behind our own sign-in: set-up data, saved by the actions and nothing else."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth import logout
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from gatekeeper.accounts.models import User
from gatekeeper.common.errors import DomainError


def administers(user: User | AnonymousUser) -> bool:
    """Whoever may change set-up data. Django's `is_staff` and its permissions on models count for nothing here."""
    return user.is_active and user.has_perm("releases.administer")


class SetupSite(AdminSite):
    """Only administrators come in; signing in and changing the password happen on our own pages."""

    site_title = "gatekeeper"
    site_header = "gatekeeper set-up"
    index_title = "Set-up data"

    def has_permission(self, request: HttpRequest) -> bool:
        return administers(request.user)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated and not self.has_permission(request):
            raise PermissionDenied("Only administrators see this.")
        return redirect_to_login(request.GET.get("next") or "/admin/")

    def logout(  # type: ignore[override]  # Django promises a template
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method != "POST":
            return HttpResponse(status=405, headers={"Allow": "POST"})
        logout(request)
        return redirect("sign-in")

    def password_change(  # type: ignore[override]  # Django promises a template
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("password")

    def password_change_done(  # type: ignore[override]  # Django promises a template
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("password")


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows and changes none: no adding, no changing, no deleting, no bulk actions."""

    actions = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ActionAdmin(ReadOnlyAdmin):
    """Changes rows through the actions, which ask again who may; a refusal is shown, and nothing is saved."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        raise NotImplementedError("Each admin names its action.")
