"""Who holds which seat, in sets rather than one by one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from gatekeeper.accounts.models import User

if TYPE_CHECKING:
    from approvals.models import ApproverRole, Delegation  # noqa: F401  # the linter misses names in subscripts


class ApproverRoleQuerySet(models.QuerySet["ApproverRole"]):
    def held_by(self, user: User) -> ApproverRoleQuerySet:
        """Seats that a person holds directly or through a group."""
        direct = self.model._default_manager.filter(approverroleuserobjectpermission__user=user).values("pk")
        groups = self.model._default_manager.filter(
            approverrolegroupobjectpermission__group__in=user.groups.values("pk")
        ).values("pk")
        return self.filter(Q(pk__in=direct) | Q(pk__in=groups))


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def in_force(self, on: date) -> DelegationQuerySet:
        """Those whose days include one day and that were not ended before."""
        return self.filter(ended_at__isnull=True, starts_on__lte=on, ends_on__gte=on)

    def not_over(self, starts_on: date, ends_on: date) -> DelegationQuerySet:
        """Those that were not ended and that share a day with some days."""
        return self.filter(ended_at__isnull=True, starts_on__lte=ends_on, ends_on__gte=starts_on)

    def covering(self, roles: Iterable[int]) -> DelegationQuerySet:
        """Those of every seat, or of one of some seats; each once."""
        named = self.model._default_manager.filter(roles__in=list(roles)).values("pk")
        return self.filter(Q(covers_all=True) | Q(pk__in=named))
