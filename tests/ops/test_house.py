"""What the repository itself must keep."""

import ast
import re
import tomllib
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from django.db import connection
from django.forms import Form

from gatekeeper.settings import POSTGRESQL_OPTIONS, SQLITE_OPTIONS, VARIABLES
from tests.processes import ROOT

FORMS = (
    "approvals.forms.absences", "approvals.forms.gates", "approvals.forms.people", "approvals.forms.products",
    "approvals.forms.releases", "gatekeeper.accounts.forms", "gatekeeper.dashboard.forms",
    "gatekeeper.dashboard.playbook_forms", "gatekeeper.dashboard.token_forms", "notifications.forms",
)  # fmt: skip
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\;]+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", LOCKS)
def test_lock_files_name_no_place_and_hash_everything(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|--index-url|--find-links|(?:^|[\s=])/\w", text)
    assert pins(name)
    entries = re.split(r"\n(?=[a-z0-9])", text)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_dev_lock_holds_the_other_in_the_same_versions() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


@pytest.mark.parametrize("module", FORMS)
def test_an_empty_field_answers_in_our_own_words(module: str) -> None:
    found = [one for one in vars(import_module(module)).values() if isinstance(one, type) and issubclass(one, Form)]
    for name, field in ((f"{form.__name__}.{name}", f) for form in found for name, f in form.base_fields.items()):
        assert "This field" not in str(field.error_messages.get("required")), name


def test_psycopg_3_is_not_installed_and_psycopg2_is_the_driver() -> None:
    """Django silently prefers psycopg 3 where it can be imported."""
    for name in LOCKS:
        assert "psycopg" not in pins(name)
        assert "psycopg2-binary" in pins(name)
    with pytest.raises(ImportError):
        import psycopg  # noqa: F401


@pytest.mark.postgres
@pytest.mark.django_db
def test_the_connection_is_psycopg2s_with_our_timeouts() -> None:
    """The tests' own connections are more patient."""
    connection.ensure_connection()
    assert type(connection.connection).__module__.startswith("psycopg2")
    ours = connection.get_connection_params() | {"options": POSTGRESQL_OPTIONS["options"]}
    with closing(connection.get_new_connection(ours)) as own, own.cursor() as cursor:
        shown = {}
        for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SHOW {name}")
            shown[name] = cursor.fetchone()[0]
    assert shown == {"lock_timeout": "5s", "statement_timeout": "15s", "idle_in_transaction_session_timeout": "30s"}


@pytest.mark.django_db
def test_sqlite_waits_for_its_turn_and_keeps_a_write_ahead_log() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite's own settings")
    with connection.cursor() as cursor:
        found = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "busy_timeout": 60000, "foreign_keys": 1}
    assert SQLITE_OPTIONS["timeout"] == 10, "the tests' own connections are more patient"
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert connection.settings_dict["ATOMIC_REQUESTS"] is False


def test_the_layers_of_the_house_are_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(
        contract for contract in contracts if contract["type"] == "layers" and "releases" in contract["layers"]
    )
    assert layers["layers"][-3:] == ["releases", "gatekeeper.accounts", "gatekeeper.common"]


def pure_modules() -> list[Path]:
    rooms = ("gatekeeper", "releases", "approvals", "measures", "notifications")
    files = ("rules.py", "kinds.py", "gates.py")
    upper = {"api", "views", "forms", "pages"}
    found = [path for room in rooms for file in files for path in (ROOT / room).rglob(file)]
    return [path for path in found if path.parent.name not in upper]


def test_rules_and_kinds_know_no_database_and_no_request() -> None:
    """The import contracts see our own modules; this sees Django's."""
    allowed = {"django.db.models.TextChoices", "django.db.models.IntegerChoices"}
    modules = pure_modules()
    assert ROOT / "releases" / "rules.py" in modules
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            assert not [name for name in names if name.startswith("django.") and name not in allowed], path


SERVICES = {"migrate", "web", "worker", "beat", "postgres", "redis"}


def test_the_compose_file_is_whole() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = compose["services"]
    assert set(services) == SERVICES
    assert set(compose["volumes"]) == {"postgres", "redis", "var"}
    for name in ("web", "worker", "beat"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert "stop_grace_period" in services[name]
    for name in SERVICES - {"migrate", "web"}:
        assert services[name]["healthcheck"]["test"], name
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
    assert {"--appendonly", "noeviction"} <= set(services["redis"]["command"])
    assert "USER gatekeeper" in (ROOT / "Dockerfile").read_text()


def test_production_gets_every_variable_it_requires_and_none_that_does_not_exist() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    known = {variable.name: variable for variable in VARIABLES}
    for name in ("migrate", "web", "worker", "beat"):
        given = compose["services"][name]["environment"]
        assert set(given) <= set(known)
        assert {variable.name for variable in VARIABLES if variable.required} <= set(given)
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{([A-Z_]+):\?", text)) <= set(example)
    assert set(example) <= set(re.findall(r"\$\{([A-Z_]+):", text))
