"""The last sign of life of each recurring job; what the API remembers of its callers."""

from datetime import datetime, timedelta
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


ANSWERS_KEPT = timedelta(hours=24)


class KeptAnswerManager(models.Manager["KeptAnswer"]):
    def forget_old(self, at: datetime) -> int:
        """Let go of answers a day after they were given. Returns how many."""
        return self.filter(begun_at__lt=at - ANSWERS_KEPT).delete()[0]


class KeptAnswer(models.Model):
    """What a POST with an Idempotency-Key was answered, for a day; without a status while it is running."""

    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of caller, method, path and key.")
    said = models.CharField(max_length=64, help_text="SHA-256 of query and body.")
    lease = models.CharField(max_length=16, help_text="Which process is at it.")
    begun_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    content = models.TextField(blank=True)
    headers = models.JSONField(default=dict)

    objects: ClassVar[KeptAnswerManager] = KeptAnswerManager()

    def __str__(self) -> str:
        return self.digest[:12]


class CallWindow(models.Model):
    """How many calls of the API somebody has taken in one minute."""

    key = models.CharField(max_length=64, primary_key=True, help_text="SHA-256 of the limit's name and its subject.")
    window = models.BigIntegerField(help_text="Minutes since 1970.")
    used = models.PositiveIntegerField()

    def __str__(self) -> str:
        return self.key[:12]
