"""All settings, from the environment. README.md prints the table below, and a test holds the two equal."""

import os
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab

from gatekeeper.environment import Environment, Variable

BASE_DIR = Path(__file__).resolve().parent.parent

# --- The environment: every variable that is read ------------------------------------------------------------------

VARIABLES = (
    Variable("PRODUCTION", "yes/no", "0", "1 or 0", "Refuse to start with embedded defaults; https only."),
    Variable(
        "BASE_URL", "address", None, "an http or https address without a path, such as https://gates.example.com; "
        "https in production", "The address people use: links in mails, host and origin checks; https turns on "
        "HTTPS-only cookies and redirects.", "`http://localhost:PORT`", "in production",
    ),
    Variable(
        "SECRET_KEY", "key", None, "at least 50 random characters, such as "
        "`python -c 'import secrets; print(secrets.token_urlsafe(50))'` prints them", "Signs sessions and links.",
        "made once, kept in `VAR_DIR/secret_key`", "in production", secret=True,
    ),
    Variable("SECRET_KEY_FALLBACKS", "list", "", "earlier keys, separated by commas",
             "Accepted while a key is being replaced.", secret=True),
    Variable("ALLOWED_HOSTS", "list", "", "host names, separated by commas",
             "Further names the service answers to, beside BASE_URL's, localhost and 127.0.0.1."),
    Variable("PROXY_COUNT", "number", "0", "a whole number, 0 or more",
             "Reverse proxies in front that set X-Forwarded-For and X-Forwarded-Proto; with 0 both are ignored."),
    Variable(
        "DATABASE_URL", "database", None, "sqlite:////absolute/path or postgres://user:password@host:5432/name; "
        "PostgreSQL in production", "Where everything is kept.", "`VAR_DIR/gatekeeper.sqlite3`", "in production",
        secret=True,
    ),
    Variable(
        "REDIS_URL", "broker", "", "redis://host:6379/0, rediss:// or unix://", "The queue between web and worker.",
        "empty: a queue of files in `VAR_DIR/queue`", "in production", secret=True,
    ),
    Variable(
        "EMAIL_URL", "mail", None, "smtp://, smtp+tls:// or smtps:// with user:password@host:port, or "
        "file:///folder, or console://", "How mails leave.", "`file://` and `VAR_DIR/mail`", "in production",
        secret=True,
    ),
    Variable("EMAIL_FROM", "text", None, "an e-mail address, with a name or without",
             "The sender of every mail.", "`Gatekeeper <gatekeeper@` and BASE_URL's host`>`"),
    Variable("TIME_ZONE", "time zone", "UTC", "a name of the time zone database, such as Europe/Berlin",
             "The organisation's zone: in it a due day ends."),
    Variable("VAR_DIR", "folder", None, "a folder that may be written",
             "Everything that is kept on disk: files, and with embedded defaults database, queue and mail.",
             "`var` beside manage.py"),
    Variable("STATIC_DIR", "folder", None, "a folder", "Where collectstatic puts the front end's files.",
             "`VAR_DIR/static`"),
    Variable("MAIL_LINK_DAYS", "count", "14", "a whole number, 1 or more",
             "How many days the link of a mail leads to the decision that it asks for."),
    Variable("UPLOAD_LIMIT_MB", "count", "25", "a whole number, 1 or more", "The largest evidence file."),
    Variable("EVIDENCE_QUOTA_MB", "count", "5000", "a whole number, 1 or more",
             "Megabytes of evidence files per product, where the product has no quota of its own."),
    Variable("EVIDENCE_SCANNER", "text", "", "approvals.scanners.clamd, or a function of your own by its dotted path",
             "Asked about every evidence file before it is taken; without one files are marked as not scanned."),
    Variable("CLAMD_ADDRESS", "text", "localhost:3310", "a host and a port, such as clamav:3310",
             "Where ClamAV's daemon listens, for approvals.scanners.clamd."),
    Variable("API_CALLS_PER_TOKEN", "count", "600", "a whole number, 1 or more",
             "Requests a minute to the API with one token, or by one person who is signed in."),
    Variable("API_CALLS_PER_ADDRESS", "count", "1200", "a whole number, 1 or more",
             "Requests a minute to the API from one address, whoever sends them; see PROXY_COUNT."),
    Variable("PORT", "port", "8000", "a port number, 1 to 65535", "Where the web server listens."),
    Variable("BIND_ADDRESS", "text", "127.0.0.1", "an address of this machine; 0.0.0.0 for all",
             "Where the web server listens."),
    Variable("WEB_WORKERS", "count", "2", "a whole number, 1 or more", "Processes of the web server."),
    Variable("WEB_THREADS", "count", "4", "a whole number, 1 or more", "Threads in each of them."),
    Variable("DEMO", "yes/no", "1", "1 or 0", "Whether `make run` loads the demo into an empty database."),
    Variable("LOG_LEVEL", "log level", "INFO", "DEBUG, INFO, WARNING or ERROR", "How much is logged."),
    Variable("DEBUG", "yes/no", "0", "1 or 0; 0 in production", "For developers: error pages that show code."),
)  # fmt: skip

