"""`{% load charts %}`: `{% chart it %}` prints a chart with its twin, `{% spark values %}` a line beside a figure."""

from collections.abc import Sequence

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from gatekeeper.common.charts import Chart, sparkline

register = template.Library()


@register.simple_tag
def chart(it: Chart | None) -> SafeString:
    """A chart of `gatekeeper.common.charts`; nothing for None."""
    return render_to_string("charts/_chart.html", {"chart": it}) if it is not None else SafeString("")


@register.simple_tag
def spark(values: Sequence[float]) -> SafeString:
    """Decoration: the figure beside it says what counts. Nothing for fewer than five values."""
    line = sparkline(values)
    return render_to_string("charts/_spark.html", {"line": line}) if line is not None else SafeString("")
