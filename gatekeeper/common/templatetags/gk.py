"""The words, marks and form fields of the pages. `{% load gk %}`; samples in templates/components/sheet.html."""

import zlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, TypedDict

from django import forms, template
from django.core.paginator import Page
from django.forms.boundfield import BoundField
from django.http import QueryDict
from django.template.context import RequestContext
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from gatekeeper.common.calendars import day_of, organisation_zone

register = template.Library()

# what people read for each display state of a gate
GATE_WORDS = {
    "none": "Not started",
    "prep": "Preparing",
    "rev": "Waiting for decision",
    "ok": "Approved",
    "cond": "Approved with conditions",
    "dec": "Declined",
    "late": "Late",
    "na": "Waived",
}
# value -> (words, icon, tone)
HEALTH = {
    "on_track": ("On track", "calendar-check", "ok"),
    "at_risk": ("At risk", "calendar-clock", "cond"),
    "slipped": ("Slipped", "calendar-x", "dec"),
    "released": ("Released", "rocket", "none"),
    "on_hold": ("On hold", "pause", "none"),
    "cancelled": ("Cancelled", "minus", "none"),
    "closed": ("Closed", "circle-check", "none"),
    "draft": ("Draft", "pencil", "none"),
    "recorded": ("Recorded", "history", "none"),
}
AVATAR_TINTS = 6
# these names are Inter's and English, whatever the server's locale
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# --- icons and marks -----------------------------------------------------------------------------------------------


def sprite(name: str) -> str:
    return f"{static('icons.svg')}#{name}"


def svg(name: str, classes: str, label: str = "") -> SafeString:
    """One symbol of the sprite: decoration beside words, or an image with a name."""
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>', classes, label, sprite(name)
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', classes, sprite(name))


@register.simple_tag
def icon(name: str, classes: str = "", label: str = "") -> SafeString:
    """`{% icon "bell" %}`, `{% icon "bell" "i-20" %}`; where it stands alone `{% icon "bell" label="Notices" %}`."""
    return svg(name, f"i {classes}".strip(), label)


@register.simple_tag
def gate_icon(state: str, label: str = "", classes: str = "") -> SafeString:
    """The symbol of a display state: none, prep, rev, ok, cond, dec, late, na."""
    return svg(f"state-{state}", f"i gs gs-{state} {classes}".strip(), label)


@register.simple_tag
def gate_pill(state: str, words: str = "") -> SafeString:
    """The state in a tinted frame, always with words."""
    tone = "none" if state == "na" else state
    return format_html(
        '<span class="pill t-{}">{}{}</span>', tone, gate_icon(state), words or GATE_WORDS.get(state, state)
    )


@register.simple_tag
def gate_mark(state: str, x: float, y: float, size: float = 12) -> SafeString:
    """A gate's symbol inside a chart, centred on a point."""
    return format_html(
        '<use class="gs-{}" href="{}" x="{}" y="{}" width="{}" height="{}"/>',
        state, sprite(f"state-{state}"), number(x - size / 2), number(y - size / 2), number(size), number(size),
    )  # fmt: skip


@register.filter
def gate_words(state: str) -> str:
    """The words of a display state, for accessible names."""
    return GATE_WORDS.get(state, state)


@register.simple_tag
def pill(tone: str, words: str, icon_name: str = "") -> SafeString:
    """Any other state: tone ok, rev, prep, dec, late, cond, none or accent."""
    mark = svg(icon_name, "i") if icon_name else ""
    return format_html('<span class="pill t-{}">{}{}</span>', tone, mark, words)


@register.simple_tag
def health_pill(value: str, reason: str = "", focusable: bool = True) -> SafeString:
    """A release's health. The reason is text of the mark itself: shown on hover and focus, always read aloud.

    Inside a link or a button pass `focusable=False`.
    """
    words, icon_name, tone = HEALTH.get(value, (value.replace("_", " ").capitalize(), "info", "none"))
    mark = svg(icon_name, "i")
    if not reason:
        return format_html('<span class="pill t-{}">{}{}</span>', tone, mark, words)
    focus = SafeString(' tabindex="0"') if focusable else ""
    return format_html(
        '<span class="pill t-{} tip"{}>{}{}<span class="tip-text"><span class="vh">. </span>{}</span></span>',
        tone, focus, mark, words, reason,
    )  # fmt: skip


