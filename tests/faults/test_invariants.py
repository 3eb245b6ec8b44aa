"""`check_invariants` holds on the demo, and names what does not: each stored fact is bent once."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F

from approvals.models import Condition, Decision, Evidence, Submission, Waiver
from gatekeeper.accounts.models import User
from gatekeeper.common.append_only import lift_guards
from gatekeeper.demo import PRODUCTS, STORIES
from releases.kinds import ReleaseState
from releases.models import DateMove, Gate, Release, Slip


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside is rolled back."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            lift_guards(connection)
        yield
        transaction.set_rollback(True)


def bend_snapshot() -> None:
    """Other words in a frozen round."""
    round_one = Submission.objects.order_by("pk")[0]
    Submission.objects.filter(pk=round_one.pk).update(snapshot=round_one.snapshot.replace("round", "rounb", 1))


def decide_as_submitter() -> None:
    decision = Decision.objects.select_related("submission").order_by("pk")[0]
    Decision.objects.filter(pk=decision.pk).update(decided_by=decision.submission.submitted_by)


def drop_an_approval() -> None:
    passed = Submission.objects.filter(state="approved").order_by("pk")[0]
    passed.decisions.order_by("pk")[0].conditions.all().delete()
    Decision.objects.filter(pk=passed.decisions.order_by("pk")[0].pk).delete()


def forget_a_slip() -> None:
    slip = Slip.objects.filter(settled_how="late_approval").order_by("pk")[0]
    DateMove.objects.filter(slip=slip).update(slip=None)
    slip.delete()


def unseat_everybody() -> None:
    User.objects.filter(username__in=["daniel", "hannah"]).update(is_active=False)


BENT: dict[str, tuple[Callable[[], object], str]] = {
    "summary": (lambda: Release.objects.filter(state="active").update(slip_days=F("slip_days") + 1), "summary:"),
    "board": (lambda: Release.objects.filter(state="active").update(board=[]), "summary:"),
    "due date": (
        lambda: Gate.objects.filter(state="upcoming").update(due_on=F("due_on") + timedelta(days=1)),
        "(summary|ledger):",
    ),
    "ledger row": (lambda: DateMove.objects.all().delete(), "ledger:"),
    "sweep column": (lambda: Gate.objects.filter(sweep_on__isnull=False).update(sweep_on=None), "sweep:"),
    "forgotten slip": (forget_a_slip, "(slip|summary):"),
    "gate state": (lambda: Gate.objects.filter(state="in_review").update(state="open"), "(state|summary):"),
    "two gates at once": (lambda: Gate.objects.filter(state="upcoming").update(state="open"), "(order|summary):"),
    "round count": (lambda: Gate.objects.filter(round_number=2).update(round_number=1), "rounds:"),
    "digest": (bend_snapshot, "digest:"),
    "decision over other content": (lambda: Decision.objects.update(digest="sha256:0"), "decision:"),
    "decision of the submitter": (decide_as_submitter, "decision:"),
    "lost approval": (drop_an_approval, "outcome:"),
    "round outcome": (
        lambda: Submission.objects.filter(state="approved").update(state="withdrawn"), "(outcome|state):",
    ),
    "condition count": (lambda: Condition.objects.all().delete(), "conditions:"),
    "waiver": (lambda: Waiver.objects.all().delete(), "waiver:"),
    "latest version": (lambda: Evidence.objects.filter(version=2).delete(), "evidence:"),
    "reachability": (unseat_everybody, "reachability:"),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.slow
def test_the_demo_holds_and_each_bent_fact_is_named() -> None:
    call_command("demo", verbosity=0)
    call_command("check_invariants")
    call_command("verify_history")

    assert len(PRODUCTS) >= 8
    assert len({product.line for product in PRODUCTS}) == 3
    assert Release.objects.count() == len(STORIES) >= 20
    assert set(Release.objects.values_list("state", flat=True)) == set(ReleaseState.values) - {ReleaseState.RECORDED}

    for name, (bend, expected) in BENT.items():
        with undone():
            bend()
            with pytest.raises(CommandError) as refused:
                call_command("check_invariants")
        assert re.match(expected, str(refused.value)), f"{name}: {refused.value}"
    call_command("check_invariants")


@pytest.mark.django_db
def test_the_demo_is_not_loaded_over_people() -> None:
    User.objects.create_user("somebody", "somebody@example.org", "a password of some length", full_name="Some Body")
    call_command("demo", if_empty=True)
    with pytest.raises(CommandError, match="empty installation only"):
        call_command("demo")
    assert not Release.objects.exists()
