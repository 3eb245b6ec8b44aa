"""People and groups, to look at. They are changed under Settings, by actions that leave events."""

from django.contrib import admin
from django.contrib.auth.models import Group

from gatekeeper.accounts.admin_site import ReadOnlyAdmin
from gatekeeper.accounts.models import User

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """Never the password, not even its hash."""

    list_display = ("username", "full_name", "email", "title", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    search_fields = ("username", "full_name", "email")
    fields = ("username", "full_name", "email", "title", "is_active", "last_login", "date_joined", "groups")


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    """Who is in it stands under Settings."""

    list_display = ("name",)
    search_fields = ("name",)
    fields = ("name",)
