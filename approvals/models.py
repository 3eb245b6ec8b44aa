"""Deliverables and evidence, rounds, approver roles, decisions, conditions and waivers."""

import json
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from approvals.kinds import CheckStatus, EvidenceKind, RoundState, Scan, Verdict, WaiverKind
from approvals.querysets import ApproverRoleQuerySet, DelegationQuerySet
from releases.models import Gate, Product


def evidence_path(_instance: models.Model | None, _name: str) -> str:
    """A random name: what people called the file is stored in the row, never on the disk."""
    name = uuid.uuid4().hex
    return f"evidence/{name[:2]}/{name}"


class ApproverRole(models.Model):
    """A seat: a function that decides at one gate of one product. People and groups hold it by permission `decide`."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="roles")
    gate_key = models.SlugField(max_length=64)
    key = models.SlugField(max_length=64)
    name = models.CharField(max_length=80)

    objects = ApproverRoleQuerySet.as_manager()

    class Meta:
        ordering = ("product", "gate_key", "name")
        default_permissions = ()
        permissions = (("decide", "Approve, decline and recuse in this role"),)
        constraints = (
            models.UniqueConstraint(fields=["product", "gate_key", "key"], name="one_seat_per_gate_and_function"),
        )

    def __str__(self) -> str:
        return self.name


class ApproverRoleUserObjectPermission(UserObjectPermissionBase):
    """A person holds a seat."""

    content_object = models.ForeignKey(ApproverRole, on_delete=models.CASCADE)


class ApproverRoleGroupObjectPermission(GroupObjectPermissionBase):
    """A group holds a seat."""

    content_object = models.ForeignKey(ApproverRole, on_delete=models.CASCADE)


class GateRole(models.Model):
    """Which seats a release's gate needs, and with which quorum: copied from the playbook at activation."""

    gate = models.ForeignKey(Gate, models.PROTECT, related_name="roles")
    role = models.ForeignKey(ApproverRole, models.PROTECT, related_name="gate_roles")
    quorum = models.PositiveIntegerField(default=1)
    is_all = models.BooleanField(default=False, help_text="The quorum is everybody who may decide at submission.")
    order = models.PositiveIntegerField(default=1, help_text="Roles of a lower order decide first.")
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ("gate", "position")
        constraints = (
            models.UniqueConstraint(fields=["gate", "role"], name="one_role_per_gate"),
            models.CheckConstraint(condition=Q(quorum__gte=1), name="quorum_is_positive"),
        )

    def __str__(self) -> str:
        return f"{self.role} ({self.quorum})"


class Deliverable(models.Model):
    """A thing a gate asks for: copied from the playbook at activation."""

    gate = models.ForeignKey(Gate, models.PROTECT, related_name="deliverables")
    key = models.SlugField(max_length=64)
    name = models.CharField(max_length=120)
    hint = models.CharField(max_length=300, blank=True)
    is_required = models.BooleanField(default=True)
    disciplines = models.JSONField(default=list)
    days_before = models.PositiveIntegerField(null=True, help_text="Wanted so many days before the gate is due.")
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="assigned_deliverables"
    )
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ("gate", "position")
        constraints = (models.UniqueConstraint(fields=["gate", "key"], name="one_deliverable_per_key"),)

    def __str__(self) -> str:
        return self.name


class EvidenceFile(models.Model):
    """A file that some version of a deliverable's evidence has. Its bytes are never changed; versions share them."""

    deliverable = models.ForeignKey(Deliverable, models.PROTECT, related_name="files")
    file = models.FileField(upload_to=evidence_path)
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100, help_text="Found by its content, never as the browser called it.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    scan = models.CharField(max_length=11, choices=Scan.choices, default=Scan.NOT_SCANNED)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        constraints = (models.CheckConstraint(condition=~Q(file="") & ~Q(sha256=""), name="evidence_file_has_bytes"),)

    def __str__(self) -> str:
        return self.name


