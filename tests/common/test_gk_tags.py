"""The words, marks and fields that every page is made of."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django import forms
from django.contrib.messages import constants
from django.contrib.messages.storage.base import Message
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from gatekeeper.common.templatetags import gk

NOON = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)


def render(source: str, address: str = "/list/", **context: Any) -> str:
    request = RequestFactory().get(address)
    return Template("{% load gk %}" + source).render(Context({"request": request, **context}))


class ReleaseForm(forms.Form):
    version = forms.CharField(help_text="As customers see it")
    theme = forms.CharField(required=False)
    password = forms.CharField(widget=forms.PasswordInput, required=False)
    keep = forms.BooleanField(required=False, label="Keep me signed in")
    line = forms.ChoiceField(choices=[("a", "A")], required=False)
    copy = forms.ChoiceField(
        choices=[("people", "Approver people\nFrom 27.2"), ("", "Nothing")], widget=forms.RadioSelect, label="Copy"
    )


# --- icons and marks


def test_an_icon_beside_words_is_decoration() -> None:
    html = render('{% icon "bell" "i-20" %}')
    assert 'class="i i-20" aria-hidden="true"' in html
    assert re.search(r'href="[^"]*icons[^"]*\.svg#bell"', html)
    assert "role=" not in html


def test_an_icon_alone_is_an_image_with_a_name_that_is_escaped() -> None:
    html = render('{% icon "bell" label=name %}', name='<b>"x"')
    assert 'role="img" aria-label="&lt;b&gt;&quot;x&quot;"' in html
    assert "aria-hidden" not in html


def test_every_icon_that_the_code_names_is_in_the_sprite() -> None:
    from pathlib import Path

    from django.conf import settings

    root = Path(settings.BASE_DIR)
    ids = set(re.findall(r'<symbol id="([^"]+)"', (root / "static/icons.svg").read_text()))
    named = {icon for _, icon, _ in gk.HEALTH.values()} | {f"state-{key}" for key in gk.GATE_WORDS}
    for page in (root / "templates").rglob("*.html"):
        named |= set(re.findall(r'{% icon "([^"]+)"', page.read_text()))
        named |= set(re.findall(r'{% pill "[^"]*" "[^"]*" "([^"]+)" %}', page.read_text()))
    assert named <= ids


@pytest.mark.parametrize("state", gk.GATE_WORDS)
def test_a_gate_pill_has_shape_and_word(state: str) -> None:
    html = render("{% gate_pill state %}", state=state)
    assert f"#state-{state}" in html
    assert gk.GATE_WORDS[state] in html


def test_a_gate_pill_takes_other_words() -> None:
    assert ">Waiting for you, round 2</span>" in render('{% gate_pill "rev" "Waiting for you, round 2" %}')


def test_the_reason_of_a_health_is_text_and_reachable_by_keyboard() -> None:
    html = render('{% health_pill "at_risk" reason %}', reason="P85 is <17 days> late.")
    assert 'tabindex="0"' in html
    assert "At risk<span" in html
    assert "P85 is &lt;17 days&gt; late." in html
    assert "tabindex" not in render('{% health_pill "at_risk" "x" focusable=False %}')
    assert "tabindex" not in render('{% health_pill "on_track" %}')


def test_an_avatar_keeps_its_tint_and_shows_two_letters() -> None:
    first = render("{% avatar who %}", who="Fatima El Idrissi")
    assert ">FI</span>" in first
    assert first == render("{% avatar who %}", who="Fatima El Idrissi")
    assert re.search(r"av-[1-6]\b", first)
    assert ">C</span>" in render("{% avatar who %}", who="cher")
    assert 'role="img" aria-label="Grace Kim"' in render("{% avatar who label=who %}", who="Grace Kim")


@pytest.mark.parametrize(("value", "maximum", "width"), [(4, 6, "66.67%"), (6, 6, "100%"), (9, 6, "100%")])
def test_progress_is_geometry_and_never_longer_than_its_track(value: int, maximum: int, width: str) -> None:
    html = render('{% progress v m "4 of 6 ready" %}', v=value, m=maximum)
    assert f'class="fill" width="{width}"' in html
    assert 'role="img" aria-label="4 of 6 ready"' in html
    assert "style=" not in html


def test_progress_of_nothing_draws_no_bar() -> None:
    assert "fill" not in render('{% progress 0 0 "none yet" %}')
    assert "fill" not in render('{% progress 0 4 "0 of 4" %}')


def test_a_gate_mark_is_centred_on_its_point() -> None:
    assert 'x="4" y="34.5" width="12" height="12"' in render('{% gate_mark "ok" 10 40.5 %}')


# --- dates, sizes, counts


@pytest.mark.parametrize(
    ("value", "long", "short"),
    [
        (date(2026, 11, 20), "Fri 20 Nov 2026", "20 Nov"),
        (date(2027, 11, 5), "Fri 5 Nov 2027", "5 Nov 27"),
        (date(2005, 1, 1), "Sat 1 Jan 2005", "1 Jan 05"),
        (None, "", ""),
        ("", "", ""),
    ],
)
@time_machine.travel(NOON)
def test_days_are_written_one_way(value: Any, long: str, short: str) -> None:
    assert gk.day(value) == long
    assert gk.day_short(value) == short


def test_the_day_of_a_moment_is_the_organisations(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    assert gk.day(datetime(2026, 11, 19, 20, 0, tzinfo=UTC)) == "Fri 20 Nov 2026"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (date(2026, 11, 19), "today"),
        (date(2026, 11, 20), "tomorrow"),
        (date(2026, 11, 24), "in 5 days"),
        (date(2026, 11, 18), "1 day late"),
        (date(2026, 11, 17), "2 days late"),
    ],
)
@time_machine.travel(NOON)
def test_a_due_day_is_told_from_today(value: date, words: str) -> None:
    assert gk.relative_day(value) == words
    assert render("{{ v|relative_day:today }}", v=value, today=date(2026, 11, 19)) == words


@time_machine.travel(NOON)
def test_a_past_day_that_was_not_due_is_not_late() -> None:
    assert [gk.since_day(date(2026, 11, d)) for d in (19, 18, 14)] == ["today", "yesterday", "5 days ago"]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 11, 19, 8, 52, tzinfo=UTC), "Today, 08:52"),
        (datetime(2026, 11, 18, 17, 20, tzinfo=UTC), "Yesterday, 17:20"),
        (datetime(2026, 11, 17, 16, 42, tzinfo=UTC), "Tue 17 Nov, 16:42"),
        (datetime(2025, 11, 17, 16, 42, tzinfo=UTC), "17 Nov 2025, 16:42"),
    ],
)
@time_machine.travel(NOON)
def test_a_moment_is_relative_with_the_exact_time_beside_it(at: datetime, words: str, settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    with timezone.override("UTC"):
        html = render("{{ at|moment }}", at=at)
    assert f">{words}</time>" in html
    inside = words[0].lower() + words[1:] if words.startswith(("Today", "Yesterday")) else words
    assert f">{inside}</time>" in render("Saved {{ at|moment:True }}", at=at)
    assert f'datetime="{at.isoformat(timespec="seconds")}"' in html
    assert "UTC" in html.split('title="')[1].split('"')[0]


def test_what_somebody_typed_ends_before_the_next_sentence() -> None:
    assert [gk.stopped(text) for text in ("Budget review", "Why? ", "Done.", "")] == [
        "Budget review.", "Why?", "Done.", "",
    ]  # fmt: skip


@time_machine.travel(NOON)
def test_only_a_zone_of_ones_own_is_named(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    with timezone.override("Asia/Tokyo"):
        assert ">Today, 21:00 JST</time>" in gk.moment(NOON)
    with timezone.override("Europe/Berlin"):
        assert ">Today, 13:00</time>" in gk.moment(NOON)


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (386_000, "386 KB"), (999_499, "999 KB"), (999_500, "1.0 MB"), (1_800_000, "1.8 MB")],
)
def test_sizes_have_one_unit(size: int, words: str) -> None:
    assert gk.bytes_size(size) == words


def test_counts_of_days() -> None:
    assert [gk.plural_days(n) for n in (0, 1, 2)] == ["0 days", "1 day", "2 days"]
    assert [gk.signed_days(n) for n in (14, 0, -1)] == ["+14 days", "0 days", "−1 day"]
    assert render("{% names people %}", people=["A", "B", "<C>"]) == "A, B and &lt;C&gt;"


# --- forms


def test_a_field_ties_label_hint_and_error_to_its_control() -> None:
    form = ReleaseForm({"version": ""})
    html = render('{% field form.version fill="27.3" fill_label="Use 27.3" %}', form=form)
    assert '<label for="id_version">Version</label>' in html
    assert 'aria-describedby="id_version-hint id_version-error"' in html
    assert 'id="id_version-hint">As customers see it' in html
    assert 'id="id_version-error"' in html
    assert 'aria-invalid="true"' in html
    assert 'data-fill="id_version" data-value="27.3">Use 27.3</button>' in html


def test_what_was_typed_is_kept_and_escaped() -> None:
    form = ReleaseForm({"version": '"><script>', "theme": ""})
    html = render("{% field form.version %}", form=form)
    assert "<script>" not in html
    assert "&quot;&gt;&lt;script&gt;" in html
    assert "aria-invalid" not in html


def test_the_optional_fields_are_marked_not_the_required_ones() -> None:
    form = ReleaseForm()
    assert "(optional)" in render("{% field form.theme %}", form=form)
    assert "(optional)" not in render("{% field form.version %}", form=form)
    assert "(optional)" not in render("{% field form.theme optional=False %}", form=form)
    assert "(optional)" not in render("{% field form.keep %}", form=form)


def test_each_kind_of_control_gets_its_frame() -> None:
    form = ReleaseForm(initial={"copy": "people"})
    assert 'class="form-select"' in render("{% field form.line %}", form=form)
    assert 'class="check" for="id_keep"' in render("{% field form.keep %}", form=form)
    assert 'data-reveal="id_password"' in render("{% field form.password %}", form=form)
    cards = render("{% field form.copy cards=True %}", form=form)
    assert "<legend>Copy</legend>" in cards
    assert "<b>Approver people</b><small>From 27.2</small>" in cards
    assert cards.count("checked") == 1
    assert 'rows="3"' in render("{% field form.theme rows=3 %}", form=form)
    assert 'data-autosave="/x/"' in render('{% field form.theme data_autosave="/x/" %}', form=form)


def test_the_summary_names_each_field_and_links_to_it() -> None:
    form = ReleaseForm({"version": "", "copy": "unknown"})
    form.full_clean()
    form.add_error(None, "The playbook has moved on.")
    html = render('{% error_summary form "The release was not created." %}', form=form)
    assert 'role="alert" tabindex="-1" data-focus' in html
    assert "The release was not created. 2 fields need a change." in html
    assert '<a class="tx-dec u" href="#id_version">Version: fill this in.</a>' in html
    assert 'href="#id_copy_0"' in html
    assert "<li>The playbook has moved on.</li>" in html


def test_a_form_without_errors_has_no_summary() -> None:
    assert render("{% error_summary form %}", form=ReleaseForm()).strip() == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Choose a person", "choose a person"),
        ("27.1 exists", "27.1 exists"),
        ("CSV is empty", "CSV is empty"),
        ("Otto Outsider is here", "Otto Outsider is here"),
        ("", ""),
    ],
)
def test_a_sentence_after_a_colon_begins_small(text: str, expected: str) -> None:
    assert gk.lower_first(text) == expected


# --- lists


def test_a_changed_query_keeps_the_rest() -> None:
    html = render("{% query_replace sort='target' page=None %}", "/list/?health=at_risk&page=3&line=a&line=b")
    assert html == "?health=at_risk&amp;line=a&amp;line=b&amp;sort=target"


def test_pages_keep_the_filters() -> None:
    page = Paginator(range(412), 50).page(2)
    html = render("{% pagination page %}", "/list/?health=at_risk&page=2", page=page)
    assert "51 to 100 of 412" in html
    assert 'href="?health=at_risk&amp;page=1" rel="prev"' in html
    assert 'href="?health=at_risk&amp;page=3" rel="next"' in html
    assert "Page 2 of 9" in html


def test_one_page_offers_no_other() -> None:
    html = render("{% pagination page %}", page=Paginator(range(3), 50).page(1))
    assert "1 to 3 of 3" in html
    assert "href" not in html


def test_a_column_head_sorts_and_turns_round() -> None:
    tag = '{% sort_head "Target" "target" "r" %}'
    assert "aria-sort" not in render(tag)
    assert 'href="?sort=target"' in render(tag)
    up = render(tag, "/list/?sort=target&page=4")
    assert 'aria-sort="ascending"' in up
    assert 'href="?sort=-target"' in up
    assert 'aria-sort="descending"' in render(tag, "/list/?sort=-target")


def test_the_action_of_a_toast_stays_on_this_site() -> None:
    undo = Message(constants.SUCCESS, "Removed", extra_tags="Undo|post|/drafts/3/restore/")
    assert gk.toast_action(undo) == {"label": "Undo", "method": "post", "url": "/drafts/3/restore/"}
    assert gk.toast_action(Message(constants.SUCCESS, "Saved", extra_tags="safe")) == {}
    assert gk.toast_action(Message(constants.SUCCESS, "x", extra_tags="Go|get|https://elsewhere.example/")) == {}
    assert gk.toast_action(Message(constants.SUCCESS, "x", extra_tags="Go|get|//elsewhere.example/")) == {}
