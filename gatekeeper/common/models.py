"""The last sign of life of each recurring job."""

from datetime import datetime
from typing import ClassVar

from django.db import models


class HeartbeatManager(models.Manager["Heartbeat"]):
    def beat(self, name: str, at: datetime) -> None:
        """Remember that the job ran."""
        self.update_or_create(name=name, defaults={"at": at})


class Heartbeat(models.Model):
    """Written by a task, so a fresh one proves schedule, queue and worker together."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    objects: ClassVar[HeartbeatManager] = HeartbeatManager()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
