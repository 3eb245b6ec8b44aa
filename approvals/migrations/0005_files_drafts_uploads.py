"""Files of evidence get rows of their own, so that a version can have several; drafts and uploads on their way in."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import approvals.models

BATCH = 500


def lift_guard(apps, schema_editor):
    """The append-only triggers name columns that go; they are made anew after the migration."""
    if schema_editor.connection.vendor == "postgresql":
        for name in ("gatekeeper_no_change", "gatekeeper_no_truncate"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON approvals_evidence")


def move_files(apps, schema_editor):
    """One file per version until now. What it is was said by a browser, so nothing is known of its content."""
    Evidence = apps.get_model("approvals", "Evidence")
    EvidenceFile = apps.get_model("approvals", "EvidenceFile")
    link = Evidence.files.through
    for item in Evidence.objects.filter(kind="file").order_by("pk").iterator(BATCH):
        made = EvidenceFile.objects.create(
            deliverable_id=item.deliverable_id,
            file=item.file.name,
            name=item.file_name,
            content_type="application/octet-stream",
            size=item.size,
            sha256=item.sha256,
            uploaded_by_id=item.author_id,
            uploaded_at=item.saved_at,
        )
        link.objects.create(evidence_id=item.pk, evidencefile_id=made.pk)
    if schema_editor.connection.vendor == "postgresql":
        # the checks of foreign keys may not wait until the tables are altered
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0004_signatures"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="EvidenceFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file", models.FileField(upload_to=approvals.models.evidence_path)),
                ("name", models.CharField(max_length=255)),
                ("content_type", models.CharField(help_text="Found by its content, never as the browser called it.", max_length=100)),
                ("size", models.PositiveBigIntegerField(help_text="Bytes.")),
                ("sha256", models.CharField(max_length=64)),
                ("scan", models.CharField(choices=[("clean", "Scanned, clean"), ("not_scanned", "Not scanned")], default="not_scanned", max_length=11)),
                ("uploaded_at", models.DateTimeField()),
                ("deliverable", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="files", to="approvals.deliverable")),
                ("uploaded_by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "ordering": ("id",),
                "constraints": [models.CheckConstraint(condition=models.Q(models.Q(("file", ""), _negated=True), models.Q(("sha256", ""), _negated=True)), name="evidence_file_has_bytes")],
            },
        ),
        migrations.CreateModel(
            name="EvidenceDraft",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("text", "Text"), ("link", "Link"), ("file", "File"), ("tick", "Tick"), ("removed", "Removed")], max_length=7)),
                ("text", models.TextField(blank=True)),
                ("url", models.CharField(blank=True, help_text="As typed; checked when it is marked as ready.", max_length=2000)),
                ("note", models.TextField(blank=True)),
                ("kept", models.JSONField(default=list, help_text="Ids of the earlier version's files that go on.")),
                ("base_version", models.PositiveIntegerField(help_text="The version that was shown when the draft began; 0: none.")),
                ("saved_at", models.DateTimeField()),
                ("author", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("deliverable", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="drafts", to="approvals.deliverable")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("deliverable", "author"), name="one_draft_per_person")],
            },
        ),
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file", models.FileField(upload_to=approvals.models.evidence_path)),
                ("name", models.CharField(max_length=255)),
                ("mark", models.CharField(blank=True, help_text="By which a browser knows the same file again.", max_length=64)),
                ("size", models.PositiveBigIntegerField(help_text="Bytes that were announced.")),
                ("received", models.PositiveBigIntegerField(default=0, help_text="Bytes that are there.")),
                ("content_type", models.CharField(blank=True, max_length=100)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("scan", models.CharField(choices=[("clean", "Scanned, clean"), ("not_scanned", "Not scanned")], default="not_scanned", max_length=11)),
                ("begun_at", models.DateTimeField()),
                ("touched_at", models.DateTimeField(db_index=True)),
                ("finished_at", models.DateTimeField(help_text="When all of it was there, looked at and scanned.", null=True)),
                ("author", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("deliverable", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="uploads", to="approvals.deliverable")),
            ],
            options={
                "ordering": ("id",),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("received__lte", models.F("size"))), name="upload_is_not_longer_than_announced"),
                    models.CheckConstraint(condition=models.Q(("finished_at__isnull", True), models.Q(("sha256", ""), _negated=True), _connector="OR"), name="upload_has_hash"),
                ],
            },
        ),
        migrations.AddField(
            model_name="evidence",
            name="files",
            field=models.ManyToManyField(related_name="versions", to="approvals.evidencefile"),
        ),
        migrations.RunPython(lift_guard, migrations.RunPython.noop),
        migrations.RunPython(move_files, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="evidence", name="evidence_has_content"),
        migrations.RemoveField(model_name="evidence", name="content_type"),
        migrations.RemoveField(model_name="evidence", name="file"),
        migrations.RemoveField(model_name="evidence", name="file_name"),
        migrations.RemoveField(model_name="evidence", name="sha256"),
        migrations.RemoveField(model_name="evidence", name="size"),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.CheckConstraint(condition=models.Q(models.Q(("kind", "text"), models.Q(("text", ""), _negated=True)), models.Q(("kind", "link"), models.Q(("url", ""), _negated=True)), ("kind__in", ["file", "tick", "removed"]), _connector="OR"), name="evidence_has_content"),
        ),
    ]
