"""Every event of a release has its sentence."""

import pytest

from releases.actions.releases import cancel_release, hold_release, resume_release, ship_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EVENT_KINDS, EventKind
from releases.models import Event
from releases.sentences import SENTENCES, TOLD_ELSEWHERE, Facts, sentence
from tests.cast import (
    ASSESSMENT,
    MARKET,
    Cast,
    active_release,
    at,
    day,
    decline,
    gate_of,
    pass_gates_before_release,
    submit,
    waive,
)

NAMES = {"market-opportunity": "Market Opportunity"}


def said(kind: str, data: str = "{}", gate: str = "market-opportunity") -> str:
    found = sentence(Event(kind=kind, subject=f'{{"gate":"{gate}"}}', data=data), NAMES)
    return found.text + (f" | {found.quote}" if found.quote else "")


def test_every_kind_that_a_release_records_has_an_entry() -> None:
    about_releases = {
        kind for kind in EVENT_KINDS
        if kind.startswith(("releases.release.", "releases.gate.", "releases.slip.", "approvals.", "notifications."))
    }  # fmt: skip
    assert about_releases <= set(SENTENCES)
    assert set(TOLD_ELSEWHERE) <= set(SENTENCES)


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (EventKind.GATE_OPENED, '{"due_on":"2026-11-20"}', "Market Opportunity is open, due 20 Nov 2026"),
        (
            EventKind.GATE_MISSED,
            '{"due_on":"2026-11-20","cause":"awaiting_decision","waiting_on":["sales"],"slip":1}',
            "Market Opportunity was missed: due on 20 Nov 2026, submitted in time, but not decided",
        ),
        (
            EventKind.GATE_DUE_CHANGED,
            '{"from":"2026-11-20","to":"2026-11-27","reason":"Vendor.","why":"replan","is_cascade":false}',
            "Market Opportunity moved from 20 Nov 2026 to 27 Nov 2026, 7 days later | Vendor.",
        ),
        (
            EventKind.RELEASE_REPLANNED,
            '{"reason":"Vendor.","moves":[["market-opportunity","2026-11-20","2026-11-27",false]],"pins":{}}',
            "re-planned Market Opportunity to 27 Nov 2026 | Vendor.",
        ),
        (
            EventKind.RELEASE_REPLANNED,
            '{"reason":"","moves":[["target","2026-11-20","2026-11-19",true]],"pins":{}}',
            "re-planned the release to 19 Nov 2026, 1 day earlier",
        ),
        (EventKind.RELEASE_REPLANNED, '{"reason":"","moves":[],"pins":{"a-b":true,"c":false}}',
             "pinned a b and unpinned c"),
        (
            EventKind.RELEASE_SHIPPED,
            '{"released_on":"2026-11-23","target_on":"2026-11-20"}',
            "released it on 23 Nov 2026, 3 days later than the target",
        ),
        (
            EventKind.DECISION_RECORDED,
            '{"role":"sales","role_name":"Sales","verdict":"approve","comment":"","conditions":2,"round":1}',
            "approved Market Opportunity for Sales, with 2 conditions",
        ),
        (
            EventKind.DECISION_RECORDED,
            '{"role":"sales","role_name":"Sales","verdict":"decline","comment":"No.","conditions":0,"round":1}',
            "declined Market Opportunity for Sales | No.",
        ),
        (EventKind.DECISION_REVOKED, '{"role":"product-leadership","reason":"Oops."}',
         "took back the decision on Market Opportunity for Product leadership | Oops."),
        (EventKind.SLIP_SETTLED, '{"days":0,"how":"waiver"}',
         "Market Opportunity settled its slip by a waiver, no day was lost"),
        (EventKind.RELEASE_RESUMED, '{"days":0}', "resumed the release on the day it was put on hold"),
        (EventKind.GATE_RECORDED, '{"actual_on":null}', "Market Opportunity was recorded"),
        (EventKind.RELEASE_CHANGED, '{"before":{"name":"a","owner":1},"after":{"name":"b","owner":1}}',
         "changed the theme"),
    ],
)  # fmt: skip
def test_an_event_reads_as_a_sentence(kind: str, data: str, words: str) -> None:
    assert said(kind, data) == words


def test_an_unknown_kind_and_missing_facts_still_read_as_words() -> None:
    assert said("approvals.check.reported_late") == "check reported late"
    for kind in SENTENCES:
        assert said(kind), kind


def test_names_and_days_are_bold_and_gates_have_their_names() -> None:
    found = SENTENCES[EventKind.GATE_OPENED](Facts({"due_on": "2026-11-20"}, "Market Opportunity", {}))
    assert [part for part in found.parts if getattr(part, "is_bold", False)] == ["Market Opportunity", "20 Nov 2026"]
    assert not found.has_actor
    assert sentence(Event(kind=EventKind.RELEASE_CANCELLED, subject="{}", data='{"reason":"No."}'), {}).has_actor


def test_every_event_of_a_whole_story_has_its_own_entry(cast: Cast) -> None:
    release = active_release(cast)
    gate = gate_of(release, MARKET)
    submit(cast, gate, on=10)
    decline(cast, gate, "sales", on=12)
    record_all_misses(day(40), clock=at(40))
    replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(45)}, reason="Vendor.", clock=at(40))
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike.", resume_by=day(60), clock=at(41))
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(43))
    pass_gates_before_release(cast, release, on=44)
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(90), clock=at(90))
    waive(cast, gate_of(release, ASSESSMENT), on=91)
    other = active_release(cast, "2.0")
    cancel_release(release_id=other.pk, actor=cast.pm, reason="No.", clock=at(3))
    names = dict(release.gates.values_list("key", "name"))
    for event in Event.objects.filter(release__in=[release, other]):
        assert event.kind in SENTENCES
        words = sentence(event, names)
        assert words.text.strip()
        assert "None" not in words.text
        assert "no date" not in words.text
