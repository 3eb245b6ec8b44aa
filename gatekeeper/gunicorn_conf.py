"""gunicorn's settings, the same embedded and in production: `gunicorn -c python:gatekeeper.gunicorn_conf`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatekeeper.settings")

from django.conf import settings

wsgi_app = "gatekeeper.wsgi"
bind = f"{settings.BIND_ADDRESS}:{settings.PORT}"
workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
worker_class = "gthread"
# loads the code once and forks: workers share its memory, and a wrong environment stops the start
preload_app = True
timeout = 60
graceful_timeout = 20
keepalive = 5
loglevel = "warning"
control_socket_disable = True
# whether X-Forwarded-Proto counts is Django's to say (PROXY_COUNT), not gunicorn's
forwarded_allow_ips = ""
