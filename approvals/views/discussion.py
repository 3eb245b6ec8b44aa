"""The discussion of a gate: read, write, change one's own words for a while, and whom an @ may name."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from approvals.actions.comments import Written, add_comment, edit_comment
from approvals.forms.gates import CommentForm
from approvals.models import ApproverRole, Comment
from approvals.pages.discussion import line_of, may_edit, window_words
from approvals.pages.gate import gate_url, joined
from approvals.permissions import seat_holders
from approvals.views.at_gate import Place, the_gate
from approvals.views.talk import talk
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import Conflict, DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, is_fragment, refusal, render_page
from gatekeeper.common.requests import whole_number
from releases.permissions import who_may_see

SUGGESTIONS = 8
# Of a restricted product, so many names are looked through for people who see it.
MOST_LOOKED_AT = 200


def _part(request: SignedInRequest, place: Place, context: dict[str, Any], status: int = 200) -> HttpResponse:
    whole = context | {"release": place.release, "gate": place.gate, "gate_url": gate_url(place.gate, place.release)}
    template = "approvals/discussion.html"
    return render_page(request, template, whole, fragment="approvals/_discussion_answer.html", status=status)


@login_required
@require_http_methods(["GET", "POST"])
def discussion(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """The discussion by itself, `?before=` a comment; POST adds one."""
    place = the_gate(request.user, product, version, gate)
    if request.method == "GET":
        return _part(
            request, place, talk(request, place.gate, place.release, before=whole_number(request.GET.get("before", "")))
        )
    form = CommentForm(request.POST, auto_id="comment-%s")
    status = 422
    if form.is_valid():
        try:
            written = add_comment(gate_id=place.gate.pk, actor=request.user, text=form.cleaned_data["text"])
        except DomainError as error:
            apply_problems(form, error)
            status = error.status
        else:
            _say(request, written)
            if is_fragment(request):
                return _part(request, place, talk(request, place.gate, place.release) | {"written": written.comment.pk})
            return redirect(f"{gate_url(place.gate, place.release)}#comment-{written.comment.pk}")
    return _part(request, place, talk(request, place.gate, place.release, form=form), status)


def _say(request: SignedInRequest, written: Written) -> None:
    """Whom a comment does not reach; otherwise it stands on the page, and nothing more is said."""
    if written.unknown:
        names = joined([f"@{name}" for name in written.unknown], "and")
        which = "is nobody" if len(written.unknown) == 1 else "are nobody"
        messages.warning(request, f"{names} {which} who can see this product, so nobody was told by that name.")


@login_required
@require_http_methods(["GET", "POST"])
def comment_edit(request: SignedInRequest, product: str, version: str, gate: str, comment: int) -> HttpResponse:
    """Change one's own comment within the window: in place with htmx, else on a page of its own."""
    place = the_gate(request.user, product, version, gate)
    found = get_object_or_404(Comment.objects.select_related("author"), pk=comment, gate=place.gate)
    back = f"{gate_url(place.gate, place.release)}#comment-{found.pk}"
    form = CommentForm(
        request.POST if request.method == "POST" else None, initial={"text": found.text}, auto_id=f"c{found.pk}-%s"
    )
    status = 200
    try:
        if request.method == "POST":
            status = 422
            if form.is_valid():
                written = edit_comment(comment_id=found.pk, actor=request.user, text=form.cleaned_data["text"])
                _say(request, written)
                return (
                    _part(request, place, talk(request, place.gate, place.release) | {"written": found.pk})
                    if is_fragment(request)
                    else redirect(back)
                )
        elif not may_edit(found, request.user, timezone.now()):
            raise _refusal(found, request.user)
    except (NotAllowed, Conflict) as error:
        return refusal(request, error, back_url=back, back_words="To the discussion")
    except DomainError as error:
        apply_problems(form, error)
    context = {
        "line": line_of(found, request.user, timezone.now()),
        "form": form,
        "release": place.release,
        "gate": place.gate,
        "back_url": back,
        "discussion_url": gate_url(place.gate, place.release, "discussion"),
        "mentions_url": gate_url(place.gate, place.release, "mention-options"),
        "edit_url": reverse("comment-edit", args=[product, version, gate, found.pk]),
    }
    return render_page(
        request, "approvals/comment.html", context, fragment="approvals/_comment_form.html", status=status
    )


def _refusal(comment: Comment, user: User) -> DomainError:
    if comment.author_id != user.pk:
        return NotAllowed("not_own_comment", "Only its author may change a comment.")
    return Conflict(
        "edit_window_over", f"A comment can be changed for {window_words()}; after that, write another one."
    )


@login_required
@require_GET
def mention_options(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """People who see the product, as an @ is typed; without a letter, those who take part in the gate."""
    place = the_gate(request.user, product, version, gate)
    text = request.GET.get("q", "").strip()[:150]
    people = User.objects.filter(is_active=True).exclude(pk=request.user.pk).order_by("full_name", "username")
    if text and "\x00" not in text:
        people = people.filter(Q(username__istartswith=text) | Q(full_name__icontains=text))
    else:
        seats = ApproverRole.objects.filter(gate_roles__gate=place.gate).values_list("pk", flat=True)
        near = {holder.user.pk for holders in seat_holders(list(seats)).values() for holder in holders}
        near |= {pk for pk in (place.release.owner_id, place.release.product.owner_id) if pk is not None}
        people = people.filter(pk__in=near)
    limit = MOST_LOOKED_AT if place.release.product.is_restricted else SUGGESTIONS
    listed = list(people[:limit])
    seen = who_may_see(place.release.product, [person.pk for person in listed])
    context = {"people": [person for person in listed if person.pk in seen][:SUGGESTIONS]}
    return render(request, "approvals/_mention_options.html", context)
