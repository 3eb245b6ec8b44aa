"""Answers of pages: page or fragment, and what happens to a form or a page when a rule says no."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gatekeeper.common.errors import DomainError

ALL_FIELDS = "__all__"


def is_fragment(request: HttpRequest) -> bool:
    """htmx asks for a part of the page; a boosted link or a restored history entry asks for all of it."""
    details = getattr(request, "htmx", None)
    return details is not None and bool(details) and not details.boosted and not details.history_restore_request


def render_page(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, fragment: str = "", status: int = 200
) -> HttpResponse:
    """The whole page, or `fragment` when the view names one and htmx asks for it."""
    name = fragment if fragment and is_fragment(request) else template
    response = render(request, name, dict(context), status=status)
    if fragment:
        # the same address has two answers: neither may be kept for the other
        response.headers["Vary"] = "HX-Request"
    return response


def apply_problems(form: forms.BaseForm, error: DomainError) -> None:
    """Put a refusal beside the fields it names; what names no field of this form goes on top.

    The form has to be bound and cleaned (`is_valid()` was called). Its fields bear the names the action uses, such
    as `version` or `dates.release-readiness`; a form with other names says so in `problem_fields`.
    """
    renamed: Mapping[str, str] = getattr(form, "problem_fields", {})
    placed = False
    for problem in error.fields:
        name = renamed.get(problem.field, problem.field)
        field = form.fields.get(name)
        if field is None:
            form.add_error(None, forms.ValidationError(problem.message, problem.code))
        else:
            label = str(field.label or name.replace("_", " ").capitalize())
            form.add_error(
                name, forms.ValidationError(without_label(problem.message, label, problem.field), problem.code)
            )
        placed = True
    for blocker in error.blockers:
        form.add_error(None, forms.ValidationError(blocker.message, blocker.code))
        placed = True
    if not placed:
        form.add_error(None, forms.ValidationError(error.message, error.code))


def without_label(message: str, *names: str) -> str:
    """Beside its field a message does not repeat the field's name: "Version: 27.1 exists" becomes "27.1 exists"."""
    head, colon, rest = message.partition(": ")
    if colon and rest and head.lower() in {name.replace("_", " ").lower() for name in names}:
        return rest[:1].upper() + rest[1:]
    return message


def refusal(request: HttpRequest, error: DomainError, *, back_url: str = "", back_words: str = "Back") -> HttpResponse:
    """A rule said no and there is no form to put it in: a page in the frame (or a banner for htmx) with its status."""
    context = {
        "error": error,
        "heading": {403: "You may not do this", 409: "This has changed meanwhile"}.get(
            error.status, "This is not possible"
        ),
        "back_url": back_url,
        "back_words": back_words,
    }
    return render_page(request, "errors/refusal.html", context, fragment="errors/_refusal.html", status=error.status)