@register.filter
def initials(person: Any) -> str:
    """First letters of the first and the last word of a name."""
    words = str(person).split()
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


@register.simple_tag
def avatar(person: Any, label: str = "") -> SafeString:
    """Initials in a tint that stays the same for a person. Without a label it is decoration beside the name."""
    # by name, so that a person in a printed record and in a list look alike
    tint = zlib.crc32(str(person).encode()) % AVATAR_TINTS + 1
    if label:
        return format_html(
            '<span class="avatar av-{}" role="img" aria-label="{}">{}</span>', tint, label, initials(person)
        )
    return format_html('<span class="avatar av-{}" aria-hidden="true">{}</span>', tint, initials(person))


def number(value: float) -> str:
    """A coordinate: two decimals at most, and a point in every locale."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


@register.simple_tag
def progress(
    value: float, maximum: float, label: str, tone: str = "ok", mark: float | None = None, classes: str = ""
) -> SafeString:
    """A bar, as SVG geometry since no style attribute is allowed. `mark` is a share, such as time passed."""
    share = max(0.0, min(1.0, float(value) / float(maximum))) if maximum else 0.0
    fill = format_html('<rect class="fill" width="{}%" height="8"/>', number(share * 100)) if share else ""
    tick = ""
    if mark is not None:
        at = max(0.0, min(1.0, float(mark))) * 100
        tick = format_html('<rect class="mark" x="{}%" width="2" height="8"/>', number(at))
    return format_html(
        '<svg class="meter t-{} {}" role="img" aria-label="{}"><rect class="track" width="100%" height="8"/>{}{}</svg>',
        tone, classes, label, fill, tick,
    )  # fmt: skip


# --- dates, sizes, counts ------------------------------------------------------------------------------------------


def as_day(value: Any) -> date | None:
    """A day as it is; a moment as its day in the organisation's zone."""
    if isinstance(value, datetime):
        return day_of(value) if timezone.is_aware(value) else value.date()
    return value if isinstance(value, date) else None


def today() -> date:
    return day_of(timezone.now())


@register.filter
def day(value: Any) -> str:
    """Fri 20 Nov 2026."""
    on = as_day(value)
    return f"{WEEKDAYS[on.weekday()]} {on.day} {MONTHS[on.month - 1]} {on.year}" if on else ""


@register.filter
def day_short(value: Any) -> str:
    """20 Nov in the current year, else 20 Nov 27."""
    on = as_day(value)
    if on is None:
        return ""
    short = f"{on.day} {MONTHS[on.month - 1]}"
    return short if on.year == today().year else f"{short} {on.year % 100:02d}"


@register.filter
def words(text: str) -> list[str]:
    """A list in a template: `{% for kind in "file link"|words %}`."""
    return text.split()


@register.filter
def stopped(text: str) -> str:
    """What somebody typed, with a full stop where it has no end of its own: another sentence follows."""
    text = text.rstrip()
    return text if not text or text[-1] in ".!?…" else f"{text}."


@register.filter
def moment(value: datetime | None, is_inside: bool = False) -> SafeString | str:
    """A point in time for reading: "Today, 08:52", "Yesterday, 17:20", "Tue 17 Nov, 16:42"; the exact one is its title.

    Inside a sentence (`moment:True`) "today" and "yesterday" are small. In the organisation's zone; in another one
    only when the person chose it, and then the zone is named.
    """
    if value is None:
        return ""
    zone = timezone.get_current_timezone()
    here = value.astimezone(zone)
    now = timezone.now().astimezone(zone)
    days = (now.date() - here.date()).days
    if days == 0:
        words = "today" if is_inside else "Today"
    elif days == 1:
        words = "yesterday" if is_inside else "Yesterday"
    elif here.year == now.year:
        words = f"{WEEKDAYS[here.weekday()]} {here.day} {MONTHS[here.month - 1]}"
    else:
        words = f"{here.day} {MONTHS[here.month - 1]} {here.year}"
    clock = f"{here:%H:%M}"
    named = f" {here.tzname()}" if str(zone) != str(organisation_zone()) else ""
    exact = f"{day(here.date())}, {here:%H:%M:%S} {here.tzname()}"
    return format_html(
        '<time datetime="{}" title="{}">{}, {}{}</time>',
        value.isoformat(timespec="seconds"),
        exact,
        words,
        clock,
        named,
    )


