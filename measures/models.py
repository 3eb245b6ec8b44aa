"""Where releases are heading, as it was stated and as it stands."""

from django.db import models

from releases.models import Product, Release


class Forecast(models.Model):
    """The forecast of one release as it stands: made anew when its facts change, and on every new day.

    `data` is canonical JSON, see `measures.forecasts.Outlook`; the day of the release itself stands on the release as
    well, where lists and health read it.
    """

    release = models.OneToOneField(Release, models.CASCADE, related_name="forecast")
    made_on = models.DateField()
    event_number = models.PositiveIntegerField(help_text="The release's last event that it knows of.")
    basis = models.CharField(max_length=16, help_text="Digest of the past intervals that it learned from.")
    data = models.TextField()
    health_before = models.CharField(max_length=9, blank=True, help_text="The health of fourteen days before.")
    day_effect = models.FloatField(
        null=True, help_text="Days by which each late day has moved releases of the product; null: not known."
    )
    slips_counted = models.PositiveIntegerField(default=0, help_text="The slips that the effect was counted from.")
    stated = models.TextField(default="{}", help_text="Canonical JSON: the last statement by gate: P50, P85, day.")

    class Meta:
        indexes = (models.Index(fields=["made_on"], name="forecast_made"),)

    def __str__(self) -> str:
        return f"Forecast of {self.release} on {self.made_on}"


class Statement(models.Model):
    """What was said of one gate (or, under the key of the target, of the release) on a day. Never changed.

    The first one of each day on which it differs from the last: what calibration is counted from.
    """

    release = models.ForeignKey(Release, models.PROTECT, related_name="statements")
    gate = models.CharField(max_length=64)
    stated_on = models.DateField()
    p50_on = models.DateField()
    p85_on = models.DateField()

    class Meta:
        ordering = ("stated_on", "id")
        constraints = (
            models.UniqueConstraint(fields=["release", "gate", "stated_on"], name="one_statement_per_gate_and_day"),
            models.CheckConstraint(condition=models.Q(p50_on__lte=models.F("p85_on")), name="p50_before_p85"),
        )
        indexes = (models.Index(fields=["p85_on"], name="statement_p85"),)

    def __str__(self) -> str:
        return f"{self.gate} of {self.release}, stated on {self.stated_on}"


class Backtest(models.Model):
    """How right forecasts of recorded history would have been, by product: shares 0 to 1, widths and losses in days."""

    product = models.OneToOneField(Product, models.CASCADE, related_name="backtest")
    made_on = models.DateField()
    loaded = models.PositiveBigIntegerField(help_text="The last event of loaded history that it knows of.")
    n = models.PositiveIntegerField()
    coverage_50 = models.FloatField()
    coverage_85 = models.FloatField()
    width = models.FloatField()
    loss_50 = models.FloatField()
    loss_85 = models.FloatField()
    plan_loss_50 = models.FloatField()
    plan_loss_85 = models.FloatField()

    def __str__(self) -> str:
        return f"Backtest of {self.product}"

    @property
    def percent_50(self) -> float:
        return round(self.coverage_50 * 100, 1)

    @property
    def percent_85(self) -> float:
        return round(self.coverage_85 * 100, 1)
