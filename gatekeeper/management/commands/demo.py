"""`manage.py demo`: the demo portfolio, through the real actions."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from gatekeeper.accounts.models import User
from gatekeeper.common.clock import database_clock
from gatekeeper.demo import Demo
from notifications.relay import relay_events
from releases.events import seal_history


class Command(BaseCommand):
    help = "Load the demo portfolio into an empty installation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing when there are people already")

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            if options["if_empty"]:
                return
            raise CommandError("There are people here already: the demo is loaded into an empty installation only.")
        # All or nothing: half a demo would look like an empty installation that cannot be set up.
        with transaction.atomic():
            call_command("load_playbooks", verbosity=0)
            Demo(self.stdout.write).load()
            # Its people find their lists filled, and nobody is mailed about the past.
            relay_events(is_quiet=True)
            seal_history(database_clock())
        self.stdout.write("The demo is loaded.")
