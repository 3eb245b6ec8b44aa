"""`manage.py check_invariants`: recompute every stored state and check every invariant."""

from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from approvals import invariants as of_approvals
from gatekeeper.common.invariants import Checker
from measures import invariants as of_measures
from notifications import invariants as of_notifications
from releases import invariants as of_releases

CHECKERS: dict[str, Checker] = {
    "releases": of_releases.check_releases,
    "gates": of_approvals.check_gates,
    "evidence": of_approvals.check_evidence,
    "reachability": of_approvals.check_reachability,
    "forecasts": of_measures.check_forecasts,
    "deliveries": of_notifications.check_deliveries,
}
SHOWN = 20


class Command(BaseCommand):
    help = "Recompute every stored state from the facts; exit 1 and name the first difference."

    def handle(self, *args: Any, **options: Any) -> None:
        found = []
        for name, checker in CHECKERS.items():
            differences = list(islice(checker(), SHOWN))
            self.stdout.write(f"{name}: {'holds' if not differences else 'differs'}")
            found += differences
        for difference in found[1:]:
            self.stderr.write(f"{difference.rule}: {difference.subject} {difference.message}")
        if found:
            first = found[0]
            raise CommandError(f"{first.rule}: {first.subject} {first.message}", returncode=1)
