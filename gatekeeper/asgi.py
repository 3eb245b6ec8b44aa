"""The door for ASGI servers. Not used by default: sync views run one at a time per process there."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatekeeper.settings")

application = get_asgi_application()
