"""Announces work to the worker after the commit. Only a hint: beat finds whatever was not announced."""

import logging
import time
from functools import partial

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

# After a failure nobody tries again for so long: a frozen Redis must not cost every request its timeout.
PAUSE_SECONDS = 10.0
_paused_until = 0.0


def nudge(task_name: str) -> None:
    """Run the named task (without arguments) soon after this transaction has committed; never fails, never raises.

    The name and not the task, so that a lower room can wake a higher one without importing it.
    """
    transaction.on_commit(partial(_send, task_name), robust=True)


def _send(task_name: str) -> None:
    global _paused_until
    if time.monotonic() < _paused_until:
        return
    try:
        current_app.send_task(task_name, expires=60, ignore_result=True)
    except (OperationalError, OSError) as error:
        _paused_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("The queue does not answer (%s); beat will find the work.", error)
