"""Where each address of the API leads on the stage, and what the right caller would send there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from approvals.models import Check
from gatekeeper.common.calendars import day_of
from releases.models import Release
from tests.access.stage import GATE, REASON, Place, _empty

Body = Callable[[Place], dict[str, Any]]


def soon(days: int = 30) -> str:
    return (day_of(timezone.now()) + timedelta(days=days)).isoformat()


@dataclass(frozen=True)
class Target:
    """An address: its arguments by those of a page, changed a little, and a body by method."""

    page: str = ""
    more: Mapping[str, Any] | Callable[[Place], Mapping[str, Any]] | None = None
    bodies: Mapping[str, Body | dict[str, Any]] | None = None
    queries: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    is_hidden: bool = True

    def arguments(self, place: Place) -> dict[str, Any]:
        found = dict(place.arguments.get(self.page, {}))
        more = self.more(place) if callable(self.more) else self.more or {}
        return {key: value for key, value in (found | dict(more)).items() if key not in self.without}

    def body(self, method: str, place: Place) -> dict[str, Any] | None:
        found = (self.bodies or {}).get(method)
        return found(place) if callable(found) else found


def _check(place: Place) -> dict[str, Any]:
    """A check that the build machine may report."""
    check = Check.objects.filter(gate__release__product=place.product, gate__release__version="W.work").first()
    assert check is not None
    return {"product": place.product.slug, "version": "W.work", "gate": check.gate.key, "name": check.name}


def _seat(place: Place) -> dict[str, Any]:
    return {"product": place.product.slug, "gate": GATE, "role": "finance"}


def _target(place: Place) -> dict[str, Any]:
    release = Release.objects.get(product=place.product, version="W.work")
    assert release.target_on is not None
    return {"dates": {"target": (release.target_on + timedelta(days=1)).isoformat()}, "reason": REASON}


def _exception(place: Place) -> dict[str, Any]:
    release = Release.objects.get(product=place.product, version="W.work")
    return {"subject": _empty(release), "reason": REASON, "expires_on": soon()}


def _new_release(place: Place) -> dict[str, Any]:
    return {
        "product": place.product.slug, "version": "W.api", "target_on": soon(300), "playbook": "seven-gates",
        "activate": True,
    }  # fmt: skip


RELEASE = Target("release")
DECISION = {"round": 1, "role": "sales", "verdict": "approve", "comment": "Clear, thank you."}
AWAY = {"delegate": "luca", "starts_on": soon(200), "ends_on": soon(201)}

TARGETS: Mapping[str, Target] = {
    "api-schema": Target(is_hidden=False),
    "api-docs": Target(is_hidden=False),
    "api-me": Target(is_hidden=False),
    "api-events": Target(is_hidden=False),
    "api-product-lines": Target(bodies={"POST": {"name": "Field Tools"}}, is_hidden=False),
    "api-products": Target(
        bodies={"POST": {"name": "Fleet Map", "line": "remote-support", "owner": "priya"}}, is_hidden=False
    ),
    "api-product": Target("product", bodies={"PATCH": {"description": "Other words."}}),
    "api-playbooks": Target(bodies={"POST": {"playbook": "not: one", "note": "None."}}, is_hidden=False),
    "api-playbook": Target(more={"playbook": "seven-gates"}, is_hidden=False),
    "api-slips": Target(is_hidden=False),
    "api-release-slips": RELEASE,
    "api-releases": Target(bodies={"POST": _new_release}, is_hidden=False),
    "api-release": Target("release", bodies={"PATCH": {"name": "Another theme"}}),
    "api-release-activate": Target("release-activate"),
    "api-release-hold": Target("release-hold", bodies={"POST": {"reason": REASON, "resume_by": soon()}}),
    "api-release-resume": Target("release-resume"),
    "api-release-cancel": Target("release-cancel", bodies={"POST": {"reason": REASON}}),
    "api-release-ship": Target("release-ship", bodies={"POST": {"released_on": soon(0)}}),
    "api-release-replan": Target("release-replan", bodies={"POST": _target}),
    "api-release-rebaseline": Target("release-rebaseline", bodies={"POST": {"reason": REASON}}),
    "api-release-forecast": RELEASE,
    "api-gates": RELEASE,
    "api-gate": Target("gate"),
    "api-gate-verdict": Target("gate"),
    "api-gate-submit": Target("gate-submit", bodies={"POST": {"summary": "Please look."}}),
    "api-gate-withdraw": Target("gate-withdraw", bodies={"POST": {"reason": REASON}}),
    "api-gate-waive": Target("gate-waive", bodies={"POST": {"reason": REASON, "expires_on": soon()}}),
    "api-gate-exceptions": Target("gate-except", bodies={"POST": _exception}),
    "api-evidence-list": Target("gate"),
    "api-evidence": Target("evidence-save", bodies={"PUT": {"text": "What we found since."}}),
    "api-evidence-file": Target("evidence-save"),
    "api-evidence-file/submitted": Target("evidence-save", more={"version": "W.review"}),
    "api-checks": Target("gate"),
    "api-check": Target(more=_check, bodies={"PUT": {"status": "success", "run_number": 5}}),
    "api-submissions": Target("rounds"),
    "api-submission": Target("rounds", more={"round": 1}),
    "api-decisions": Target("gate-decide", bodies={"POST": DECISION}),
    "api-decision-revoke": Target(
        "gate-revoke", more=lambda place: {"id": place.arguments["gate-revoke"]["decision"]}, without=("decision",),
        bodies={"POST": {"reason": REASON}},
    ),
    "api-comments": Target("discussion", bodies={"POST": {"text": "Clear, thank you."}}),
    "api-condition": Target(
        "condition-close", more=lambda place: {"id": place.arguments["condition-close"]["condition"]},
        without=("condition",), bodies={"PATCH": {"closed": True, "note": "The price list is there."}},
    ),
    "api-roles": Target("product"),
    "api-seat-member": Target(more=lambda place: _seat(place) | {"username": "jonas"}),
    "api-seat-group": Target(more=lambda place: _seat(place) | {"group": "Engineering leads"}),
    "api-inbox": Target(is_hidden=False),
    "api-delegations": Target(bodies={"POST": AWAY}, is_hidden=False),
    "api-delegation": Target(more={"id": 10**9}, is_hidden=False),
    "api-product-watch": Target("product"),
    "api-release-watch": RELEASE,
    "api-product-stakeholders": Target(
        "product", bodies={"POST": {"username": "daniel"}}, queries={"DELETE": "?username=mei"}
    ),
    "api-release-stakeholders": Target(
        "release", bodies={"POST": {"username": "daniel"}}, queries={"DELETE": "?username=mei"}
    ),
    "api-notifications": Target(is_hidden=False),
    "api-notifications-read": Target(is_hidden=False),
    "api-portfolio": Target(is_hidden=False),
}  # fmt: skip
