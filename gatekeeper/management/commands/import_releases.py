"""Load recorded releases from a CSV file."""

from typing import BinaryIO

from gatekeeper.management.imports import ImportCommand, count_words
from releases.actions.history import Outcome, Progress, import_releases
from releases.importing import read_releases


class Command(ImportCommand):
    help = (
        "Load releases that happened elsewhere: product, release, milestone_position, milestone, planned_date_baseline,"
        " planned_date_current, actual_date, source. All of the file or nothing; loading it again changes nothing."
    )

    def load(self, file: BinaryIO, *, is_dry_run: bool, progress: Progress) -> Outcome:
        return import_releases(table=read_releases(file), is_dry_run=is_dry_run, progress=progress)

    def summary(self, outcome: Outcome) -> str:
        what = f"{count_words(outcome.rows, 'milestone')} of {count_words(outcome.releases, 'release')}"
        if not outcome.made and not outcome.changed:
            return f"Nothing changed: all of {what} was recorded already."
        return (
            f"{what}: {outcome.made} new, {outcome.changed} changed, {outcome.unchanged} unchanged;"
            f" {count_words(outcome.moves, 'move')} and {count_words(outcome.misses, 'miss', 'misses')} on record."
        )
