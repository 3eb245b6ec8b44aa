"""Settings for worker processes that a test starts: the product's own, with the queue names of the test run."""

import os

from gatekeeper.settings import *  # noqa: F403
from gatekeeper.settings import CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES, REDIS_URL

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["CONN_MAX_AGE"] = 0
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["OPTIONS"]["options"] += os.environ["GATEKEEPER_TEST_POSTGRESQL_OPTIONS"]
else:
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
    DATABASES["default"]["OPTIONS"]["timeout"] = 60
if REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = os.environ["GATEKEEPER_TEST_KEYPREFIX"]
