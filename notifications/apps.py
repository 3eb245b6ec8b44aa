from functools import partial

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    label = "notifications"

    def ready(self) -> None:
        from gatekeeper.common.queue import nudge
        from releases import events

        events.after_commit.append(partial(nudge, "notifications.tasks.relay"))
