"""The health check of worker and beat."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gatekeeper.common.health import NotReady, check_beat


class Command(BaseCommand):
    help = "Exit 1 when the worker has not run beat's tick for two minutes."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_beat()
        except NotReady as finding:
            raise CommandError(str(finding)) from None
        self.stdout.write("ok")
