"""The roof: composition of the rooms, and the Celery app that `celery -A gatekeeper` looks for."""

from gatekeeper.celery import app as celery_app

__all__ = ["celery_app"]
