"""Addresses of the API: releases, gates, rounds, seats, and what waits for the caller."""

from django.urls import path

import gatekeeper.common.api.routes  # noqa: F401  # the converter id
from approvals.api import evidence, gates, mine, releases, rounds, seats, talk

RELEASE = "releases/<slug:product>/<str:version>/"
GATE = f"{RELEASE}gates/<slug:gate>/"
SEAT = "products/<slug:product>/gates/<slug:gate>/roles/<slug:role>/"

urlpatterns = [
    path("releases/", releases.ReleasesView.as_view(), name="api-releases"),
    path(RELEASE, releases.ReleaseView.as_view(), name="api-release"),
    path(f"{RELEASE}activate/", releases.ReleaseActivateView.as_view(), name="api-release-activate"),
    path(f"{RELEASE}hold/", releases.ReleaseHoldView.as_view(), name="api-release-hold"),
    path(f"{RELEASE}resume/", releases.ReleaseResumeView.as_view(), name="api-release-resume"),
    path(f"{RELEASE}cancel/", releases.ReleaseCancelView.as_view(), name="api-release-cancel"),
    path(f"{RELEASE}ship/", releases.ReleaseShipView.as_view(), name="api-release-ship"),
    path(f"{RELEASE}replan/", releases.ReleaseReplanView.as_view(), name="api-release-replan"),
    path(f"{RELEASE}rebaseline/", releases.ReleaseRebaselineView.as_view(), name="api-release-rebaseline"),
    path(f"{RELEASE}gates/", gates.GatesView.as_view(), name="api-gates"),
    path(GATE, gates.GateView.as_view(), name="api-gate"),
    path(f"{GATE}verdict/", gates.GateVerdictView.as_view(), name="api-gate-verdict"),
    path(f"{GATE}submit/", gates.GateSubmitView.as_view(), name="api-gate-submit"),
    path(f"{GATE}withdraw/", gates.GateWithdrawView.as_view(), name="api-gate-withdraw"),
    path(f"{GATE}waive/", gates.GateWaiveView.as_view(), name="api-gate-waive"),
    path(f"{GATE}exceptions/", gates.GateExceptionsView.as_view(), name="api-gate-exceptions"),
    path(f"{GATE}evidence/", evidence.EvidenceListView.as_view(), name="api-evidence-list"),
    path(f"{GATE}evidence/<slug:deliverable>/", evidence.EvidenceView.as_view(), name="api-evidence"),
    path(f"{GATE}evidence/<slug:deliverable>/file/", evidence.EvidenceFileView.as_view(), name="api-evidence-file"),
    path(f"{GATE}checks/", evidence.ChecksView.as_view(), name="api-checks"),
    path(f"{GATE}checks/<path:name>/", evidence.CheckView.as_view(), name="api-check"),
    path(f"{GATE}submissions/", rounds.SubmissionsView.as_view(), name="api-submissions"),
    path(f"{GATE}submissions/<id:round>/", rounds.SubmissionView.as_view(), name="api-submission"),
    path(f"{GATE}decisions/", rounds.DecisionsView.as_view(), name="api-decisions"),
    path(f"{GATE}decisions/<id:id>/revoke/", rounds.DecisionRevokeView.as_view(), name="api-decision-revoke"),
    path(f"{GATE}comments/", talk.CommentsView.as_view(), name="api-comments"),
    path(f"{GATE}conditions/<id:id>/", talk.ConditionView.as_view(), name="api-condition"),
    path("products/<slug:product>/roles/", seats.RolesView.as_view(), name="api-roles"),
    path(f"{SEAT}members/<str:username>/", seats.SeatMemberView.as_view(), name="api-seat-member"),
    path(f"{SEAT}groups/<str:group>/", seats.SeatGroupView.as_view(), name="api-seat-group"),
    path("inbox/", mine.InboxView.as_view(), name="api-inbox"),
    path("delegations/", mine.DelegationsView.as_view(), name="api-delegations"),
    path("delegations/<id:id>/", mine.DelegationView.as_view(), name="api-delegation"),
]
