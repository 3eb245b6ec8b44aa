"""Waiting for you, ordered, filtered and searched."""

from datetime import date, datetime, timedelta

from django.utils import timezone

from approvals.actions.decisions import NewCondition
from approvals.models import Delegation, Submission
from approvals.pages.waiting import Filters, urgency, waiting_list
from gatekeeper.common.calendars import day_of
from tests.cast import (
    MARKET,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    day,
    gate_of,
    make_playbook,
    moment,
    submit,
)
from tests.pages.stories import client_of, days_ago, market_of, release_of_today, text_of

FRIDAY = date(2026, 1, 9)


def waiting(cast: Cast, version: str, *, target: int = 90, on: int = 2) -> Submission:
    return submit(cast, market_of(release_of_today(cast, version, target=target)), on=days_ago(on))


def versions(cast: Cast, query: str) -> list[str]:
    on = day_of(timezone.now())
    filters = Filters.read(dict(pair.split("=") for pair in query.split("&")))
    found = [entry for entry in waiting_list(cast.approver, on) if filters.takes(entry, on)]
    return [entry.text.split()[1] for entry in found]


def test_urgency_is_lateness_then_working_days_left_then_waiting_longest() -> None:
    early, later = moment(0), moment(1)

    def rank(*rows: tuple[int, datetime]) -> list[int]:
        order = sorted(range(len(rows)), key=lambda n: urgency(FRIDAY + timedelta(days=rows[n][0]), rows[n][1], FRIDAY))
        return [rows[n][0] for n in order]

    assert rank((1, early), (-1, later), (4, early), (-5, later), (0, later)) == [-5, -1, 1, 0, 4]
    # Friday, Saturday and Sunday leave no working day: who waits longer comes first
    assert rank((0, later), (2, early)) == [2, 0]
    assert rank((3, later), (2, later)) == [2, 3]


def test_filters_are_combined_and_the_search_reads_release_product_gate_and_theme(cast: Cast) -> None:
    waiting(cast, "1.0", target=78)
    waiting(cast, "2.0", target=81)
    waiting(cast, "3.0", target=150)
    assert versions(cast, "due=late") == ["1.0"]
    assert versions(cast, "due=this-week") + versions(cast, "due=later") == ["2.0", "3.0"]
    assert "3.0" in versions(cast, "due=later")
    assert versions(cast, "q=router market") == ["1.0", "2.0", "3.0"]
    assert versions(cast, "q=3.0&due=late") == []
    assert versions(cast, "q=OPPORTUNITY 2.0") == ["2.0"]
    assert versions(cast, "line=networks&product=router&gate=market-opportunity&role=engineering") == [
        "1.0",
        "2.0",
        "3.0",
    ]
    assert versions(cast, "role=sales") == []
    assert versions(cast, "seat=stand-in") == []
    assert versions(cast, "due=nonsense") == ["1.0", "2.0", "3.0"]


def test_the_page_offers_what_tells_rows_apart_and_clears_what_leaves_nothing(cast: Cast) -> None:
    waiting(cast, "1.0", target=78)
    waiting(cast, "3.0", target=150)
    client = client_of(cast.approver)
    page = client.get("/inbox/").content.decode()
    assert 'href="/inbox/?due=late"' in page
    assert "?line=" not in page  # all of one line
    late = client.get("/inbox/?due=late&q=router")
    text = text_of(late)
    assert "1 of 2 gates" in text
    assert "Router 1.0" in text
    assert "Router 3.0" not in text
    assert "<title>(2) Waiting for you - gatekeeper</title>" in late.content.decode()
    assert "open=" in late.content.decode()
    assert "?q=router&amp;due=late&amp;open=" in late.content.decode()
    none = text_of(client.get("/inbox/?q=nothing+has+this"))
    assert "Nothing that waits fits the filters" in none
    assert "Clear filters" in none


def test_a_decision_keeps_the_filters(cast: Cast) -> None:
    submission = waiting(cast, "1.0", target=78)
    waiting(cast, "3.0", target=150)
    words = {"choice": "approve", "role": "engineering", "round": "1"}
    answer = client_of(cast.approver).post(f"/inbox/{submission.pk}/decide/?due=late", words)
    assert answer.headers["Location"] == "/inbox/?due=late"


def test_rows_say_why_they_stand_where_they_do(cast: Cast) -> None:
    late = waiting(cast, "1.0", target=77)
    approve(cast, gate_of(late.gate.release, MARKET), "sales", on=days_ago(1))
    waiting(cast, "2.0", target=81)
    text = text_of(client_of(cast.approver).get("/inbox/"))
    assert "Late 3 days" in text
    assert "Due tomorrow" in text
    assert text.count("You are the last one") == 1
    assert "waiting 2 days" in text


def test_a_role_whose_turn_has_not_come_is_not_offered_and_a_stand_in_reads_for_whom(cast: Cast) -> None:
    gates = [dict(g) for g in SMALL_PLAYBOOK["gates"]]
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "other", "gates": gates})
    release = active_release(cast, "5.0", target=days_ago(0) + 80, playbook=playbook, on=days_ago(20))
    gate = gate_of(release, MARKET)
    submit(cast, gate, on=days_ago(2))
    gate.roles.filter(role__key="sales").update(order=2)
    on = day_of(timezone.now())
    Delegation.objects.create(
        person=cast.second_approver, delegate=cast.outsider, starts_on=on, ends_on=on, made_by=cast.second_approver,
        made_at=timezone.now(),
    )  # fmt: skip
    assert waiting_list(cast.outsider, on) == []
    approve(cast, gate, "engineering", on=days_ago(1))
    (entry,) = waiting_list(cast.outsider, on)
    assert [(role.key, role.principal) for role in entry.mine] == [("sales", "Sara Seller")]
    page = text_of(client_of(cast.outsider).get("/inbox/"))
    assert "for Sara Seller" in page
    assert Filters(seat="stand-in").takes(entry, on)
    assert not Filters(seat="own").takes(entry, on)


def test_my_open_conditions_have_a_tab_and_late_ones_are_told_first(cast: Cast) -> None:
    gate = gate_of(active_release(cast), MARKET)
    submit(cast, gate)
    conditions = (NewCondition("Ask Legal", cast.approver, day(9)), NewCondition("Sell", cast.pm, day(9)))
    approve(cast, gate, "sales", comment="But first:", conditions=conditions)
    client = client_of(cast.approver)
    assert "1 condition of yours is late." in text_of(client.get("/inbox/"))
    page = text_of(client.get("/inbox/?show=conditions"))
    assert "My conditions 1 1 late" in page
    assert "Ask Legal" in page
    assert "from Sara Seller, Sales" in page
    assert "Sell" not in page.replace("Seller", "")
    assert "No condition waits for you" in text_of(client_of(cast.outsider).get("/inbox/?show=conditions"))
