"""Images of evidence are shown in place, from an address that serves raster images alone."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import submit_evidence
from approvals.models import Evidence, EvidenceFile
from releases.models import Gate, Product
from tests.access.stage import PIXEL
from tests.cast import Cast, at
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, thing

pytestmark = pytest.mark.django_db
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def supply(cast: Cast, gate: Gate, *files: tuple[str, bytes, str]) -> Evidence:
    uploads = [SimpleUploadedFile(*one) for one in files]
    return save_evidence(
        deliverable_id=thing(gate).pk, actor=cast.pm, kind="file", uploads=uploads, clock=at(days_ago(4))
    )


def image_of(client: Client, gate: Gate, file: EvidenceFile) -> Any:
    return client.get(address(gate, f"evidence/brief/1/images/{file.pk}/"))


def test_an_image_is_shown_in_place_in_a_sandbox_and_only_to_who_may_read_it(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    # whatever the browser called it
    file = supply(cast, gate, ("Market.png", PIXEL, "text/html")).files.get()
    assert image_of(client_of(cast.approver), gate, file).status_code == 403  # a draft
    submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(3)))
    reader = client_of(cast.outsider)
    url = address(gate, f"evidence/brief/1/images/{file.pk}/")
    assert f'<img class="evidence-image" src="{url}" alt="Market.png"' in reader.get(address(gate)).content.decode()
    answer = image_of(reader, gate, file)
    assert b"".join(answer.streaming_content) == PIXEL
    assert answer.headers["Content-Type"] == "image/gif"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Content-Disposition"] == 'inline; filename="Market.png"'
    Product.objects.filter(pk=cast.product.pk).update(is_restricted=True)
    assert image_of(reader, gate, file).status_code == 404


def test_nothing_else_is_ever_shown(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    others = (
        ("a.svg", SVG, "image/svg+xml"),
        ("b.png", b"<html><script>", "image/png"),
        ("c.pdf", b"%PDF-1.4", "image/png"),
    )
    evidence = supply(cast, gate, *others)
    submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(3)))
    reader = client_of(cast.outsider)
    assert "evidence-image" not in reader.get(address(gate)).content.decode()
    files = list(evidence.files.all())
    assert [image_of(reader, gate, file).status_code for file in files] == [404] * 3
    # a download of its own says nothing that a browser could act upon
    download = reader.get(address(gate, f"evidence/brief/1/files/{files[0].pk}/"))
    assert download.headers["Content-Type"] == "application/octet-stream"


def test_damaged_bytes_are_not_shown(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    file = supply(cast, gate, ("Market.gif", PIXEL, "image/gif")).files.get()
    Path(file.file.path).write_bytes(PIXEL[:-1] + b"!")
    assert image_of(client_of(cast.pm), gate, file).status_code == 409
