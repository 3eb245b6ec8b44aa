"""Addresses of gates, rounds, evidence and the inbox."""

from django.urls import path

from approvals.views import (
    batches,
    decide,
    deliverables,
    discussion,
    drafts,
    evidence,
    exceptions,
    files,
    gates,
    images,
    inbox,
    record,
    rounds,
    seen,
    uploads,
)

GATE = "releases/<slug:product>/<str:version>/gates/<slug:gate>/"

urlpatterns = [
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/approve/", batches.inbox_approve, name="inbox-approve"),
    path("inbox/<int:submission>/decide/", inbox.inbox_decide, name="inbox-decide"),
    path("decide/<str:link>/", decide.decide, name="decide"),
    path(GATE, gates.gate, name="gate"),
    path(f"{GATE}submit/", gates.gate_submit, name="gate-submit"),
    path(f"{GATE}withdraw/", gates.gate_withdraw, name="gate-withdraw"),
    path(f"{GATE}decide/", gates.gate_decide, name="gate-decide"),
    path(f"{GATE}seen/", seen.gate_seen, name="gate-seen"),
    path(f"{GATE}recuse/", gates.gate_recuse, name="gate-recuse"),
    path(f"{GATE}waive/", gates.gate_waive, name="gate-waive"),
    path(f"{GATE}exceptions/", exceptions.gate_except, name="gate-except"),
    path(f"{GATE}decisions/<int:decision>/revoke/", gates.gate_revoke, name="gate-revoke"),
    path(f"{GATE}conditions/<int:condition>/close/", gates.condition_close, name="condition-close"),
    path(f"{GATE}record/", record.gate_record_page, name="gate-record"),
    path(f"{GATE}record.pdf", record.gate_record_pdf, name="gate-record-pdf"),
    path("verify/", record.verify, name="verify"),
    path(f"{GATE}discussion/", discussion.discussion, name="discussion"),
    path(f"{GATE}discussion/people/", discussion.mention_options, name="mention-options"),
    path(f"{GATE}discussion/<int:comment>/", discussion.comment_edit, name="comment-edit"),
    path(f"{GATE}rounds/", rounds.round_list, name="rounds"),
    path(f"{GATE}rounds/<int:number>/", rounds.round_page, name="round"),
    path(f"{GATE}rounds/<int:number>/compare/<int:other>/", rounds.round_compare, name="round-compare"),
    path(f"{GATE}evidence/<slug:deliverable>/", evidence.evidence_save, name="evidence-save"),
    path(f"{GATE}evidence/<slug:deliverable>/assign/", deliverables.deliverable_assign, name="deliverable-assign"),
    path(f"{GATE}evidence/<slug:deliverable>/draft/", drafts.evidence_draft, name="evidence-draft"),
    path(
        f"{GATE}evidence/<slug:deliverable>/draft/discard/",
        drafts.evidence_draft_discard,
        name="evidence-draft-discard",
    ),
    path(f"{GATE}evidence/<slug:deliverable>/uploads/", uploads.evidence_uploads, name="evidence-uploads"),
    path(f"{GATE}evidence/<slug:deliverable>/uploads/<int:upload>/", uploads.evidence_upload, name="evidence-upload"),
    path(
        f"{GATE}evidence/<slug:deliverable>/uploads/<int:upload>/remove/",
        uploads.evidence_upload_remove,
        name="evidence-upload-remove",
    ),
    path(f"{GATE}evidence/<slug:deliverable>/remove/", evidence.evidence_remove, name="evidence-remove"),
    path(f"{GATE}evidence/<slug:deliverable>/<int:number>/", files.evidence_first_file, name="evidence-first-file"),
    path(
        f"{GATE}evidence/<slug:deliverable>/<int:number>/files/<int:file>/", files.evidence_file, name="evidence-file"
    ),
    path(
        f"{GATE}evidence/<slug:deliverable>/<int:number>/images/<int:file>/",
        images.evidence_image,
        name="evidence-image",
    ),
    path(
        f"{GATE}evidence/<slug:deliverable>/<int:number>/restore/", evidence.evidence_restore, name="evidence-restore"
    ),
]