class Evidence(models.Model):
    """One version of what was supplied for a deliverable. Versions are never edited: saving writes the next one.

    The evidence of a deliverable is its highest version; kind `removed` says that there is none any more. Kind `file`
    has one file or more, a text or a link may have some.
    """

    deliverable = models.ForeignKey(Deliverable, models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    is_latest = models.BooleanField(default=True)
    kind = models.CharField(max_length=7, choices=EvidenceKind.choices)
    text = models.TextField(blank=True, help_text="Markdown.")
    url = models.URLField(max_length=2000, blank=True)
    files = models.ManyToManyField(EvidenceFile, related_name="versions")
    note = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ("deliverable", "-version")
        constraints = (
            models.UniqueConstraint(fields=["deliverable", "version"], name="one_evidence_version"),
            models.UniqueConstraint(fields=["deliverable"], condition=Q(is_latest=True), name="one_latest_evidence"),
            models.CheckConstraint(
                condition=Q(kind="text") & ~Q(text="")
                | Q(kind="link") & ~Q(url="")
                | Q(kind__in=["file", "tick", "removed"]),
                name="evidence_has_content",
            ),
        )

    def __str__(self) -> str:
        return f"{self.deliverable} version {self.version}"


class EvidenceDraft(models.Model):
    """What one person has typed for a deliverable and not marked as ready: not evidence, and nobody else's to read."""

    deliverable = models.ForeignKey(Deliverable, models.CASCADE, related_name="drafts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=7, choices=EvidenceKind.choices)
    text = models.TextField(blank=True)
    url = models.CharField(max_length=2000, blank=True, help_text="As typed; checked when it is marked as ready.")
    note = models.TextField(blank=True)
    kept = models.JSONField(default=list, help_text="Ids of the earlier version's files that go on.")
    base_version = models.PositiveIntegerField(help_text="The version that was shown when the draft began; 0: none.")
    saved_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["deliverable", "author"], name="one_draft_per_person"),)

    def __str__(self) -> str:
        return f"{self.author}'s draft of {self.deliverable}"


class Upload(models.Model):
    """A file on its way in: received piece by piece, then kept until its author marks the deliverable as ready."""

    deliverable = models.ForeignKey(Deliverable, models.CASCADE, related_name="uploads")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    file = models.FileField(upload_to=evidence_path)
    name = models.CharField(max_length=255)
    mark = models.CharField(max_length=64, blank=True, help_text="By which a browser knows the same file again.")
    size = models.PositiveBigIntegerField(help_text="Bytes that were announced.")
    received = models.PositiveBigIntegerField(default=0, help_text="Bytes that are there.")
    content_type = models.CharField(max_length=100, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    scan = models.CharField(max_length=11, choices=Scan.choices, default=Scan.NOT_SCANNED)
    begun_at = models.DateTimeField()
    touched_at = models.DateTimeField(db_index=True)
    finished_at = models.DateTimeField(null=True, help_text="When all of it was there, looked at and scanned.")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(received__lte=F("size")), name="upload_is_not_longer_than_announced"),
            models.CheckConstraint(condition=Q(finished_at__isnull=True) | ~Q(sha256=""), name="upload_has_hash"),
        )

    def __str__(self) -> str:
        return self.name


