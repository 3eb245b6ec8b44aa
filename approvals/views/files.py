"""Files of evidence: every download passes a permission check, and only the bytes that were hashed go out."""

import logging

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from approvals.actions.files import hash_of
from approvals.models import Evidence, EvidenceFile, Submission
from approvals.pages.gate import gate_url, sees_drafts
from approvals.pages.items import submitted_versions
from approvals.views.at_gate import Place, the_deliverable, the_gate
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import Conflict
from gatekeeper.common.pages import refusal
from releases.permissions import is_administrator, product_permissions

log = logging.getLogger(__name__)


@login_required
@require_GET
def evidence_file(
    request: SignedInRequest, product: str, version: str, gate: str, deliverable: str, number: int, file: int
) -> HttpResponseBase:
    """A file of one version, never shown by the browser itself: always a download."""
    place = the_gate(request.user, product, version, gate)
    found = the_version(request, place, deliverable, number)
    return _download(request, place, get_object_or_404(found.files.all(), pk=file))


@login_required
@require_GET
def evidence_first_file(
    request: SignedInRequest, product: str, version: str, gate: str, deliverable: str, number: int
) -> HttpResponseBase:
    """The first file of a version: the address that rounds know from before a version could have several."""
    place = the_gate(request.user, product, version, gate)
    files = the_version(request, place, deliverable, number).files.all()[:1]
    return _download(request, place, get_object_or_404(files))


def the_version(request: SignedInRequest, place: Place, key: str, number: int) -> Evidence:
    """A version that the person may read, or 404: what a round has shown is there for all who see the product.

    Raises:
        PermissionDenied: no round has shown it, and drafts are for those who gather evidence.
    """
    thing = the_deliverable(place, key)
    permissions = product_permissions(request.user, place.release.product)
    if not sees_drafts(permissions, is_administrator(request.user)):
        rounds = Submission.objects.filter(gate=place.gate).order_by("-number").iterator(chunk_size=10)
        if not any(number in submitted_versions([submission], thing.key) for submission in rounds):
            raise PermissionDenied("No round has shown this version.")
    return get_object_or_404(Evidence, deliverable=thing, version=number)


def _download(request: SignedInRequest, place: Place, file: EvidenceFile) -> HttpResponseBase:
    if not is_whole(file):
        back = gate_url(place.gate, place.release)
        return refusal(request, damaged_file(file), back_url=back, back_words="To the gate")
    response = FileResponse(file.file.open("rb"), as_attachment=True, filename=file.name)
    # Whatever it is, the browser is told nothing it could act upon.
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def damaged_file(file: EvidenceFile) -> Conflict:
    """What a person is told of a file whose bytes are not those that were hashed."""
    log.error("Evidence file %s (id %s) is missing or damaged", file, file.pk)
    return Conflict(
        "file_damaged",
        f"{file.name} is not the file that was uploaded: its bytes do not have the recorded SHA-256. "
        "Ask an administrator to bring it back from a backup.",
    )


def is_whole(file: EvidenceFile) -> bool:
    """Whether the stored bytes are those that were hashed at upload (25 MB take some 30 ms)."""
    try:
        if file.file.size != file.size:
            return False
        with file.file.open("rb") as stored:
            digest, _size = hash_of(stored)
    except OSError:
        return False
    return digest == file.sha256
