"""`manage.py sweep`: what the schedule does, by hand."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from approvals.sweep import sweep
from gatekeeper.common.errors import DomainError


def a_day(text: str) -> date:
    """A day in ISO form; the command line's error names the value."""
    return date.fromisoformat(text)


class Command(BaseCommand):
    help = "Record misses and slips, and expire waivers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=a_day, metavar="YYYY-MM-DD", help="a past day instead of today")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            swept = sweep(as_of=options["as_of"])
        except DomainError as error:
            raise CommandError(error.message) from error
        self.stdout.write(
            f"{swept.misses} missed, {swept.expired_waivers} waivers and {swept.expired_exceptions} exceptions "
            f"expired, {swept.overdue_conditions} conditions overdue"
        )
