"""`manage.py record_schema`: write the API's schema and list of events to docs/, unless that breaks clients."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gatekeeper.api import schema
from gatekeeper.common.api.compatibility import breaks, is_new_major
from releases.event_words import EVENT_WORDS
from releases.kinds import EVENT_KINDS

DOCS = Path(settings.BASE_DIR) / "docs"
SCHEMA, EVENTS = DOCS / "openapi.json", DOCS / "events.md"
INTRODUCTION = """\
# Events

Every kind of event of `GET /api/v1/events/`, as `make schema` writes it from the code. Kinds are only ever added: leave
out those that you do not know. People stand in `data` with their user names.

| kind | what happened |
|---|---|
"""


def schema_text(found: dict[str, Any]) -> str:
    """The schema as it stands in the repository."""
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def events_text() -> str:
    """The list of kinds as it stands in the repository."""
    return INTRODUCTION + "".join(f"| `{kind}` | {EVENT_WORDS.get(kind, '')} |\n" for kind in EVENT_KINDS)


def problems(recorded: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What breaks clients without another major version; empty when nothing does."""
    return [] if is_new_major(recorded, found) else breaks(recorded, found)


class Command(BaseCommand):
    help = "Write docs/openapi.json and docs/events.md; refused when the change breaks clients of this major version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="write nothing; fail when something would change")
        parser.add_argument("--against", type=Path, help="another recorded schema to compare with")

    def handle(self, *args: Any, check: bool, against: Path | None, **options: Any) -> None:
        if missing := sorted(set(EVENT_KINDS) - set(EVENT_WORDS)):
            raise CommandError(f"releases/event_words.py has no words for {', '.join(missing)}.")
        found = schema()
        for file in {SCHEMA, against or SCHEMA}:
            if not file.exists():
                continue
            if broken := problems(json.loads(file.read_text(encoding="utf-8")), found):
                for sentence in broken:
                    self.stderr.write(sentence)
                raise CommandError(
                    f"{len(broken)} changes would break clients that follow {file.name} of version "
                    f"{found['info']['version']}. Take them back, or give the API another major version."
                )
        for file, text in ((SCHEMA, schema_text(found)), (EVENTS, events_text())):
            if file.exists() and file.read_text(encoding="utf-8") == text:
                continue
            if check:
                raise CommandError(f"docs/{file.name} is not what the code says: run `make schema`.")
            file.write_text(text, encoding="utf-8")
            self.stdout.write(f"docs/{file.name} is written.")
