"""Look for leaked API tokens in files or on standard input; nothing of a secret is ever printed."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from approvals.actions.tokens import revoke_token
from gatekeeper.accounts.api import is_of
from gatekeeper.accounts.models import ApiToken
from gatekeeper.accounts.tokens import TokenText, find_tokens


class Command(BaseCommand):
    help = "Find API tokens in files or standard input by prefix and checksum. Exit code 1 when a live one is found."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", help="files to read; none: standard input")
        parser.add_argument("--revoke", action="store_true", help="revoke those that are live")

    def handle(self, *args: Any, **options: Any) -> None:
        live = 0
        for name, text in _texts(options["files"]):
            for line, words in enumerate(text.splitlines(), start=1):
                for found in find_tokens(words):
                    live += self._tell(f"{name}:{line}", found, is_revoking=options["revoke"])
        if live:
            sys.exit(1)
        self.stdout.write("No live token found.")

    def _tell(self, place: str, found: TokenText, *, is_revoking: bool) -> int:
        """One line about a token; 1 when it was live."""
        token = ApiToken.objects.select_related("owner").filter(prefix=found.prefix).first()
        if token is None or not is_of(token, found):
            self.stdout.write(f"{place}: gk_{found.prefix}_… is a token, but none of this installation.")
            return 0
        if not token.is_live(timezone.now()) or not token.owner.is_active:
            self.stdout.write(f"{place}: {token} of {token.owner} does not count any more.")
            return 0
        if is_revoking:
            revoke_token(token_id=token.pk, actor=None)
        words = "was live and is revoked now" if is_revoking else "is LIVE: revoke it"
        self.stdout.write(f"{place}: {token} of {token.owner} {words}.")
        return 1


def _texts(files: list[str]) -> list[tuple[str, str]]:
    if not files:
        return [("standard input", sys.stdin.read())]
    try:
        return [(name, Path(name).read_text(errors="replace")) for name in files]
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from error