class Check(models.Model):
    """Evidence that an engineering tool reports: what it said last. Every report is an event."""

    gate = models.ForeignKey(Gate, models.PROTECT, related_name="checks")
    name = models.CharField(max_length=120)
    is_blocking = models.BooleanField(default=False)
    position = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=CheckStatus.choices, default=CheckStatus.NOT_REPORTED)
    summary = models.CharField(max_length=500, blank=True)
    details_url = models.URLField(max_length=2000, blank=True)
    run_number = models.PositiveBigIntegerField(null=True, help_text="Older runs than this one are ignored.")
    reported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reported_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("gate", "position", "name")
        constraints = (
            models.UniqueConstraint(fields=["gate", "name"], name="one_check_per_name"),
            models.CheckConstraint(
                condition=Q(status="not_reported", reported_at__isnull=True)
                | (~Q(status="not_reported") & Q(reported_at__isnull=False)),
                name="reported_check_has_time",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def stands_in_the_way(self) -> bool:
        """Whether it keeps the gate from being submitted, unless it is excused."""
        return self.is_blocking and self.status != CheckStatus.SUCCESS


class Submission(models.Model):
    """One round: the evidence of a gate frozen and put to the approvers."""

    gate = models.ForeignKey(Gate, models.PROTECT, related_name="submissions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=RoundState.choices, default=RoundState.OPEN)
    summary = models.TextField(blank=True)
    snapshot = models.TextField(
        help_text="Canonical JSON: evidence, roles and quorums, contributors; see rules.snapshot."
    )
    digest = models.CharField(max_length=71, help_text="sha256: and the SHA-256 of the snapshot.")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="submissions")
    submitted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    contributors = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="contributed_to")

    class Meta:
        ordering = ("gate", "-number")
        constraints = (
            models.UniqueConstraint(fields=["gate", "number"], name="one_round_per_number"),
            models.UniqueConstraint(fields=["gate"], condition=Q(state="open"), name="one_open_round_per_gate"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | (~Q(state="open") & Q(ended_at__isnull=False)),
                name="ended_round_has_time",
            ),
        )
        # figures read how long rounds took from this alone: the rows beside are heavy with their snapshots
        indexes = (models.Index(fields=["ended_at", "state", "gate", "submitted_at"], name="round_ended"),)

    def __str__(self) -> str:
        return f"{self.gate} round {self.number}"

    @property
    def frozen(self) -> dict[str, Any]:
        """The snapshot as Python values."""
        loaded: dict[str, Any] = json.loads(self.snapshot)
        return loaded


class Decision(models.Model):
    """One person's approve or decline, in one role, on one round. Never edited, never deleted."""

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="decisions")
    role = models.ForeignKey(ApproverRole, models.PROTECT, related_name="decisions")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions")
    on_behalf_of = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    attempt = models.PositiveIntegerField(default=1, help_text="Rises only after a revocation.")
    verdict = models.CharField(max_length=7, choices=Verdict.choices)
    comment = models.TextField(blank=True)
    digest = models.CharField(max_length=71)
    decided_at = models.DateTimeField()
    held_through = models.CharField(max_length=200, help_text="`direct`, or `group: name`.")
    printed_name = models.CharField(max_length=120)
    printed_title = models.CharField(max_length=120, blank=True)
    meaning = models.CharField(max_length=700, blank=True, help_text="What was signed; empty: no signature asked.")
    time_zone = models.CharField(max_length=64, blank=True, help_text="The zone in which a signed time was shown.")

    class Meta:
        ordering = ("decided_at", "id")
        constraints = (
            models.UniqueConstraint(fields=["submission", "decided_by", "attempt"], name="one_decision_per_attempt"),
            models.UniqueConstraint(
                fields=["submission", "on_behalf_of", "attempt"],
                condition=Q(on_behalf_of__isnull=False),
                name="one_decision_per_principal",
            ),
            models.CheckConstraint(condition=Q(verdict="approve") | ~Q(comment=""), name="decline_has_comment"),
        )

    def __str__(self) -> str:
        return f"{self.printed_name}: {self.verdict}"


class Revocation(models.Model):
    """A person takes back an own decision while the round is open."""

    decision = models.OneToOneField(Decision, models.PROTECT, related_name="revocation")
    reason = models.TextField()
    revoked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.decision} revoked"


class Recusal(models.Model):
    """A holder of a seat steps aside for one round."""

    submission = models.ForeignKey(Submission, models.PROTECT, related_name="recusals")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="recusals")
    comment = models.TextField(blank=True)
    recused_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["submission", "person"], name="one_recusal_per_round"),)

    def __str__(self) -> str:
        return f"{self.person} recused"


