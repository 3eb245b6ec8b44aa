"""Products, playbooks, releases and their gates, the slip ledger and the event log."""

import json
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from releases.kinds import (
    PASSED,
    UNDECIDED,
    CalendarKind,
    Cause,
    GateState,
    MoveKind,
    PlaybookKind,
    ReleaseState,
    SettledHow,
)
from releases.querysets import EventQuerySet, ProductQuerySet, ReleaseQuerySet, SlipQuerySet
from releases.rules import cells

VERSION = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z",
    "Use letters, digits and . _ + - (at most 64), beginning with a letter or digit.",
)
SLUG = RegexValidator(r"^[a-z0-9]+(-[a-z0-9]+)*\Z", "Use lowercase words with hyphens.")


class Organisation(models.Model):
    """The one row of this installation: its name, and the head of its event stream."""

    name = models.CharField(max_length=120, blank=True)
    set_up_at = models.DateTimeField(null=True, blank=True)
    working_weekdays = models.CharField(max_length=7, default="12345", help_text="1 is Monday, 7 is Sunday.")
    event_number = models.PositiveIntegerField(default=0)
    event_hash = models.CharField(max_length=64, blank=True)

    class Meta:
        permissions = (
            ("view_portfolio", "Restricted products count in portfolio and exports"),
            ("administer", "Administer people, groups, lines, playbooks and seats"),
        )
        constraints = (models.CheckConstraint(condition=Q(pk=1), name="one_organisation"),)

    def __str__(self) -> str:
        return self.name or "This organisation"

    stream = "organisation"


class CalendarEntry(models.Model):
    """A holiday or a freeze window of the organisation; both days are included."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="calendar_entries")
    kind = models.CharField(max_length=7, choices=CalendarKind.choices)
    starts_on = models.DateField()
    ends_on = models.DateField()
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ("starts_on", "ends_on", "kind")
        constraints = (
            models.UniqueConstraint(fields=["kind", "starts_on", "ends_on"], name="one_entry_per_kind_and_days"),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="entry_ends_after_it_starts"),
        )

    def __str__(self) -> str:
        return f"{self.name}, {self.starts_on}"


class ProductLine(models.Model):
    """Products sold to one industry vertical or run by one business unit."""

    slug = models.SlugField(max_length=64, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class DefaultSeat(models.Model):
    """Which group holds a function's seats in a product line, unless a product says otherwise."""

    line = models.ForeignKey(ProductLine, models.CASCADE, related_name="default_seats")
    function = models.SlugField(max_length=64, validators=[SLUG])
    group = models.ForeignKey(Group, models.PROTECT, related_name="default_seats")

    class Meta:
        ordering = ("line", "function")
        constraints = (models.UniqueConstraint(fields=["line", "function"], name="one_default_group_per_function"),)

    def __str__(self) -> str:
        return f"{self.line}: {self.function}"


class Product(models.Model):
    """Something that is released."""

    slug = models.SlugField(max_length=64, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    line = models.ForeignKey(ProductLine, models.PROTECT, related_name="products")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_products", null=True, blank=True,
        help_text="The product manager; empty for recorded history.",
    )  # fmt: skip
    is_restricted = models.BooleanField(default=False, help_text="Visible only to people with a permission on it.")
    evidence_quota_mb = models.PositiveIntegerField(
        null=True, blank=True, help_text="Megabytes of evidence files; empty: the setting EVIDENCE_QUOTA_MB."
    )
    created_at = models.DateTimeField()

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        permissions = (
            ("manage_product", "Manage releases, dates and evidence"),
            ("contribute", "Supply evidence"),
            ("report_checks", "Report checks as an engineering tool"),
            ("waive_gate", "Waive gates"),
            ("rebaseline", "Set a new baseline"),
        )

    def __str__(self) -> str:
        return self.name


class ProductUserObjectPermission(UserObjectPermissionBase):
    """A person's permission on a product."""

    content_object = models.ForeignKey(Product, on_delete=models.CASCADE)


class ProductGroupObjectPermission(GroupObjectPermissionBase):
    """A group's permission on a product."""

    content_object = models.ForeignKey(Product, on_delete=models.CASCADE)


