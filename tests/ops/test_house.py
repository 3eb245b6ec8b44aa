"""What the repository itself must keep."""

import re
import tomllib

import pytest
from django.db import connection

from tests.processes import ROOT

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
    connection.ensure_connection()
    assert type(connection.connection).__module__.startswith("psycopg2")
    with connection.cursor() as cursor:
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
    assert found == {"journal_mode": "wal", "busy_timeout": 10000, "foreign_keys": 1}
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert connection.settings_dict["ATOMIC_REQUESTS"] is False


def test_the_layers_of_the_house_are_held() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(
        contract for contract in contracts if contract["type"] == "layers" and "releases" in contract["layers"]
    )
    assert layers["layers"][-3:] == ["releases", "gatekeeper.accounts", "gatekeeper.common"]
