from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class AccountsConfig(AppConfig):
    name = "gatekeeper.accounts"
    label = "accounts"


class SetupAdminConfig(admin_apps.AdminConfig):
    """Django's admin behind our own sign-in."""

    default = False  # of this module; the settings name it
    default_site = "gatekeeper.accounts.admin_site.SetupSite"
