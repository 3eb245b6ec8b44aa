"""Make an API token for somebody, and print it once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from approvals.actions.tokens import create_token
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import DomainError
from releases.models import Product


class Command(BaseCommand):
    help = "Make an API token and print it once. The scope `decide` is given in the browser only."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name of the owner: a person or a service account")
        parser.add_argument("--scopes", required=True, help="read, write or checks, with commas between them")
        parser.add_argument("--days", type=int, default=90, help="days until it expires (default 90)")
        parser.add_argument("--name", default="Made by a command", help="what uses it")
        parser.add_argument("--products", default="", help="slugs, with commas between them; none: every product")
        parser.add_argument("--checks", default="", help="names of checks that it reports, with commas between them")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username=options["user"]).first()
        if owner is None:
            raise CommandError(f"There is nobody with the user name {options['user']}.")
        slugs = _words(options["products"])
        products = dict(Product.objects.filter(slug__in=slugs).values_list("slug", "pk"))
        if missing := sorted(set(slugs) - set(products)):
            raise CommandError(f"There is no product {missing[0]}.")
        try:
            made = create_token(
                owner=owner,
                actor=None,
                name=options["name"],
                scopes=_words(options["scopes"]),
                days=options["days"],
                products=list(products.values()),
                checks=_words(options["checks"]),
            )
        except DomainError as error:
            raise CommandError(" ".join([error.message, *(field.message for field in error.fields)])) from error
        self.stdout.write(made.text)
        self.stderr.write(f"Expires on {made.token.expires_at:%Y-%m-%d}. It is not shown again.")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
