"""The settings the tests run with: the product's own, in folders of this run, with quick password hashes.

DATABASE_URL and REDIS_URL count as in production, so that the same suite runs on PostgreSQL and Redis.
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

# Each process of a parallel run has its own folder: database file, queue, uploads.
_OWN = Path(tempfile.mkdtemp(prefix="gatekeeper-tests-"))
atexit.register(shutil.rmtree, _OWN, ignore_errors=True)

# What a developer's shell sets for a running instance is not meant for the tests. The settings are only read here: they
# are run further down.
_TEXT = (Path(__file__).parent.parent / "gatekeeper" / "settings.py").read_text()
NOT_FOR_TESTS = set(re.findall(r'Variable\(\s*"([A-Z_]+)"', _TEXT)) - {"VAR_DIR", "DATABASE_URL", "REDIS_URL"}
for _name in NOT_FOR_TESTS:
    os.environ.pop(_name, None)
os.environ["VAR_DIR"] = str(_OWN)

from gatekeeper.settings import *  # noqa: E402, F403
from gatekeeper.settings import CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES, REDIS_URL, STORAGES  # noqa: E402

# Nothing of a test has to outlive a power cut; and a machine that does much else may let a lock wait for long.
POSTGRESQL_OPTIONS_OF_TESTS = (
    " -c synchronous_commit=off -c statement_timeout=120000 -c lock_timeout=60000"
    " -c idle_in_transaction_session_timeout=600000"
)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]

# reading the front end's files anew for every client takes longer than most tests; a live server serves them itself
WHITENOISE_USE_FINDERS = False
# a walk over every address asks more often in a minute than anybody may
API_CALLS_PER_TOKEN = API_CALLS_PER_ADDRESS = 1_000_000

_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # a file and not memory: threads and worker processes of a test must see the same database
    _database["TEST"] = {"NAME": str(_OWN / "test.sqlite3")}
    _database["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
    _database["OPTIONS"]["timeout"] = 60
else:
    _database["OPTIONS"]["options"] += POSTGRESQL_OPTIONS_OF_TESTS
_database["CONN_MAX_AGE"] = 0
if REDIS_URL:
    # parallel runs share the server and must not take each other's tasks
    CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = f"{_OWN.name}:"