env = Environment(VARIABLES, os.environ)

PRODUCTION: bool = env.read("PRODUCTION")
if PRODUCTION:
    for variable in VARIABLES:
        if variable.required == "in production" and not env.given(variable.name):
            env.missing(variable.name)

DEBUG: bool = env.read("DEBUG")
if DEBUG and PRODUCTION:
    env.malformed("DEBUG")

PORT: int = env.read("PORT")
BIND_ADDRESS: str = env.read("BIND_ADDRESS")
WEB_WORKERS: int = env.read("WEB_WORKERS")
WEB_THREADS: int = env.read("WEB_THREADS")
PROXY_COUNT: int = env.read("PROXY_COUNT")
DEMO: bool = env.read("DEMO") and not PRODUCTION

BASE_URL: str = env.read("BASE_URL", f"http://localhost:{PORT}")
IS_HTTPS = BASE_URL.startswith("https://")
BASE_HOST = urlsplit(BASE_URL).hostname or "localhost"
if PRODUCTION and env.given("BASE_URL") and not IS_HTTPS:
    env.malformed("BASE_URL")

# --- Folders -------------------------------------------------------------------------------------------------------

VAR_DIR: Path = env.read("VAR_DIR", str(BASE_DIR / "var"))
STATIC_ROOT: Path = env.read("STATIC_DIR", str(VAR_DIR / "static"))
MEDIA_ROOT = VAR_DIR / "media"  # outside every folder the web server hands out; downloads pass through a view
QUEUE_DIR = VAR_DIR / "queue"
FILE_UPLOAD_TEMP_DIR = VAR_DIR / "tmp"
try:
    for folder in (VAR_DIR, STATIC_ROOT, MEDIA_ROOT, FILE_UPLOAD_TEMP_DIR):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
except OSError as error:
    env.malformed("VAR_DIR", f"{error.strerror} ({error.filename})")


def kept_secret_key() -> str:
    """The embedded default's key: made at the first start, readable by the owner alone."""
    path = VAR_DIR / "secret_key"
    try:
        fresh = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(fresh, "w") as file:
        key = secrets.token_urlsafe(50)
        file.write(key)
    return key


if env.given("SECRET_KEY") or PRODUCTION or env.problems:
    SECRET_KEY: str = env.read("SECRET_KEY", secrets.token_urlsafe(50))
else:
    SECRET_KEY = kept_secret_key()
SECRET_KEY_FALLBACKS: list[str] = env.read("SECRET_KEY_FALLBACKS")

# --- Apps, middleware, templates -----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "gatekeeper.accounts.apps.SetupAdminConfig",  # django.contrib.admin, for administrators and set-up data only
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",  # the files of the API's reference page
    "django_htmx",
    "gatekeeper.common",
    "gatekeeper.accounts",
    "releases",
    "approvals",
    "measures",
    "notifications",
    "gatekeeper.dashboard",
    "gatekeeper",
]

MIDDLEWARE = [
    "gatekeeper.common.middleware.RequestIdMiddleware",
    "gatekeeper.common.once.OncePerRequestMiddleware",
    "gatekeeper.common.middleware.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gatekeeper.common.middleware.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "gatekeeper.common.middleware.NoStoreMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "gatekeeper.common.middleware.SessionAgeMiddleware",
    "gatekeeper.accounts.middleware.HeldFormMiddleware",
    "gatekeeper.accounts.middleware.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "gatekeeper.common.middleware.NulMiddleware",
]

ROOT_URLCONF = "gatekeeper.urls"
WSGI_APPLICATION = "gatekeeper.wsgi.application"
ASGI_APPLICATION = "gatekeeper.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gatekeeper.common.context.shell",
            ],
        },
    },
]
# what the frame of every page shows, from the apps that know it: gatekeeper/common/context.py
SHELL_PROVIDERS = {
    "waiting_count": "approvals.shell.waiting_count",
    "unread_count": "notifications.shell.unread_count",
    "watching": "notifications.shell.watching",
    "is_administrator": "gatekeeper.accounts.shell.is_administrator",
    "organisation_name": "releases.shell.organisation_name",
}
CSRF_FAILURE_VIEW = "gatekeeper.common.error_pages.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- Database ------------------------------------------------------------------------------------------------------

