"""Refusals on pages: beside their field, on top of the form, or as a page with its status."""

from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails

from gatekeeper.common.errors import Blocker, Conflict, DomainError, FieldProblem, NotAllowed, Refused
from gatekeeper.common.pages import apply_problems, is_fragment, refusal, render_page


class SmallForm(forms.Form):
    version = forms.CharField()
    target_on = forms.DateField(label="Release date", required=False)


def request(**headers: str) -> Any:
    asked = RequestFactory().get("/", headers=headers)
    asked.htmx = HtmxDetails(asked)  # type: ignore[attr-defined]
    asked.user = AnonymousUser()
    asked.session = {}  # type: ignore[assignment]
    asked._messages = []  # type: ignore[attr-defined]
    return asked


def bound() -> SmallForm:
    form = SmallForm({"version": "27.1", "target_on": ""})
    assert form.is_valid()
    return form


def test_a_problem_stands_beside_its_field_without_repeating_its_name() -> None:
    form = bound()
    apply_problems(
        form, Refused("x", "No.", fields=[FieldProblem("version", "exists", "Version: 27.1 exists already.")])
    )
    assert form.errors == {"version": ["27.1 exists already."]}
    assert form.has_error("version", "exists")
    form = bound()
    apply_problems(form, DomainError.for_field("target_on", "past", "Release date: 1 Jan 2026: it is past."))
    assert form.errors == {"target_on": ["1 Jan 2026: it is past."]}


def test_what_names_no_field_of_the_form_goes_on_top() -> None:
    form = bound()
    problems = [FieldProblem("elsewhere", "invalid", "Elsewhere: no."), FieldProblem("version", "invalid", "Not that.")]
    apply_problems(form, Refused("x", "Two things.", fields=problems))
    assert form.errors == {"__all__": ["Elsewhere: no."], "version": ["Not that."]}
    form = bound()
    apply_problems(form, Conflict("x", "It moved.", blockers=[Blocker("declined", "sales", "Sales declined.")]))
    assert form.errors == {"__all__": ["Sales declined."]}
    form = bound()
    apply_problems(form, Refused("x", "Simply no."))
    assert form.errors == {"__all__": ["Simply no."]}


def test_a_form_may_have_other_names_than_the_action() -> None:
    form = bound()
    form.problem_fields = {"dates.target": "target_on"}  # type: ignore[attr-defined]
    apply_problems(form, Refused("x", "No.", fields=[FieldProblem("dates.target", "past", "It is past.")]))
    assert form.errors == {"target_on": ["It is past."]}


@pytest.mark.parametrize(("error", "status"), [(Refused, 422), (Conflict, 409), (NotAllowed, 403)])
def test_a_refusal_is_a_page_with_its_status_or_a_banner_for_htmx(
    db: None, error: type[DomainError], status: int
) -> None:
    told = error("code", "Not <now>.")
    page = refusal(request(), told, back_url="/products/", back_words="To the products")
    assert page.status_code == status
    html = page.content.decode()
    assert "<html" in html
    assert "Not &lt;now&gt;." in html
    assert 'href="/products/"' in html
    part = refusal(request(**{"HX-Request": "true"}), told)
    assert part.status_code == status
    assert "<html" not in part.content.decode()
    assert 'role="alert"' in part.content.decode()


def test_only_a_plain_htmx_request_gets_a_fragment() -> None:
    assert not is_fragment(request())
    assert is_fragment(request(**{"HX-Request": "true"}))
    assert not is_fragment(request(**{"HX-Request": "true", "HX-Boosted": "true"}))
    assert not is_fragment(request(**{"HX-Request": "true", "HX-History-Restore-Request": "true"}))
    page = render_page(request(), "errors/_refusal.html", {}, fragment="errors/_refusal.html")
    assert page["Vary"] == "HX-Request"
