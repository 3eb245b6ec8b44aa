"""What the two import commands share: opening the file, progress, refusals by line, and the words at the end."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError

from gatekeeper.common.errors import Refused
from releases.actions.history import Outcome, Progress

SHOWN = 100
SECONDS_BETWEEN = 1.0


def count_words(count: int, one: str, many: str = "") -> str:
    """1 release, 2 releases."""
    return f"{count} {one if count == 1 else many or one + 's'}"


class ImportCommand(BaseCommand):
    """Reads one CSV file; all of it is imported or nothing."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--dry-run", action="store_true", help="check and count, but store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        self._last = time.monotonic()
        try:
            with path.open("rb") as file:
                outcome = self.load(file, is_dry_run=options["dry_run"], progress=self._progress)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from None
        except Refused as refused:
            raise CommandError("\n".join([*(problem.message for problem in refused.fields), refused.message])) from None
        for note in outcome.notes[:SHOWN]:
            self.stderr.write(note, self.style.WARNING)
        if len(outcome.notes) > SHOWN:
            self.stderr.write(f"and {len(outcome.notes) - SHOWN} more such notes", self.style.WARNING)
        self.stdout.write(self.summary(outcome))
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was stored.")

    def load(self, file: BinaryIO, *, is_dry_run: bool, progress: Progress) -> Outcome:
        """Read and import the file."""
        raise NotImplementedError

    def summary(self, outcome: Outcome) -> str:
        """What was done, in words."""
        raise NotImplementedError

    def _progress(self, done: int, total: int, what: str) -> None:
        """On standard error, at most once a second and at the end."""
        now = time.monotonic()
        if done == total or now - self._last >= SECONDS_BETWEEN:
            self._last = now
            self.stderr.write(f"{done} of {count_words(total, 'release')}: {what}", _plain)


_plain: Callable[[str], str] = str
