"""The examples of the README's chapter about the API, sent in its order; each says the status that it gets."""

import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from approvals.actions.seats import grant_seat, prepare_seats
from approvals.models import ApproverRole
from gatekeeper.common.calendars import day_of
from releases.actions.products import create_product
from releases.actions.releases import activate_release, create_release
from tests.api.conftest import Caller, caller
from tests.cast import Cast

README = Path(__file__).parents[2] / "README.md"
NAMES = {"API": "", "GATE": "/releases/remote-support/5.2/gates/market-opportunity", "AUTH": "", "JSON": "JSON: yes"}


def examples() -> list[tuple[str, int]]:
    """(command, status) of every request in the chapter."""
    chapter = README.read_text().split("\n## API\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```\n(.*?)```", chapter, flags=re.DOTALL)
    found = re.findall(r"^(curl .*?)\s+# (\d{3})$", "\n".join(blocks), flags=re.DOTALL | re.MULTILINE)
    return [(command, int(status)) for command, status in found]


def send(who: Caller, command: str, tag: str) -> tuple[int, str]:
    """One request as curl would send it; returns its status and tag."""
    for name, value in NAMES.items():
        command = command.replace(f"${name}", value)
    words = shlex.split(command.replace("$ETAG", tag.replace('"', '\\"')))
    method, body, headers, path = "GET", None, {}, ""
    given = iter(words[1:])
    for word in given:
        if word == "-X":
            method = next(given)
        elif word == "-d":
            body = next(given)
        elif word == "-H":
            name, _, value = next(given).partition(": ")
            if name and name != "JSON":
                headers[name.replace("-", "_")] = value
        else:
            path = word
    answer = who.call(method, path, raw=body.encode() if body else None, **headers)
    return answer.status_code, answer.headers.get("ETag", tag)


@pytest.mark.django_db
def test_the_examples_of_the_readme_do_what_they_say(cast: Cast) -> None:
    product = create_product(name="Remote Support", line=cast.line, owner=cast.pm, actor=cast.administrator)
    prepare_seats(product=product, playbook=cast.playbook, actor=cast.administrator)
    for role in ApproverRole.objects.filter(product=product):
        holder = cast.approver if role.key == "engineering" else cast.sales_group
        grant_seat(role_id=role.pk, holder=holder, actor=cast.administrator)
    target_on = day_of(timezone.now()) + timedelta(days=90)
    release = create_release(product=product, version="5.2", playbook=cast.playbook, target_on=target_on, actor=cast.pm)
    activate_release(release_id=release.pk, actor=cast.pm)
    who, tag, got = caller(cast.pm, "read", "write"), "", []
    for command, _status in examples():
        # the tag of the first read is the one that everything after it is sent with
        status, new = send(who, command, tag)
        tag = new if "$ETAG" not in command else tag
        got.append((command, status))
    assert got == examples()
    assert len(got) >= 14
