"""Tokens of the API: made, rotated and revoked by their owner, those of service accounts by administrators."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from approvals import rules
from gatekeeper.accounts.models import ApiToken, Scope, User
from gatekeeper.accounts.tokens import digest_of, new_token
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, FieldProblem, NotAllowed, Refused
from releases import events
from releases.actions.releases import line_problem
from releases.kinds import EventKind
from releases.models import Product
from releases.permissions import is_administrator

MOST_DAYS = 180
MOST_LIVE = 50
MOST_OVERLAP_DAYS = 14
CHECK_NAME_LENGTH = 120
PASSWORD_REQUIRED = "password_required"  # noqa: S105  # a code


@dataclass(frozen=True)
class Made:
    """A new token and its text, which is shown once and kept nowhere."""

    token: ApiToken
    text: str


def _require_owner(actor: User | None, owner: User) -> None:
    if actor is None or actor.pk == owner.pk:
        return
    if not (owner.is_service and is_administrator(actor)):
        raise NotAllowed("not_token_owner", "Only its owner, or for a service account an administrator, may do this.")


def _require_password(actor: User | None, reauthenticated_at: datetime | None, at: datetime) -> None:
    if actor is None:
        return
    if reauthenticated_at is None or not rules.is_fresh(reauthenticated_at, at):
        raise Refused(
            PASSWORD_REQUIRED,
            f"A token needs your password of the last {rules.SIGNATURE_MINUTES} minutes. Give it again.",
        )


def _problems(
    owner: User,
    actor: User | None,
    name: str,
    scopes: Collection[str],
    products: Collection[int],
    checks: Collection[str],
) -> list[FieldProblem]:
    """Everything that is wrong with what a token is to be, at once."""
    found: list[FieldProblem] = []
    if not name or len(name) > 80 or line_problem(name):
        found.append(FieldProblem("name", "required", "Name: from 1 to 80 characters in one line."))
    if not scopes:
        found.append(FieldProblem("scopes", "required", "Scopes: choose at least one."))
    if unknown := sorted(set(scopes) - set(Scope.values)):
        found.append(FieldProblem("scopes", "unknown", f"Scopes: {unknown[0]} is none of {', '.join(Scope.values)}."))
    if Scope.DECIDE in scopes and (owner.is_service or actor is None or actor.pk != owner.pk):
        found.append(
            FieldProblem(
                "scopes", "not_personal", "Scopes: only a person may decide, with a token that they make themselves."
            )
        )
    seen = set(Product.objects.visible_to(owner).filter(pk__in=list(products)).values_list("pk", flat=True))
    if set(products) - seen:
        found.append(FieldProblem("products", "unknown", f"Products: {owner} does not see all of these."))
    if Scope.CHECKS in scopes:
        if Scope.WRITE in scopes or Scope.DECIDE in scopes:
            found.append(
                FieldProblem("scopes", "mixed", "Scopes: a tool that reports checks neither writes nor decides.")
            )
        if not products:
            found.append(FieldProblem("products", "required", "Products: name those whose checks it may report."))
        if not checks:
            found.append(FieldProblem("checks", "required", "Checks: name those that it may report."))
    elif checks:
        found.append(FieldProblem("checks", "not_needed", "Checks: only for the scope that reports checks."))
    if any(not one.strip() or len(one) > CHECK_NAME_LENGTH or line_problem(one) for one in checks):
        found.append(FieldProblem("checks", "invalid", f"Checks: names of at most {CHECK_NAME_LENGTH} characters."))
    if len(checks) > 100 or len(products) > 200:
        found.append(FieldProblem("checks", "too_many", "At most 100 checks and 200 products."))
    return found


@transaction.atomic
def create_token(
    *,
    owner: User,
    actor: User | None,
    name: str,
    scopes: Collection[str],
    days: int,
    products: Collection[int] = (),
    checks: Collection[str] = (),
    reauthenticated_at: datetime | None = None,
    clock: Clock = database_clock,
) -> Made:
    """Make a token; its text is in the answer and nowhere else. `actor` None is the command.

    Args:
        products: ids; empty for every product that the owner sees.
        reauthenticated_at: when the actor last gave their password, in UTC.

    Raises:
        NotAllowed: somebody else's. Refused: every bad field at once, or no password of the last ten minutes.
    """
    _require_owner(actor, owner)
    events.lock_organisation()  # the second of two last tokens waits, and is told
    at = clock()
    _require_password(actor, reauthenticated_at, at)
    name = name.strip()
    stored = User.objects.get(pk=owner.pk)
    problems = _problems(stored, actor, name, scopes, products, checks)
    if not stored.is_active:
        problems.append(FieldProblem("owner", "inactive", f"{stored} is deactivated."))
    if not 1 <= days <= MOST_DAYS:
        problems.append(FieldProblem("days", "invalid", f"Days: from 1 to {MOST_DAYS}."))
    if problems:
        raise Refused("invalid_token", "The token was not made.", fields=problems)
    if ApiToken.objects.filter(owner=stored, revoked_at=None, expires_at__gt=at).count() >= MOST_LIVE:
        raise Refused("too_many_tokens", f"{stored} has {MOST_LIVE} tokens. Revoke one first.")
    return _make(stored, actor, name, scopes, products, checks, at, at + timedelta(days=days))


def _make(
    owner: User,
    actor: User | None,
    name: str,
    scopes: Collection[str],
    products: Collection[int],
    checks: Collection[str],
    at: datetime,
    expires_at: datetime,
    replaces: ApiToken | None = None,
) -> Made:
    text = new_token()
    token = ApiToken.objects.create(
        owner=owner,
        name=name,
        prefix=text.prefix,
        digest=digest_of(text, settings.SECRET_KEY),
        scopes=[scope for scope in Scope.values if scope in scopes],
        products=sorted(set(products)),
        checks=sorted({one.strip() for one in checks}),
        created_at=at,
        created_by=actor,
        expires_at=expires_at,
        replaces=replaces,
    )
    kind = EventKind.TOKEN_ROTATED if replaces is not None else EventKind.TOKEN_CREATED
    data = {
        "token": token.prefix,
        "name": name,
        "user": owner.pk,
        "scopes": token.scopes,
        "products": list(Product.objects.filter(pk__in=token.products).order_by("slug").values_list("slug", flat=True)),
        "checks": token.checks,
        "expires_at": expires_at,
    }
    if replaces is not None:
        data |= {"replaces": replaces.prefix, "replaced_until": replaces.expires_at}
    events.record_for_organisation(kind, actor=actor, at=at, data=data)
    return Made(token, text.text)


def _lock(token_id: int, actor: User | None) -> ApiToken:
    token = ApiToken.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(pk=token_id)
    _require_owner(actor, token.owner)
    return token


@transaction.atomic
def revoke_token(*, token_id: int, actor: User | None, clock: Clock = database_clock) -> ApiToken:
    """End a token at once.

    Raises:
        NotAllowed: somebody else's. Conflict: it is revoked already.
    """
    events.lock_organisation()
    token = _lock(token_id, actor)
    if token.revoked_at is not None:
        raise Conflict("already_revoked", f"{token.name} is revoked already.")
    at = clock()
    token.revoked_at, token.revoked_by = at, actor
    token.save(update_fields=["revoked_at", "revoked_by"])
    events.record_for_organisation(
        EventKind.TOKEN_REVOKED,
        actor=actor,
        at=at,
        data={"token": token.prefix, "name": token.name, "user": token.owner_id},
    )
    return token


@transaction.atomic
def rotate_token(
    *,
    token_id: int,
    actor: User,
    overlap_days: int,
    reauthenticated_at: datetime | None,
    clock: Clock = database_clock,
) -> Made:
    """A new token in place of one, with the same name, scopes and days; the old one counts some days longer.

    Raises:
        NotAllowed: somebody else's. Conflict: it is over, or was rotated already. Refused: too long an overlap, or no
            password of the last ten minutes.
    """
    events.lock_organisation()
    old = _lock(token_id, actor)
    at = clock()
    _require_password(actor, reauthenticated_at, at)
    if not old.is_live(at) or hasattr(old, "replaced_by"):
        raise Conflict("token_over", f"{old.name} is over or has been rotated: make a new token.")
    if not 0 <= overlap_days <= MOST_OVERLAP_DAYS:
        raise Refused.for_field("overlap_days", "invalid", f"The old one may count from 0 to {MOST_OVERLAP_DAYS} days.")
    if not old.owner.is_active:
        raise Refused.for_field("owner", "inactive", f"{old.owner} is deactivated.")
    lasts = old.expires_at - old.created_at
    old.expires_at = min(old.expires_at, at + timedelta(days=overlap_days))
    old.save(update_fields=["expires_at"])
    return _make(old.owner, actor, old.name, old.scopes, old.products, old.checks, at, at + lasts, replaces=old)


def end_all_tokens(person: User, actor: User, at: datetime) -> int:
    """Tokens of somebody who is deactivated die, and do not come back with the person. Returns how many."""
    return ApiToken.objects.filter(owner=person, revoked_at=None, expires_at__gt=at).update(
        revoked_at=at, revoked_by=actor
    )
