"""Images of evidence, shown in place: the only files that a browser gets as what they are."""

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from approvals.pages.gate import gate_url
from approvals.pages.items import IMAGE_LIMIT, IMAGES
from approvals.views.at_gate import the_gate
from approvals.views.files import damaged_file, is_whole, the_version
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.pages import refusal


@login_required
@require_GET
def evidence_image(
    request: SignedInRequest, product: str, version: str, gate: str, deliverable: str, number: int, file: int
) -> HttpResponseBase:
    """A raster image of one version, whose type was found by its content; for everything else there is no such address.

    SVG is no image here: it may hold script. The sandbox holds even if a browser should take the bytes for a page.
    """
    place = the_gate(request.user, product, version, gate)
    images = the_version(request, place, deliverable, number).files.filter(
        content_type__in=IMAGES, size__lte=IMAGE_LIMIT
    )
    found = get_object_or_404(images, pk=file)
    if not is_whole(found):
        back = gate_url(place.gate, place.release)
        return refusal(request, damaged_file(found), back_url=back, back_words="To the gate")
    response = FileResponse(found.file.open("rb"), content_type=found.content_type)
    named = content_disposition_header(as_attachment=False, filename=found.name)
    response.headers["Content-Disposition"] = named or "inline"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "private, no-store"
    return response
