"""Files sent piece by piece: announced, received from where the last piece ended, and taken away. Answers in JSON."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods, require_POST

from approvals.actions.files import MOST_PIECE, PIECE, begin_upload, finish_upload, receive_piece, remove_upload
from approvals.models import Upload
from approvals.pages.gate import gate_url
from approvals.views.at_gate import Place, the_deliverable, the_gate
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.requests import whole_number
from gatekeeper.common.templatetags.gk import bytes_size


def _told(upload: Upload, place: Place) -> dict[str, Any]:
    """An upload as the page's script knows it."""
    address: dict[str, str | int] = {"deliverable": upload.deliverable.key, "upload": upload.pk}
    words = bytes_size(upload.size)
    if upload.finished_at is not None:
        words += f" · {upload.get_scan_display().lower()}"
    return {
        "id": upload.pk,
        "name": upload.name,
        "size": upload.size,
        "received": upload.received,
        "piece": PIECE,
        "is_finished": upload.finished_at is not None,
        "words": words,
        "url": gate_url(place.gate, place.release, "evidence-upload", **address),
        "remove": gate_url(place.gate, place.release, "evidence-upload-remove", **address),
    }


def _answer(act: Callable[[], Upload], place: Place, status: int = 200) -> HttpResponse:
    try:
        upload = act()
    except DomainError as error:
        return JsonResponse({"code": error.code, "message": error.message}, status=error.status)
    return JsonResponse(_told(upload, place), status=status)


@login_required
@require_POST
def evidence_uploads(request: SignedInRequest, product: str, version: str, gate: str, deliverable: str) -> HttpResponse:
    """Announce a file: its name, its size, and by what the browser knows it again."""
    place = the_gate(request.user, product, version, gate)
    thing = the_deliverable(place, deliverable)
    size = whole_number(request.POST.get("size", "")) or 0
    return _answer(
        lambda: begin_upload(
            deliverable_id=thing.pk, actor=request.user, name=request.POST.get("name", ""), size=size,
            mark=request.POST.get("mark", ""),
        ),
        place, 201,
    )  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def evidence_upload(
    request: SignedInRequest, product: str, version: str, gate: str, deliverable: str, upload: int
) -> HttpResponse:
    """Where an upload stands; or its next piece, which begins at the byte that the header Upload-Offset names.

    With the last piece the file is looked at and scanned; an empty piece at the end tries that again.
    """
    place = the_gate(request.user, product, version, gate)
    mine = _mine(request, place, deliverable, upload)
    if request.method == "GET":
        return JsonResponse(_told(mine, place))
    offset = whole_number(request.headers.get("Upload-Offset", ""))
    length = whole_number(str(request.META.get("CONTENT_LENGTH") or "0"))
    if offset is None or length is None or length > MOST_PIECE:
        return JsonResponse({"code": "bad_piece", "message": "This is no piece of the file."}, status=413)

    def take() -> Upload:
        found = receive_piece(upload_id=mine.pk, actor=request.user, offset=offset, data=request.body)
        return found if found.received < found.size else finish_upload(upload_id=mine.pk, actor=request.user)

    return _answer(take, place)


@login_required
@require_POST
def evidence_upload_remove(
    request: SignedInRequest, product: str, version: str, gate: str, deliverable: str, upload: int
) -> HttpResponse:
    """Abort an upload, or take it away again."""
    place = the_gate(request.user, product, version, gate)
    remove_upload(upload_id=_mine(request, place, deliverable, upload).pk, actor=request.user)
    return HttpResponse(status=204)


def _mine(request: SignedInRequest, place: Place, deliverable: str, upload: int) -> Upload:
    """An upload of the person, or 404: other people's are nobody's business."""
    if upload > 2**63 - 1:
        raise Http404("No such upload.")
    uploads = Upload.objects.select_related("deliverable").filter(author=request.user)
    return get_object_or_404(uploads, deliverable=the_deliverable(place, deliverable), pk=upload)
