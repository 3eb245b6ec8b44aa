"""The recorded schema of the API: what clients may count on. Whether it is the present one, `.ci/run` asks."""

import copy
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gatekeeper.api import schema
from gatekeeper.management.commands import record_schema
from gatekeeper.management.commands.record_schema import SCHEMA, problems


def test_the_present_schema_breaks_nobody_who_follows_the_recorded_one() -> None:
    recorded = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert problems(recorded, schema()) == []
    removed = copy.deepcopy(schema())
    del removed["paths"]["/api/v1/me/"]
    assert problems(recorded, removed) == ["/api/v1/me/ is gone."]
    removed["info"]["version"] = "2.0.0"
    assert problems(recorded, removed) == []


def test_a_break_is_not_recorded_and_an_addition_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, events = tmp_path / "openapi.json", tmp_path / "events.md"
    monkeypatch.setattr(record_schema, "SCHEMA", file)
    monkeypatch.setattr(record_schema, "EVENTS", events)
    older = copy.deepcopy(schema())
    del older["paths"]["/api/v1/me/"]
    file.write_text(json.dumps(older))
    with pytest.raises(CommandError, match="run `make schema`"):
        call_command("record_schema", check=True, verbosity=0)
    call_command("record_schema")
    assert json.loads(file.read_text()) == schema()
    assert "| `approvals.gate.approved` | Every role of a gate has its quorum. |" in events.read_text()
    call_command("record_schema", check=True)

    newer = copy.deepcopy(schema())
    newer["paths"]["/api/v1/gone/"] = newer["paths"]["/api/v1/me/"]
    file.write_text(json.dumps(newer))
    with pytest.raises(CommandError, match="1 changes would break clients"):
        call_command("record_schema")
    assert json.loads(file.read_text()) == newer