SQLITE_OPTIONS = {
    # a deferred transaction that reads and then writes fails with "locked" under load; an immediate one waits
    "transaction_mode": "IMMEDIATE",
    "timeout": 10,
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;PRAGMA cache_size=-16000;"
        "PRAGMA mmap_size=134217728;PRAGMA journal_size_limit=67108864;"
    ),
}
POSTGRESQL_OPTIONS = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "gatekeeper",
    "options": "-c statement_timeout=15000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=30000",
}


def database() -> dict[str, Any]:
    """The one database. What a person writes behind `?` in the address goes before our options."""
    config: dict[str, Any] = env.read("DATABASE_URL", f"sqlite:///{VAR_DIR / 'gatekeeper.sqlite3'}")
    is_sqlite = config["ENGINE"] == "django.db.backends.sqlite3"
    if PRODUCTION and env.given("DATABASE_URL") and is_sqlite:
        env.malformed("DATABASE_URL", "SQLite is the embedded default's")
    config["OPTIONS"] = (SQLITE_OPTIONS if is_sqlite else POSTGRESQL_OPTIONS) | config.get("OPTIONS", {})
    config["CONN_MAX_AGE"] = 60
    config["CONN_HEALTH_CHECKS"] = True
    # with immediate transactions every GET would take SQLite's write lock
    config["ATOMIC_REQUESTS"] = False
    return config


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- People, permissions, sessions ---------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "gatekeeper.accounts.backends.EmailOrUsernameBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False

LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_RESET_TIMEOUT = 3600
MAIL_LINK_DAYS: int = env.read("MAIL_LINK_DAYS")
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("username", "full_name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 12 * 60 * 60  # idle; SessionAgeMiddleware renews it and knows the absolute end
SESSION_ABSOLUTE_AGE = timedelta(days=7)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True  # pages carry the token themselves
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = IS_HTTPS
# browsers take a __Host- cookie only over https and without a domain
SESSION_COOKIE_NAME = "__Host-gk" if IS_HTTPS else "gk"
CSRF_COOKIE_NAME = "__Host-gk-csrf" if IS_HTTPS else "gk-csrf"

# --- HTTP security -------------------------------------------------------------------------------------------------

ALLOWED_HOSTS = [BASE_HOST, "localhost", "127.0.0.1", *env.read("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked from inside, without TLS
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

# --- Files: the front end's and people's ---------------------------------------------------------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "gatekeeper.common.storage.StaticFilesStorage"},
}
# before the first collectstatic, and for developers, files come straight from where they are kept
WHITENOISE_USE_FINDERS = DEBUG or not (STATIC_ROOT / "staticfiles.json").exists()
WHITENOISE_ALLOW_ALL_ORIGINS = False
EVIDENCE_FILE_LIMIT: int = env.read("UPLOAD_LIMIT_MB") * 1_000_000  # bytes
EVIDENCE_QUOTA: int = env.read("EVIDENCE_QUOTA_MB") * 1_000_000  # bytes
EVIDENCE_SCANNER: str = env.read("EVIDENCE_SCANNER")
CLAMD_ADDRESS: str = env.read("CLAMD_ADDRESS")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 20
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700

# --- Language and time ---------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = False
# of the set-up pages; ours say which format they mean
DATE_FORMAT, TIME_FORMAT, DATETIME_FORMAT = "j M Y", "H:i", "j M Y, H:i"
USE_TZ = True
TIME_ZONE: str = env.read("TIME_ZONE")

# --- Mail ----------------------------------------------------------------------------------------------------------

MAIL_DIR = VAR_DIR / "mail"
mail: dict[str, Any] = env.read("EMAIL_URL", f"file://{MAIL_DIR}")
EMAIL_BACKEND: str = mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH: str | None = mail.get("EMAIL_FILE_PATH")
EMAIL_HOST: str = mail.get("EMAIL_HOST", "localhost")
EMAIL_PORT: int = mail.get("EMAIL_PORT", 25)
EMAIL_HOST_USER: str = mail.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD: str = mail.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS: bool = mail.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT: int | None = mail.get("EMAIL_TIMEOUT")
DEFAULT_FROM_EMAIL: str = env.read("EMAIL_FROM", f"Gatekeeper <gatekeeper@{BASE_HOST}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Celery --------------------------------------------------------------------------------------------------------

REDIS_URL: str = env.read("REDIS_URL")
CELERY_TIMEZONE = "UTC"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True  # what has been done stands in our own tables
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # a task that kills its worker would come back for ever
CELERY_TASK_TIME_LIMIT = 60
CELERY_TASK_SOFT_TIME_LIMIT = 50
CELERY_TASK_PUBLISH_RETRY = False  # a request never waits for the queue: beat finds what was not announced
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000  # KB
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_VISIBILITY_TIMEOUT = 300  # seconds; over the time limit, and the same in all three places
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"visibility_timeout": CELERY_VISIBILITY_TIMEOUT}
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any]
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": CELERY_VISIBILITY_TIMEOUT,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        # a request that publishes to a frozen Redis waits this long and no longer
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        # and to one that refuses: no second try, where Celery would sleep a second before it
        "max_retries": 0,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "global_keyprefix": "gatekeeper:",
    }