class Playbook(models.Model):
    """One version of a named sequence of gates. Never edited: a change is a new version."""

    slug = models.SlugField(max_length=64, validators=[SLUG])
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=7, choices=PlaybookKind.choices, default=PlaybookKind.GATES)
    definition = models.JSONField()
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", help_text="Null: loaded from a file."
    )
    note = models.TextField(blank=True, help_text="What changed, in the words of the person who published it.")

    class Meta:
        ordering = ("slug", "-version")
        constraints = (models.UniqueConstraint(fields=["slug", "version"], name="one_playbook_version"),)

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class PlaybookDraft(models.Model):
    """The next version of a playbook while it is being edited; one per playbook, no release ever uses it."""

    slug = models.SlugField(max_length=64, unique=True, validators=[SLUG])
    based_on = models.ForeignKey(Playbook, models.PROTECT, null=True, related_name="+", help_text="Null: a new one.")
    definition = models.JSONField(help_text="As PlaybookSpec.as_data, perhaps not valid yet.")
    revision = models.PositiveIntegerField(default=1, help_text="Rises with every save; a stale save is refused.")
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    saved_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Draft of {self.slug}"


class Release(models.Model):
    """One version of a product on its way to general availability.

    The columns under "Summary" are a pure function of the gates and the ledger, written by every verb under the
    release's lock; `check_invariants` recomputes them.
    """

    product = models.ForeignKey(Product, models.PROTECT, related_name="releases")
    version = models.CharField(max_length=64, validators=[VERSION])
    name = models.CharField("theme", max_length=200, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="owned_releases", null=True, blank=True
    )
    playbook = models.ForeignKey(Playbook, models.PROTECT, related_name="releases")
    kind = models.CharField(max_length=7, choices=PlaybookKind.choices, default=PlaybookKind.GATES)
    state = models.CharField(max_length=9, choices=ReleaseState.choices, default=ReleaseState.DRAFT)
    target_on = models.DateField(null=True, help_text="Null only in recorded history.")
    baseline_on = models.DateField(null=True, help_text="Null until activation.")
    released_on = models.DateField(null=True)
    held_on = models.DateField(null=True, help_text="Set while on hold.")
    resume_by = models.DateField(null=True, help_text="Set while on hold.")
    state_reason = models.TextField(blank=True, help_text="Why it is on hold or cancelled.")
    held_days = models.PositiveIntegerField(
        default=0, help_text="Calendar days of the holds that ended since the baseline was set."
    )
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True, help_text="When it was closed or cancelled.")

    # Summary
    board = models.JSONField(default=list, help_text="Compact gates, see releases.rules.BoardCell.")
    slip_days = models.IntegerField(default=0)
    current_gate = models.CharField(max_length=64, blank=True)
    current_state = models.CharField(max_length=12, blank=True)
    next_due_on = models.DateField(null=True)
    open_slips = models.PositiveIntegerField(default=0)
    is_quorum_unreachable = models.BooleanField(default=False)

    # Where the release is heading: written by the forecast of `measures`, null while none is made.
    p50_on = models.DateField(null=True, help_text="The day by which it is out with one half.")
    p85_on = models.DateField(null=True, help_text="The day by which it is out with 85 in 100.")

    # Head of the event stream, and a number that rises with every change.
    event_number = models.PositiveIntegerField(default=0)
    event_hash = models.CharField(max_length=64, blank=True)
    revision = models.PositiveIntegerField(default=0)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ("product__name", "target_on", "version")
        constraints = (
            models.UniqueConstraint(fields=["product", "version"], name="one_release_per_version"),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "recorded", "cancelled"]) | Q(baseline_on__isnull=False),
                name="running_release_has_baseline",
            ),
            models.CheckConstraint(
                condition=Q(kind="history") | Q(target_on__isnull=False), name="planned_release_has_target"
            ),
            models.CheckConstraint(
                condition=Q(state="on_hold", held_on__isnull=False) | (~Q(state="on_hold") & Q(held_on__isnull=True)),
                name="held_since_while_on_hold",
            ),
        )
        indexes = (
            models.Index(fields=["state", "target_on"], name="release_state_target"),
            models.Index(fields=["target_on", "id"], name="release_target"),
        )

    def __str__(self) -> str:
        return f"{self.product.name} {self.version}"

    @property
    def open_conditions(self) -> int:
        """Conditions of its approvals that are not closed yet, from the summary."""
        return sum(cell.conditions for cell in cells(self.board))

    @property
    def stream(self) -> str:
        return f"release:{self.pk}"

    @property
    def is_history(self) -> bool:
        return self.kind == PlaybookKind.HISTORY

    @property
    def is_running(self) -> bool:
        """A gate of it can be worked on."""
        return self.state in (ReleaseState.ACTIVE, ReleaseState.RELEASED)