@register.filter
def relative_day(value: Any, on: date | None = None) -> str:
    """today, tomorrow, in 5 days, 2 days late. The word for the past is for due dates; `since_day` is for the rest."""
    target = as_day(value)
    if target is None:
        return ""
    days = (target - (on or today())).days
    if days < 0:
        return f"{plural_days(-days)} late"
    return {0: "today", 1: "tomorrow"}.get(days) or f"in {days} days"


@register.filter
def since_day(value: Any, on: date | None = None) -> str:
    """today, yesterday, 5 days ago."""
    then = as_day(value)
    if then is None:
        return ""
    days = ((on or today()) - then).days
    return {0: "today", 1: "yesterday"}.get(days) or f"{days} days ago"


@register.filter
def plural_days(value: int | None) -> str:
    """1 day, 2 days."""
    if value is None:
        return ""
    return f"{value} day" if abs(value) == 1 else f"{value} days"


@register.filter
def signed_days(value: int | None) -> str:
    """+14 days, −1 day, 0 days: a slip."""
    if value is None:
        return ""
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{plural_days(abs(value))}"


@register.filter
def bytes_size(value: int | None) -> str:
    """640 B, 386 KB, 1.8 MB."""
    if value is None:
        return ""
    if value < 1000:
        return f"{value} B"
    if value < 999_500:
        return f"{value / 1000:.0f} KB"
    return f"{value / 1_000_000:.1f} MB"


# --- forms ---------------------------------------------------------------------------------------------------------

SELECTS = (forms.Select, forms.SelectMultiple)
GROUPS = (forms.RadioSelect, forms.CheckboxSelectMultiple)


class FieldContext(TypedDict):
    """What components/_field.html prints."""

    field: BoundField
    control: SafeString | str
    kind: str
    choices: list[dict[str, Any]]
    label: str
    hint: str
    is_optional: bool
    described_by: str
    fill: str
    fill_label: str
    classes: str
    pair: bool


def control_attrs(bound: BoundField, hint: str) -> dict[str, Any]:
    """What ties a control to its hint and its error."""
    described = []
    if hint:
        described.append(f"{bound.auto_id}-hint")
    if bound.errors:
        described.append(f"{bound.auto_id}-error")
    attrs: dict[str, Any] = {}
    if described:
        attrs["aria-describedby"] = " ".join(described)
    if bound.errors:
        attrs["aria-invalid"] = "true"
    return attrs


@register.inclusion_tag("components/_field.html")
def field(
    bound: BoundField,
    label: str = "",
    hint: str = "",
    cards: bool = False,
    pair: bool = False,
    optional: bool | None = None,
    fill: str = "",
    fill_label: str = "Use it",
    classes: str = "",
    **attrs: Any,
) -> FieldContext:
    """A field with label above, hint under it, error under the hint. Further words become attributes of the control
    (`rows=3`, `data_autosave="/url/"`: underscores turn into dashes).

    `cards=True` draws radio buttons as cards; a second line of a choice's label is its hint. `fill` offers one value
    that would be right ("Use 27.3"). The optional fields are marked, not the required ones.
    """
    widget = bound.field.widget
    hint = hint or str(bound.help_text or "")
    extra = {name.replace("_", "-"): value for name, value in attrs.items()}
    tied = control_attrs(bound, hint)
    choices: list[dict[str, Any]] = []
    control: SafeString | str = ""
    if isinstance(widget, GROUPS):
        kind = "cards" if cards else "group"
        for sub in bound.subwidgets:
            title, _, note = str(sub.data["label"]).partition("\n")
            choices.append({"data": sub.data, "title": title, "note": note})
    else:
        if isinstance(widget, forms.CheckboxInput):
            kind, css = "check", "form-check-input"
        elif isinstance(widget, SELECTS):
            kind, css = "control", "form-select"
        else:
            kind, css = "control", "form-control"
            if isinstance(widget, forms.PasswordInput):
                kind = "password"
        own = str(widget.attrs.get("class", ""))
        control = bound.as_widget(attrs={**tied, **extra, "class": f"{css} {own}".strip()})
    return {
        "field": bound,
        "control": control,
        "kind": kind,
        "choices": choices,
        "label": label or str(bound.label or ""),
        "hint": hint,
        "is_optional": (not bound.field.required and kind != "check") if optional is None else optional,
        "described_by": tied.get("aria-describedby", ""),
        "fill": fill,
        "fill_label": fill_label,
        "classes": classes,
        "pair": pair,
    }