else:
    CELERY_BROKER_URL = "filesystem://localhost"  # the host is a word that kombu wants
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE_DIR / "messages"),
        "data_folder_out": str(QUEUE_DIR / "messages"),
        "control_folder": str(QUEUE_DIR / "control"),
        "processed_folder": str(QUEUE_DIR / "processed"),
        "store_processed": False,
        "polling_interval": 0.1,
    }
    for part in ("messages", "control"):
        if not env.problems:
            (QUEUE_DIR / part).mkdir(mode=0o700, parents=True, exist_ok=True)

# Each entry may run twice or late: the tasks look at what is due and are right however often they run.
# `expires` keeps ticks from piling up while no worker takes them.
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "heartbeat": {"task": "gatekeeper.common.tasks.heartbeat", "schedule": 30, "options": {"expires": 30}},
    "relay": {"task": "notifications.tasks.relay", "schedule": 5, "options": {"expires": 5}},
    "sweep": {"task": "approvals.tasks.sweep", "schedule": 300, "options": {"expires": 300}},
    "forecast": {"task": "measures.tasks.forecast", "schedule": 300, "options": {"expires": 300}},
    "backtest": {"task": "measures.tasks.backtest", "schedule": crontab(minute=27), "options": {"expires": 3000}},
    "seal-history": {
        "task": "releases.tasks.seal_history",
        "schedule": crontab(minute=7),
        "options": {"expires": 3000},
    },
    "clear-files": {
        "task": "approvals.tasks.clear_files",
        "schedule": crontab(minute=37),
        "options": {"expires": 3000},
    },
    "clear-kept-answers": {
        "task": "gatekeeper.common.tasks.clear_kept_answers",
        "schedule": crontab(minute=27),
        "options": {"expires": 3000},
    },
    "clear-sessions": {
        "task": "gatekeeper.common.tasks.clear_sessions",
        "schedule": crontab(hour=3, minute=17),
        "options": {"expires": 3600},
    },
}

# --- API -----------------------------------------------------------------------------------------------------------

API_CALLS_PER_TOKEN: int = env.read("API_CALLS_PER_TOKEN")
API_CALLS_PER_ADDRESS: int = env.read("API_CALLS_PER_ADDRESS")
REST_FRAMEWORK = {
    # the token first: its challenge makes a missing sign-in 401
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "gatekeeper.accounts.api.TokenAuthentication",
        "gatekeeper.accounts.api.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["gatekeeper.common.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "gatekeeper.common.api.schema.ApiSchema",
    "EXCEPTION_HANDLER": "gatekeeper.common.api.problems.handle",
    "URL_FORMAT_OVERRIDE": None,
    "NUM_PROXIES": PROXY_COUNT,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "gatekeeper",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_COERCE_PATH_PK_SUFFIX": False,
    "COMPONENT_SPLIT_REQUEST": True,  # so that a body says which of its texts may be empty
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "POSTPROCESSING_HOOKS": ["gatekeeper.common.api.schema.finish"],
    "SERVERS": [{"url": "/"}],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

# --- Logs ----------------------------------------------------------------------------------------------------------

LOG_LEVEL: str = env.read("LOG_LEVEL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "gatekeeper.common.logs.RequestIdFilter"}},
    "formatters": {
        "plain": {"()": "gatekeeper.common.logs.PlainFormatter"},
        "json": {"()": "gatekeeper.common.logs.JsonFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if PRODUCTION else "plain",
            "filters": ["request_id"],
        },
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": ["console"], "level": LOG_LEVEL, "propagate": False},
        # every tick and every received task: true, and of no use to a reader
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
    },
}

env.stop_on_problems()
