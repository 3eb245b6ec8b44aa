from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "gatekeeper.accounts"
    label = "accounts"
