"""Load past changes of planned dates from a CSV file."""

from typing import BinaryIO

from gatekeeper.management.imports import ImportCommand, count_words
from releases.actions.history import Outcome, Progress, import_schedule_changes
from releases.importing import read_schedule_changes


class Command(ImportCommand):
    help = (
        "Load past re-plans of recorded releases: product, release, milestone, changed_on, old_date, new_date, reason,"
        " source. All of the file or nothing; loading it again changes nothing. Changes that contradict what else is"
        " known are kept and named by line."
    )

    def load(self, file: BinaryIO, *, is_dry_run: bool, progress: Progress) -> Outcome:
        return import_schedule_changes(table=read_schedule_changes(file), is_dry_run=is_dry_run, progress=progress)

    def summary(self, outcome: Outcome) -> str:
        what = f"{count_words(outcome.rows, 'change')} of {count_words(outcome.releases, 'release')}"
        if not outcome.changed:
            return f"Nothing changed: all of {what} was known already."
        return (
            f"{what}: {outcome.changed} changed, {outcome.unchanged} unchanged;"
            f" {count_words(outcome.moves, 'move')} and {count_words(outcome.misses, 'miss', 'misses')} on record."
        )
