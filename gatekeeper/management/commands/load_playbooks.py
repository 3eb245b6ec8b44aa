"""Load playbooks from YAML files; a changed file becomes the next version of its playbook."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from gatekeeper.common.errors import Refused
from releases.actions.products import load_playbook
from releases.playbook_yaml import read_playbook_text
from releases.playbooks import PlaybookSpec, digest_of

FOLDER = settings.BASE_DIR / "releases" / "playbook_files"


def read_playbook(path: Path) -> PlaybookSpec:
    """A playbook from a YAML file.

    Raises:
        CommandError: every mistake, each with the file and its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1} is {error.object[error.start]:#04x}"
        raise CommandError(f"{path} is not UTF-8: {byte}.") from None
    try:
        return read_playbook_text(text)
    except Refused as refused:
        raise CommandError("\n".join(f"{path}, {problem.message}" for problem in refused.fields)) from None


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
                if is_new:
                    words = f"loaded, {len(spec.gates)} gates"
                elif playbook.digest == digest_of(spec.as_data()):
                    words = f"is loaded already, {len(spec.gates)} gates"
                else:
                    words = (
                        "was published in the browser; the file says something else and is not loaded over it. "
                        f"Import it at /settings/playbooks/{playbook.slug}/import/ to compare"
                    )
                self.stdout.write(f"{playbook} ({playbook.slug}): {words}")