class Gate(models.Model):
    """One checkpoint of one release (in recorded history: one milestone)."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="gates")
    key = models.SlugField(max_length=64)
    name = models.CharField(max_length=120)
    short_name = models.CharField(max_length=40)
    position = models.PositiveIntegerField()
    offset_days = models.IntegerField(null=True)
    offset_months = models.PositiveIntegerField(null=True, help_text="Set for gates after the release.")
    questions = models.JSONField(default=list)
    informed = models.JSONField(default=list)
    needs_signature = models.BooleanField(default=False, help_text="Deciding asks for the password and a meaning.")
    state = models.CharField(max_length=12, choices=GateState.choices, default=GateState.UPCOMING)
    baseline_due_on = models.DateField(null=True)
    due_on = models.DateField(null=True, help_text="Null only in recorded history.")
    is_pinned = models.BooleanField(default=False, help_text="Later gates' moves leave this date alone.")
    opened_at = models.DateTimeField(null=True)
    turn_since = models.DateTimeField(null=True, help_text="Since when it is the present party's turn.")
    decided_at = models.DateTimeField(null=True)
    decided_on = models.DateField(null=True, help_text="Day of approval or waiver; in history the actual day.")
    round_number = models.PositiveIntegerField(default=0, help_text="Rounds submitted so far.")
    open_conditions = models.PositiveIntegerField(default=0)
    waiver_expires_on = models.DateField(null=True)
    is_waiver_expired = models.BooleanField(default=False)
    sweep_on = models.DateField(
        null=True, help_text="The due date while this gate is current, undecided, running and not yet missed for it."
    )

    class Meta:
        ordering = ("release", "position")
        constraints = (
            models.UniqueConstraint(fields=["release", "key"], name="one_gate_per_key"),
            models.UniqueConstraint(fields=["release", "position"], name="one_gate_per_position"),
            models.CheckConstraint(
                condition=Q(state__in=["recorded", "not_recorded"]) | Q(due_on__isnull=False), name="gate_has_due_date"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=list(PASSED)) | Q(decided_on__isnull=False), name="passed_gate_has_day"
            ),
            models.CheckConstraint(
                condition=Q(sweep_on__isnull=True) | Q(sweep_on=F("due_on"), state__in=list(UNDECIDED)),
                name="swept_gate_is_undecided",
            ),
        )
        indexes = (
            models.Index(fields=["sweep_on", "release"], condition=Q(sweep_on__isnull=False), name="gate_sweep"),
            models.Index(
                fields=["waiver_expires_on"], condition=Q(state="waived", is_waiver_expired=False), name="gate_waiver"
            ),
        )  # fmt: skip

    def __str__(self) -> str:
        return self.name

    @property
    def is_after_release(self) -> bool:
        return self.offset_months is not None

    @property
    def is_passed(self) -> bool:
        return self.state in PASSED

    @property
    def is_undecided(self) -> bool:
        """Open, in review or declined: somebody has to act."""
        return self.state in UNDECIDED


class Slip(models.Model):
    """The ledger entry of a miss: exactly one per gate and due date."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="slips")
    gate = models.ForeignKey(Gate, models.PROTECT, related_name="slips")
    due_on = models.DateField()
    detected_at = models.DateTimeField()
    cause = models.CharField(max_length=20, choices=Cause.choices)
    waiting_on = models.JSONField(default=list, help_text="Keys of the roles that were still out.")
    days = models.IntegerField(null=True, help_text="Calendar days; null while unsettled.")
    settled_at = models.DateTimeField(null=True)
    settled_on = models.DateField(null=True)
    settled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    settled_how = models.CharField(max_length=13, choices=SettledHow.choices, blank=True)
    note = models.TextField(blank=True)

    objects = SlipQuerySet.as_manager()

    class Meta:
        ordering = ("-due_on", "-id")
        constraints = (
            models.UniqueConstraint(fields=["gate", "due_on"], name="one_slip_per_due_date"),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, days__isnull=True, settled_how="")
                | Q(settled_at__isnull=False, days__isnull=False, settled_on__isnull=False) & ~Q(settled_how=""),
                name="settled_slip_is_whole",
            ),
        )

    def __str__(self) -> str:
        return f"{self.gate} missed on {self.due_on}"


