"""`manage.py verify_history`: recompute every event chain and every checkpoint."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from releases.events import verify_checkpoints, verify_streams
from releases.models import Checkpoint, Event


class Command(BaseCommand):
    help = "Recompute the event chains and the signed checkpoints; exit 1 and name the first broken link."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = [*verify_streams(), *verify_checkpoints()]
        for link in broken[1:]:
            self.stderr.write(f"{link.stream} {link.number}: {link.reason}")
        if broken:
            first = broken[0]
            raise CommandError(f"The history is broken at {first.stream} {first.number}: {first.reason}", returncode=1)
        streams = Event.objects.order_by().values("stream").distinct().count()
        signed = Checkpoint.objects.count()
        checkpoints = "1 checkpoint" if signed == 1 else f"{signed} checkpoints"
        self.stdout.write(f"{Event.objects.count()} events in {streams} streams and {checkpoints} hold")
