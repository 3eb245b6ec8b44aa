"""Load playbooks from YAML files; a changed file becomes the next version of its playbook."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from gatekeeper.common.errors import Refused
from releases.actions.products import load_playbook
from releases.playbooks import PlaybookSpec, parse_playbook

FOLDER = settings.BASE_DIR / "releases" / "playbook_files"


class _Loader(yaml.SafeLoader):
    """Plain data only; a field that stands twice is a mistake, not the last one wins."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_playbook(path: Path) -> PlaybookSpec:
    """A playbook from a YAML file.

    Raises:
        CommandError: every mistake, each with the file and its place in it.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1} is {error.object[error.start]:#04x}"
        raise CommandError(f"{path} is not UTF-8: {byte}.") from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        raise CommandError(f"{place}: {getattr(error, 'problem', None) or error}") from None
    try:
        return parse_playbook(data)
    except Refused as refused:
        raise CommandError("\n".join(f"{path}: {problem.message}" for problem in refused.fields)) from None


class Command(BaseCommand):
    help = "Load playbooks from YAML files. Loading the same file again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files", nargs="*", type=Path, metavar="FILE.yaml", help="default: the playbooks that ship with gatekeeper"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        specs = [read_playbook(path) for path in options["files"] or sorted(FOLDER.glob("*.yaml"))]
        with transaction.atomic():
            for spec in specs:
                playbook, is_new = load_playbook(spec=spec, actor=None)
                words = "loaded" if is_new else "is loaded already"
                self.stdout.write(f"{playbook} ({playbook.slug}): {words}, {len(spec.gates)} gates")