class DateMove(models.Model):
    """One date that moved: a gate's due date, or (gate null) the target GA. A date never moves without a row here."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="moves")
    gate = models.ForeignKey(Gate, models.PROTECT, related_name="moves", null=True)
    kind = models.CharField(max_length=8, choices=MoveKind.choices)
    slip = models.ForeignKey(Slip, models.PROTECT, null=True, related_name="moves", help_text="The slip that moved it.")
    from_on = models.DateField(null=True, help_text="Null when history did not know the earlier date.")
    to_on = models.DateField(null=True)
    reason = models.TextField(blank=True)
    source = models.TextField(blank=True)
    is_cascade = models.BooleanField(default=False, help_text="Moved along with another date.")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    recorded_at = models.DateTimeField()
    effective_on = models.DateField()
    event_number = models.PositiveIntegerField(help_text="The event in the release's stream that tells of it.")

    class Meta:
        ordering = ("-effective_on", "-id")
        constraints = (
            models.CheckConstraint(condition=~Q(from_on=F("to_on")), name="a_move_moves"),
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.gate or 'Target'}: {self.from_on} to {self.to_on}"

    @property
    def days(self) -> int | None:
        """Calendar days later (negative: earlier); None when one end is unknown."""
        if self.from_on is None or self.to_on is None:
            return None
        return (self.to_on - self.from_on).days


class Baseline(models.Model):
    """A baseline that a newer one replaced: what had been committed to before, and why that ended.

    The baseline in force stands on the release and its gates; `event_number` tells which moves of dates came before.
    """

    release = models.ForeignKey(Release, models.PROTECT, related_name="baselines")
    number = models.PositiveIntegerField(help_text="1 is the baseline of the activation.")
    baseline_on = models.DateField()
    gates = models.JSONField(help_text="[[key, ISO day], …] of every gate.")
    slip_days = models.IntegerField(help_text="What the release had slipped against it when it was replaced.")
    held_days = models.PositiveIntegerField(help_text="Calendar days on hold that it did not count.")
    replaced_at = models.DateTimeField()
    replaced_on = models.DateField()
    replaced_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.TextField()
    event_number = models.PositiveIntegerField(help_text="The event in the release's stream that tells of it.")

    class Meta:
        ordering = ("release", "number")
        constraints = (models.UniqueConstraint(fields=["release", "number"], name="one_baseline_per_number"),)

    def __str__(self) -> str:
        return f"{self.release}: baseline {self.number}"

    @property
    def gate_days(self) -> dict[str, date]:
        """Days by gate key."""
        return {key: date.fromisoformat(day) for key, day in self.gates}


class Hold(models.Model):
    """One stretch on hold, from `held_on` until the day of resumption."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="holds")
    held_on = models.DateField()
    resume_by = models.DateField()
    resumed_on = models.DateField(null=True)
    reason = models.TextField()

    class Meta:
        ordering = ("held_on", "id")
        constraints = (
            models.UniqueConstraint(fields=["release"], condition=Q(resumed_on__isnull=True), name="one_open_hold"),
        )

    def __str__(self) -> str:
        return f"{self.release} held on {self.held_on}"

    def days_within(self, after: date, until: date) -> int:
        """Calendar days of this hold that lie after one day and up to another."""
        end = min(self.resumed_on or until, until)
        return max(0, (end - max(self.held_on, after)).days)


class Event(models.Model):
    """One fact, appended in the transaction that made it true. Never changed."""

    stream = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    release = models.ForeignKey(Release, models.PROTECT, null=True, related_name="events")
    product = models.ForeignKey(Product, models.PROTECT, null=True, related_name="events")
    recorded_at = models.DateTimeField()
    effective_on = models.DateField()
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    on_behalf_of = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    token = models.CharField(max_length=40, blank=True, help_text="Prefix of the API token that was used.")
    kind = models.CharField(max_length=60)
    subject = models.TextField(help_text="Canonical JSON: product, version, gate as they apply.")
    data = models.TextField(help_text="Canonical JSON.")
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("-recorded_at", "-id")
        constraints = (models.UniqueConstraint(fields=["stream", "number"], name="one_event_per_number"),)
        indexes = (
            models.Index(fields=["release", "-number"], name="event_release"),
            models.Index(fields=["kind", "-id"], name="event_kind"),
        )

    def __str__(self) -> str:
        return f"{self.stream} {self.number}: {self.kind}"

    @property
    def payload(self) -> dict[str, Any]:
        """`data` as Python values."""
        loaded: dict[str, Any] = json.loads(self.data)
        return loaded

    @property
    def about(self) -> dict[str, Any]:
        """`subject` as Python values."""
        loaded: dict[str, Any] = json.loads(self.subject)
        return loaded


class EventPosition(models.Model):
    """The global position an event got when it was published. Positions may have holes."""

    position = models.BigAutoField(primary_key=True)
    event = models.OneToOneField(Event, models.PROTECT, related_name="published")

    def __str__(self) -> str:
        return str(self.position)


class Checkpoint(models.Model):
    """A signed Merkle root over the heads of all streams, chained to the checkpoint before it."""

    made_at = models.DateTimeField()
    heads = models.TextField(help_text="Canonical JSON: [[stream, number, hash], …] in order of stream.")
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64, blank=True)
    signature = models.CharField(max_length=64)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"Checkpoint of {self.made_at}"