@register.inclusion_tag("components/_error_summary.html")
def error_summary(form: forms.BaseForm, heading: str = "Nothing was saved.") -> dict[str, Any]:
    """The list on top of a form that came back, with a link to each field. Prints nothing without errors."""
    rows: list[dict[str, str]] = [{"id": "", "text": str(e)} for e in form.non_field_errors()]
    count = 0
    for bound in form:
        if bound.errors:
            count += 1
            target = bound.auto_id or ""
            if isinstance(bound.field.widget, GROUPS) and bound.subwidgets:
                target = bound.subwidgets[0].id_for_label or target
            rows += [
                {"id": "" if bound.is_hidden else str(target), "text": f"{bound.label}: {lower_first(str(e))}"}
                for e in bound.errors
            ]
    return {"heading": heading, "rows": rows, "count": count}


def lower_first(text: str) -> str:
    """A sentence after a colon begins small, unless its first word is a name or a number."""
    head, *rest = text.split(" ", 2)
    is_name = bool(rest) and rest[0][:1].isupper()
    return text[:1].lower() + text[1:] if (head[1:].islower() and not is_name) or head == "A" else text


# --- lists ---------------------------------------------------------------------------------------------------------


def changed_query(query: QueryDict, changes: dict[str, Any]) -> str:
    """The query string with some keys set anew; None or "" drops a key."""
    copy = query.copy()
    for key, value in changes.items():
        if value is None or value == "":
            copy.pop(key, None)
        elif isinstance(value, list | tuple):
            copy.setlist(key, [str(v) for v in value])
        else:
            copy[key] = str(value)
    return f"?{copy.urlencode()}"


@register.simple_tag(takes_context=True)
def query_replace(context: RequestContext, **changes: Any) -> str:
    """`<a href="{% query_replace sort="target" page=None %}">`: this page's address with other filters."""
    return changed_query(context["request"].GET, changes)


@register.inclusion_tag("components/_pagination.html", takes_context=True)
def pagination(context: RequestContext, page: Page[Any], key: str = "page") -> dict[str, Any]:
    """ "1 to 50 of 412", Back, Next; keeps filters and sorting."""
    query = context["request"].GET
    return {
        "page": page,
        "start": page.start_index(),
        "end": page.end_index(),
        "total": page.paginator.count,
        "back": changed_query(query, {key: page.previous_page_number()}) if page.has_previous() else "",
        "next": changed_query(query, {key: page.next_page_number()}) if page.has_next() else "",
    }


@register.simple_tag(takes_context=True)
def sort_head(context: RequestContext, label: str, key: str, classes: str = "", parameter: str = "sort") -> SafeString:
    """A column head that sorts: `{% sort_head "Target" "target" %}`; the address says `?sort=target` or `-target`."""
    query = context["request"].GET
    current = query.get(parameter, "")
    direction, arrow, following = "", SafeString(""), key
    if current == key:
        direction, arrow, following = "ascending", svg("arrow-up", "i i-12"), f"-{key}"
    elif current == f"-{key}":
        direction, arrow = "descending", svg("arrow-down", "i i-12")
    aria = format_html(' aria-sort="{}"', direction) if direction else ""
    return format_html(
        '<th scope="col" class="{}"{}><a href="{}">{}{}</a></th>',
        classes, aria, changed_query(query, {parameter: following, "page": None}), label, arrow,
    )  # fmt: skip


# --- messages ------------------------------------------------------------------------------------------------------


@register.simple_tag
def toast_action(message: Any) -> dict[str, str]:
    """The one action of a toast: `messages.success(request, text, extra_tags="Undo|post|/address/")`, `Show|get|…`."""
    parts = str(getattr(message, "extra_tags", "") or "").split("|", 2)
    if len(parts) != 3 or not parts[2].startswith("/") or parts[2].startswith("//"):
        return {}
    return {"label": parts[0], "method": parts[1], "url": parts[2]}


@register.simple_tag
def names(people: Sequence[Any], word: str = "and") -> SafeString:
    """A, B and C."""
    texts = [str(p) for p in people]
    if len(texts) < 2:
        return format_html_join("", "{}", ((t,) for t in texts))
    return format_html("{} {} {}", ", ".join(texts[:-1]), word, texts[-1])
