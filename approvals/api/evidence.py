"""Evidence of a gate: read, saved, removed, downloaded; and the checks that engineering tools report."""

import logging
import re
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpResponseBase
from rest_framework.exceptions import ParseError
from rest_framework.parsers import MultiPartParser

from approvals.actions.checks import report_check
from approvals.actions.evidence import remove_evidence, save_evidence
from approvals.actions.files import hash_of
from approvals.api.gates import CHECK, GateApi, show_check
from approvals.api.places import Place, the_deliverable, today
from approvals.facts import GateFacts, load_facts
from approvals.kinds import EvidenceKind, WaiverKind
from approvals.models import Evidence, EvidenceFile, Submission
from approvals.pages.gate import sees_drafts
from approvals.pages.items import submitted_versions
from approvals.serializers import CheckBody, EvidenceBody, FileQuery
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.answers import nothing
from gatekeeper.common.api.inputs import ListQuery
from gatekeeper.common.api.parsing import StrictJSONParser, check_texts
from gatekeeper.common.api.problems import ApiProblem, malformed
from gatekeeper.common.api.shapes import (
    FLAG,
    MOMENT,
    NUMBER,
    TEXT,
    an_object,
    listed,
    maybe,
    one_of,
    page_of,
    shape,
)
from gatekeeper.common.api.views import CHECKS, describe
from gatekeeper.common.errors import Conflict, FieldProblem, Refused
from releases.permissions import is_administrator, product_permissions

log = logging.getLogger(__name__)

FILE = an_object({"name": TEXT, "size": NUMBER, "sha256": TEXT, "content_type": TEXT, "scan": TEXT})
EVIDENCE = shape(
    "Evidence",
    {
        "deliverable": TEXT,
        "name": TEXT,
        "required": FLAG,
        "assignee": maybe(TEXT),
        "supplied": FLAG,
        "shown": FLAG,
        "excused": FLAG,
        "version": maybe(NUMBER),
        "kind": maybe(one_of([kind for kind in EvidenceKind.values if kind != EvidenceKind.REMOVED])),
        "text": TEXT,
        "url": TEXT,
        "note": TEXT,
        "files": listed(FILE),
        "author": maybe(TEXT),
        "saved_at": maybe(MOMENT),
    },
)
UPLOAD = an_object(
    {
        "file": {"type": "string", "format": "binary"},
        "note": TEXT,
        "expected_version": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    },
    optional=("note", "expected_version"),
)


def reads_drafts(request: ApiRequest, place: Place) -> bool:
    """Whether the caller may read evidence that no round has shown."""
    permissions = product_permissions(request.user, place.release.product)
    return sees_drafts(permissions, is_administrator(request.user))


def shown_versions(place: Place) -> dict[str, int]:
    """By deliverable, the newest version that a round has put before the approvers."""
    found: dict[str, int] = {}
    for submission in Submission.objects.filter(gate=place.gate).order_by("number"):
        for row in submission.frozen["evidence"]:
            found[row["deliverable"]] = max(found.get(row["deliverable"], 0), row["version"])
    return found


def show_evidence(facts: GateFacts, *, drafts: bool, shown: dict[str, int]) -> list[dict[str, Any]]:
    """Every deliverable with its evidence; what no round has shown is only said to be there."""
    versions: dict[int, Evidence] = {}
    if not drafts:
        wanted = Evidence.objects.filter(deliverable__gate=facts.gate, deliverable__key__in=shown)
        for one in wanted.select_related("author", "deliverable").prefetch_related("files"):
            if shown[one.deliverable.key] == one.version:
                versions[one.deliverable_id] = one
    excused = facts.excused(WaiverKind.DELIVERABLE)
    found = []
    for thing in facts.deliverables:
        item: Evidence | None = facts.evidence.get(thing.pk) if drafts else versions.get(thing.pk)
        found.append(
            {
                "deliverable": thing.key,
                "name": thing.name,
                "required": thing.is_required,
                "assignee": thing.assignee.username if thing.assignee else None,
                "supplied": thing.pk in facts.evidence,
                "shown": item is not None,
                "excused": thing.key in excused,
                "version": item.version if item else None,
                "kind": item.kind if item else None,
                "text": item.text if item else "",
                "url": item.url if item else "",
                "note": item.note if item else "",
                "files": [
                    {"name": f.name, "size": f.size, "sha256": f.sha256, "content_type": f.content_type, "scan": f.scan}
                    for f in (item.files.all() if item else ())
                ],
                "author": item.author.username if item else None,
                "saved_at": item.saved_at if item else None,
            }
        )
    return found


