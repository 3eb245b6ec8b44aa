"""`manage.py seed`: large data for benchmarks."""

from time import monotonic
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from gatekeeper.accounts.models import User
from gatekeeper.demo_signins import PASSWORD
from gatekeeper.seed import PREFIX, seed
from releases.models import Product


class Command(BaseCommand):
    help = "Fill an installation with many releases, the same ones for the same seed on the same day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--releases", type=int, required=True, metavar="N")
        parser.add_argument("--seed", type=int, default=1, metavar="S")
        parser.add_argument("--beside", action="store_true", help="beside what is here already")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["releases"] < 1:
            raise CommandError("Ask for one release or more.")
        if Product.objects.filter(slug__startswith=f"{PREFIX}-").exists():
            raise CommandError("This installation was seeded before: nothing is added to that.")
        if User.objects.exists() and not options["beside"]:
            raise CommandError("There are people here already. To add the releases beside what is here: --beside.")
        begin = monotonic()
        with transaction.atomic():
            call_command("load_playbooks", verbosity=0)
            seed(options["releases"], number=options["seed"], progress=self.stdout.write)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        self.stdout.write(
            f"{options['releases']:,} releases in {monotonic() - begin:.0f} s. "
            f"Sign in as {PREFIX}-helen, {PREFIX}-maya or {PREFIX}-daniel with the password: {PASSWORD}"
        )