class Condition(models.Model):
    """Something an approval is conditional on."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="conditions")
    gate = models.ForeignKey(Gate, models.PROTECT, related_name="conditions")
    text = models.CharField(max_length=500)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_conditions")
    due_on = models.DateField()
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    note = models.TextField(blank=True)
    overdue_at = models.DateTimeField(null=True, help_text="When the sweep found its day over.")

    class Meta:
        ordering = ("due_on", "id")
        indexes = (
            models.Index(fields=["owner", "due_on"], condition=Q(closed_at__isnull=True), name="condition_open"),
        )

    def __str__(self) -> str:
        return self.text


class Waiver(models.Model):
    """A gate let through without approval, by an authority, until a date."""

    gate = models.ForeignKey(Gate, models.PROTECT, related_name="waivers")
    kind = models.CharField(max_length=11, choices=WaiverKind.choices, default=WaiverKind.GATE)
    subject = models.CharField(
        max_length=120, blank=True, help_text="Key of the deliverable or check; empty: the gate."
    )
    waived_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="waivers")
    printed_name = models.CharField(max_length=120)
    printed_title = models.CharField(max_length=120, blank=True)
    waived_at = models.DateTimeField()
    reason = models.TextField()
    meaning = models.CharField(max_length=700, blank=True, help_text="What was signed; empty: no signature asked.")
    time_zone = models.CharField(max_length=64, blank=True, help_text="The zone in which a signed time was shown.")
    expires_on = models.DateField()
    expired_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-waived_at",)
        constraints = (
            models.UniqueConstraint(fields=["gate"], condition=Q(kind="gate"), name="one_waiver_per_gate"),
            models.CheckConstraint(condition=Q(kind="gate", subject="") | ~Q(kind="gate"), name="gate_waiver_is_whole"),
            models.UniqueConstraint(
                fields=["gate", "kind", "subject"],
                condition=Q(expired_at__isnull=True) & ~Q(kind="gate"),
                name="one_exception_per_subject",
            ),
        )

    def __str__(self) -> str:
        return f"{self.gate} waived"


class Delegation(models.Model):
    """Somebody is away between two days, and (unless nobody does) another person decides for them.

    Not passed on: who stands in for somebody decides only in seats that this person holds themselves.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="delegations")
    delegate = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="stands_in", help_text="Null: nobody."
    )
    starts_on = models.DateField()
    ends_on = models.DateField()
    covers_all = models.BooleanField(default=True, help_text="Every seat, those given later too.")
    roles = models.ManyToManyField(ApproverRole, related_name="delegations", blank=True)
    reason = models.CharField(max_length=300, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="Ended before its last day.")
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    begun_at = models.DateTimeField(null=True, help_text="When the schedule had told what it leaves unreachable.")
    over_at = models.DateTimeField(null=True, help_text="When the schedule had told of its end.")

    objects = DelegationQuerySet.as_manager()

    class Meta:
        ordering = ("-starts_on", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="delegation_ends_after_start"),
            models.CheckConstraint(
                condition=Q(delegate__isnull=True) | ~Q(delegate=F("person")), name="nobody_stands_in_for_themselves"
            ),
        )
        indexes = (
            models.Index(fields=["person", "ends_on"], condition=Q(ended_at__isnull=True), name="delegation_person"),
            models.Index(
                fields=["delegate", "ends_on"], condition=Q(ended_at__isnull=True), name="delegation_stand_in"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} away from {self.starts_on} to {self.ends_on}"

    def covers(self, role_id: int) -> bool:
        """Whether it is about a seat; prefetch `roles`."""
        return self.covers_all or any(role.pk == role_id for role in self.roles.all())


class Comment(models.Model):
    """A word in the discussion of a gate. Never a decision; earlier wordings stand in the events."""

    gate = models.ForeignKey(Gate, models.PROTECT, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="comments")
    text = models.TextField(help_text="Markdown.")
    written_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)
    mentions = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="mentioned_in")

    class Meta:
        ordering = ("written_at", "id")
        indexes = (models.Index(fields=["gate", "-id"], name="comment_gate"),)

    def __str__(self) -> str:
        return f"{self.author} on {self.gate}"


class RoundSeen(models.Model):
    """The last round of a gate that a person has read: what changed is told from there."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    gate = models.ForeignKey(Gate, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    before = models.PositiveIntegerField(null=True, help_text="The round read before this one; null: none was.")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["person", "gate"], name="one_seen_round_per_gate"),)

    def __str__(self) -> str:
        return f"{self.person} has seen round {self.number} of {self.gate}"
