"""Who holds which seat, in sets rather than one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from gatekeeper.accounts.models import User

if TYPE_CHECKING:
    from approvals.models import ApproverRole  # noqa: F401  # the linter does not see the name in the subscript


class ApproverRoleQuerySet(models.QuerySet["ApproverRole"]):
    def held_by(self, user: User) -> ApproverRoleQuerySet:
        """Seats that a person holds directly or through a group."""
        direct = self.model._default_manager.filter(approverroleuserobjectpermission__user=user).values("pk")
        groups = self.model._default_manager.filter(
            approverrolegroupobjectpermission__group__in=user.groups.values("pk")
        ).values("pk")
        return self.filter(Q(pk__in=direct) | Q(pk__in=groups))