class EvidenceListView(GateApi):
    tag = "evidence"

    @describe("The evidence of a gate", answers={200: page_of("Evidence")}, query=ListQuery)
    def get(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """By deliverable. Who does not gather evidence reads what a round has shown (`shown`)."""
        place = self.place(product, version, gate)
        facts = load_facts(place.release, place.gate, place.gates, today())
        drafts = reads_drafts(request, place)
        return self.page(
            show_evidence(facts, drafts=drafts, shown={} if drafts else shown_versions(place)), lambda one: one
        )


class EvidenceView(GateApi):
    """The evidence of one deliverable."""

    tag = "evidence"
    parser_classes = [StrictJSONParser, MultiPartParser]

    def _show(self, place: Place, key: str) -> dict[str, Any]:
        request: Any = self.request
        facts = load_facts(place.release, place.gate, place.gates, today())
        drafts = reads_drafts(request, place)
        shown = {} if drafts else shown_versions(place)
        return next(one for one in show_evidence(facts, drafts=drafts, shown=shown) if one["deliverable"] == key)

    @describe("The evidence of a deliverable", answers={200: EVIDENCE})
    def get(self, request: ApiRequest, product: str, version: str, gate: str, deliverable: str) -> HttpResponseBase:
        place = self.place(product, version, gate)
        the_deliverable(place, deliverable)
        return self.answer(self._show(place, deliverable))

    @describe(
        "Save the evidence of a deliverable",
        answers={200: EVIDENCE},
        bodies={"multipart/form-data": UPLOAD},
        body=EvidenceBody,
        has_match=True,
    )
    def put(self, request: ApiRequest, product: str, version: str, gate: str, deliverable: str) -> HttpResponseBase:
        """The next version: `{"text"}`, `{"url"}` or `{"done": true, "note"}` as JSON, or `file` as a form.

        Whoever saves evidence contributes to the round and loses the vote on it.
        """
        place = self.place(product, version, gate)
        thing = the_deliverable(place, deliverable)
        files: list[UploadedFile] = request.FILES.getlist("file") if request.FILES else []
        content = self._content(bool(files))
        if "If-Match" in request.headers:
            now = self._show(place, deliverable)
            self.require_match(now)
            # between this look and the lock somebody may save: the version decides
            content.setdefault("expected_version", now["version"] or 0)
        save_evidence(deliverable_id=thing.pk, actor=request.user, uploads=files, **content)
        return self.answer(self._show(self.place(product, version, gate), deliverable))

    def _content(self, has_files: bool) -> dict[str, Any]:
        """What the body says: one kind of evidence and no other."""
        said = dict(self.said)
        kinds = [name for name in ("text", "url", "done") if name in said] + (["file"] if has_files else [])
        if len(kinds) != 1:
            raise Refused.for_field(kinds[1] if kinds else "text", "one_of", "Give one of text, url, done or file.")
        if said.pop("done", True) is False:
            raise Refused.for_field("done", "invalid", "Evidence that is not done is none: remove it.")
        kind = {"text": EvidenceKind.TEXT, "url": EvidenceKind.LINK, "done": EvidenceKind.TICK}.get(
            kinds[0], EvidenceKind.FILE
        )
        return said | {"kind": kind}

    def read(self, body: Any) -> dict[str, Any]:
        """A form's fields are texts, and its files stand apart."""
        if not str(self.request.content_type or "").startswith("multipart/"):
            return super().read(body)
        data: Any = self.request.data
        files = self.request.FILES
        unknown = sorted((set(data) - set(files) - {"note", "expected_version"}) | (set(files) - {"file"}))
        if unknown:
            raise malformed(
                "The form has unknown fields.", [FieldProblem(unknown[0][:100], "unknown", "There is no such field.")]
            )
        if not files:
            raise malformed("The form has no file.", [FieldProblem("file", "required", "Choose a file.")])
        said: dict[str, Any] = {}
        if "note" in data:
            check_texts(data["note"])
            said["note"] = data["note"]
        if "expected_version" in data:
            if not re.fullmatch("[0-9]{1,9}", str(data["expected_version"])):
                raise ParseError("expected_version is not a number.")
            said["expected_version"] = int(data["expected_version"])
        return said

    @describe("Remove the evidence of a deliverable", answers={204: None}, has_match=True)
    def delete(self, request: ApiRequest, product: str, version: str, gate: str, deliverable: str) -> HttpResponseBase:
        """Earlier versions stay on record."""
        place = self.place(product, version, gate)
        thing = the_deliverable(place, deliverable)
        expected = None
        if "If-Match" in request.headers:
            now = self._show(place, deliverable)
            self.require_match(now)
            expected = now["version"] or 0
        remove_evidence(deliverable_id=thing.pk, actor=request.user, expected_version=expected)
        return nothing()


class EvidenceFileView(GateApi):
    tag = "evidence"
    binary = True

    @describe(
        "Download a file",
        answers={200: None},
        query=FileQuery,
        media={"application/octet-stream": {"type": "string", "format": "binary"}},
    )
    def get(self, request: ApiRequest, product: str, version: str, gate: str, deliverable: str) -> HttpResponseBase:
        """Of the newest version, always as a download; `name` chooses one of several, `version` an earlier one."""
        place = self.place(product, version, gate)
        thing = the_deliverable(place, deliverable)
        versions = Evidence.objects.filter(deliverable=thing).order_by("-version")
        if not reads_drafts(request, place):
            rounds = Submission.objects.filter(gate=place.gate)
            versions = versions.filter(version__in=submitted_versions(rounds, thing.key))
        if "version" in self.query:
            versions = versions.filter(version=self.query["version"])
        newest = versions.first()
        files = newest.files.all() if newest is not None else EvidenceFile.objects.none()
        if "name" in self.query:
            files = files.filter(name=self.query["name"])
        file = files.first()
        if file is None:
            raise Http404("No such file.")
        return _download(file)


def _download(file: EvidenceFile) -> HttpResponseBase:
    if not _is_whole(file):
        log.error("Evidence file %s (id %s) is missing or damaged", file, file.pk)
        raise Conflict("file_damaged", f"{file.name} is not the file that was uploaded: ask an administrator.")
    response = FileResponse(file.file.open("rb"), as_attachment=True, filename=file.name)
    response.headers["Content-Type"] = "application/octet-stream"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _is_whole(file: EvidenceFile) -> bool:
    try:
        with file.file.open("rb") as stored:
            digest, _size = hash_of(stored)
    except OSError:
        return False
    return digest == file.sha256


# --- Checks -------------------------------------------------------------------------------------------------------

REPORTED = shape("CheckReport", {"applied": FLAG, "check": CHECK})


class ChecksView(GateApi):
    tag = "checks"

    @describe("The checks of a gate", answers={200: page_of("Check")}, query=ListQuery)
    def get(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """What engineering tools said last; every report is an event of the release."""
        place = self.place(product, version, gate)
        checks = place.gate.checks.select_related("reported_by").order_by("position", "name")
        return self.page(checks, show_check)


class CheckView(GateApi):
    tag = "checks"

    @describe("A check", answers={200: CHECK})
    def get(self, request: ApiRequest, product: str, version: str, gate: str, name: str) -> HttpResponseBase:
        place = self.place(product, version, gate)
        found = place.gate.checks.select_related("reported_by").filter(name=name).first()
        if found is None:
            raise Http404("No such check.")
        return self.answer(show_check(found))

    @describe("Report a check", answers={200: REPORTED}, body=CheckBody, scope=CHECKS)
    def put(self, request: ApiRequest, product: str, version: str, gate: str, name: str) -> HttpResponseBase:
        """By an engineering tool. A report of an older run than the stored one is ignored: `applied` is false."""
        place = self.place(product, version, gate)
        if request.auth is not None and name not in request.auth.checks:
            raise ApiProblem(403, "other_check", f"This token does not report {name}.")
        found = report_check(gate_id=place.gate.pk, name=name, actor=request.user, **self.said)
        check = place.gate.checks.select_related("reported_by").get(pk=found.check.pk)
        return self.answer({"applied": found.is_applied, "check": show_check(check)})
