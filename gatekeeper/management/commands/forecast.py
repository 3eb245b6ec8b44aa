"""`manage.py forecast`: makes every forecast anew, by hand."""

from typing import Any

from django.core.management.base import BaseCommand

from gatekeeper.management.imports import count_words
from measures.forecasts import refresh


class Command(BaseCommand):
    help = "Make the forecast of every running release anew. Repeating it on one day changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        count = refresh(is_everything=True, progress=self._progress)
        self.stdout.write(f"{count_words(count, 'release')} forecast")

    def _progress(self, done: int, total: int) -> None:
        self.stderr.write(f"{done} of {count_words(total, 'release')}")
