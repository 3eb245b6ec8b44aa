"""Playbooks: list, editor, versions, publishing, import and export. For administrators."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.common.errors import Conflict, DomainError, Refused
from gatekeeper.common.pages import apply_problems, refusal, render_page
from gatekeeper.dashboard import gate_form
from gatekeeper.dashboard.playbook_forms import AboutForm, NewPlaybookForm, PublishForm, YamlForm
from gatekeeper.dashboard.queries import playbooks as queries
from gatekeeper.dashboard.queries import settings as settings_queries
from gatekeeper.dashboard.queries.words import counted
from gatekeeper.dashboard.views.access import administrators_only
from releases.actions import playbooks as actions
from releases.models import Playbook, PlaybookDraft
from releases.playbook_changes import changes, due_words
from releases.playbook_yaml import write_playbook_text
from releases.playbooks import DISCIPLINES

PER_PAGE = 50
QUORUMS = (1, 2, 3, 4, 5)


def the_draft(slug: str) -> PlaybookDraft | None:
    return PlaybookDraft.objects.select_related("saved_by", "based_on").filter(slug=slug).first()


def the_version(slug: str, version: int) -> Playbook:
    """A version that releases can run, or 404."""
    return get_object_or_404(Playbook.objects.select_related("published_by"), slug=slug, version=version, kind="gates")


def _revision(request: SignedInRequest) -> int:
    typed = request.POST.get("revision", "")
    return int(typed) if typed.isdigit() and len(typed) < 10 else 0


def _editor_url(slug: str, gate: str = "", part: str = "", **more: str) -> str:
    query = f"?{urlencode({'gate': gate} | more)}" if gate else ""
    return f"{reverse('settings-playbook', args=[slug])}{query}{f'#{part}' if part else ''}"


def _gone(request: SignedInRequest, slug: str, error: DomainError) -> HttpResponse:
    """A verb met another state: what happened, and the way back to what is there now."""
    is_there = Playbook.objects.filter(slug=slug).exists() or PlaybookDraft.objects.filter(slug=slug).exists()
    back = _editor_url(slug) if is_there else reverse("settings-playbooks")
    return refusal(request, error, back_url=back, back_words="To the playbook" if is_there else "To the playbooks")


# --- List and new ---------------------------------------------------------------------------------------------------


@administrators_only
@require_GET
def playbooks(request: SignedInRequest) -> HttpResponse:
    """Every playbook with its newest version, where it is used, and whether it is being edited."""
    page = Paginator(queries.playbook_rows(), PER_PAGE).get_page(request.GET.get("page", "1"))
    return render_page(request, "dashboard/playbooks/list.html", {"page": page})


@administrators_only
@require_http_methods(["GET", "POST"])
def playbook_new(request: SignedInRequest) -> HttpResponse:
    """A new playbook, copied, empty, or from a file."""
    is_file = "yaml" in request.POST
    form = NewPlaybookForm(None if is_file else request.POST or None)
    upload = YamlForm(request.POST if is_file else None, request.FILES if is_file else None)
    bound: forms.Form = upload if is_file else form
    if bound.is_valid():
        try:
            if is_file:
                draft = actions.import_draft(text=upload.cleaned_data["text"], actor=request.user)
            else:
                said = form.cleaned_data
                draft = actions.create_playbook(
                    name=said["name"], slug=said["slug"], source=said["source"], actor=request.user
                )
        except DomainError as error:
            apply_problems(bound, error)
        else:
            messages.success(request, f"{draft.definition['name']} is a draft now. Publish it when it is ready.")
            return redirect(_editor_url(draft.slug))
    context = {"form": form, "upload": upload}
    return render_page(request, "dashboard/playbooks/new.html", context, status=422 if bound.is_bound else 200)


# --- Editor ---------------------------------------------------------------------------------------------------------


@administrators_only
@require_http_methods(["GET", "POST"])
def playbook(request: SignedInRequest, slug: str) -> HttpResponse:
    """The editor: every button sends the whole gate, so nothing that was typed gets lost."""
    if request.method == "GET":
        return _editor(request, slug, request.GET.get("gate", ""))
    draft = the_draft(slug)
    if draft is None:
        if not Playbook.objects.filter(slug=slug, kind="gates").exists():
            raise Http404
        return _gone(request, slug, Conflict("no_draft", "This draft is gone: somebody has published or discarded it."))
    known = settings_queries.functions()
    for gate in draft.definition["gates"]:
        known |= {role["key"]: role["name"] for role in gate.get("roles", ()) if role["key"] not in known}
    definition, key, part = gate_form.edited(draft.definition, request.POST, known)
    try:
        actions.save_draft(slug=slug, revision=_revision(request), definition=definition, actor=request.user)
    except Conflict as error:
        return _editor(request, slug, key, typed=definition, stale=error)
    except Refused as error:
        return _gone(request, slug, error)
    if request.POST.get("do") == "save" and queries.gate_problems(definition, key):
        return redirect(_editor_url(slug, key, saved="1"))
    return redirect(_editor_url(slug, key, part))


def _editor(
    request: SignedInRequest,
    slug: str,
    gate: str,
    typed: Mapping[str, Any] | None = None,
    stale: Conflict | None = None,
) -> HttpResponse:
    page = queries.editor_page(slug, the_draft(slug), gate, day_of(timezone.now()), typed)
    if page is None:
        raise Http404
    context = {
        "page": page,
        "stale": stale,
        "is_told": bool(request.GET.get("saved")),
        "about": AboutForm(
            initial={"name": page.definition["name"], "description": page.definition.get("description", "")}
        ),
        "quorums": QUORUMS,
        "disciplines": DISCIPLINES,
        "functions": sorted({*settings_queries.functions().values(), *page.functions}) if page.draft else [],
    }
    return render_page(request, "dashboard/playbooks/editor.html", context, status=409 if stale else 200)


@administrators_only
@require_POST
def playbook_edit(request: SignedInRequest, slug: str) -> HttpResponse:
    """Begin a draft of the newest version."""
    if not Playbook.objects.filter(slug=slug).exists():
        raise Http404
    try:
        actions.start_draft(slug=slug, actor=request.user)
    except DomainError as error:
        return _gone(request, slug, error)
    return redirect(_editor_url(slug, request.POST.get("gate", "")[:64]))


@administrators_only
@require_http_methods(["GET", "POST"])
def playbook_about(request: SignedInRequest, slug: str) -> HttpResponse:
    """Name and description of a draft."""
    draft = get_object_or_404(PlaybookDraft, slug=slug)
    said = {"name": draft.definition["name"], "description": draft.definition.get("description", "")}
    form = AboutForm(request.POST or None, initial=said)
    if form.is_valid():
        definition = draft.definition | {name: " ".join(form.cleaned_data[name].split()) for name in said}
        try:
            actions.save_draft(slug=slug, revision=_revision(request), definition=definition, actor=request.user)
        except Conflict as error:
            form.add_error(None, f"{error.message} Look at it, then save again: what you typed is kept.")
            draft = get_object_or_404(PlaybookDraft, slug=slug)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(_editor_url(slug))
    context = {"form": form, "draft": draft, "slug": slug, "name": draft.definition["name"]}
    return render_page(request, "dashboard/playbooks/about.html", context, status=422 if form.is_bound else 200)


@administrators_only
@require_http_methods(["GET", "POST"])
def playbook_discard(request: SignedInRequest, slug: str) -> HttpResponse:
    """Throw the draft away, after a look at what would be lost."""
    draft = get_object_or_404(PlaybookDraft.objects.select_related("based_on", "saved_by"), slug=slug)
    if request.method == "POST":
        try:
            actions.discard_draft(slug=slug, revision=_revision(request), actor=request.user)
        except DomainError as error:
            return _gone(request, slug, error)
        messages.success(request, f"The draft of {draft.definition['name']} is discarded.")
        return redirect("settings-playbook", slug=slug) if draft.based_on_id else redirect("settings-playbooks")
    base = draft.based_on.definition if draft.based_on else {"name": draft.definition["name"], "gates": []}
    context = {
        "draft": draft,
        "slug": slug,
        "name": draft.definition["name"],
        "changes": changes(base, draft.definition),
    }
    return render_page(request, "dashboard/playbooks/discard.html", context)


@administrators_only
@require_POST
def playbook_rebase(request: SignedInRequest, slug: str) -> HttpResponse:
    """Put the draft on top of a version that was loaded meanwhile."""
    get_object_or_404(PlaybookDraft, slug=slug)
    try:
        actions.rebase_draft(slug=slug, revision=_revision(request), actor=request.user)
    except DomainError as error:
        return _gone(request, slug, error)
    messages.success(request, "The changes are shown against the newest version now.")
    return redirect(_editor_url(slug))


# --- Publishing -----------------------------------------------------------------------------------------------------


@administrators_only
@require_http_methods(["GET", "POST"])
def playbook_publish(request: SignedInRequest, slug: str) -> HttpResponse:
    """What would be published, with a note, and then the next version."""
    draft = get_object_or_404(PlaybookDraft, slug=slug)
    form = PublishForm(request.POST or None)
    if form.is_valid():
        try:
            done = actions.publish_playbook(
                slug=slug, revision=_revision(request), note=form.cleaned_data["note"], actor=request.user
            )
        except Conflict as error:
            return _gone(request, slug, error)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"Version {done.version} of {done.name} is published. New releases use it.")
            return redirect("settings-playbook", slug=slug)
    page = queries.editor_page(slug, the_draft(slug), "", day_of(timezone.now()))
    if page is None:
        raise Http404
    context = {"form": form, "page": page, "draft": draft}
    return render_page(request, "dashboard/playbooks/publish.html", context, status=422 if form.is_bound else 200)


# --- YAML -----------------------------------------------------------------------------------------------------------


@administrators_only
@require_http_methods(["GET", "POST"])
def playbook_import(request: SignedInRequest, slug: str) -> HttpResponse:
    """YAML as the draft: first what it would change, then the deed."""
    draft, newest = the_draft(slug), actions.newest_version(slug)
    if (draft is None and newest is None) or (newest is not None and newest.kind != "gates"):
        raise Http404
    form = YamlForm(request.POST or None, request.FILES or None)
    preview = None
    name = draft.definition["name"] if draft else newest.name if newest else slug
    if form.is_valid():
        text = form.cleaned_data["text"]
        try:
            spec = actions.read_import(text, slug)
            base = newest.definition if newest else {"name": spec.name, "gates": []}
            preview = {"text": text, "changes": changes(base, spec.as_data())}
            if "confirm" in request.POST:
                actions.import_draft(text=text, slug=slug, revision=_revision(request), actor=request.user)
                messages.success(request, f"The draft of {name} says what the file says.")
                return redirect(_editor_url(slug))
        except Conflict as error:
            return _gone(request, slug, error)
        except DomainError as error:
            apply_problems(form, error)
            preview = None
    if preview is None and form.is_bound and form.cleaned_data.get("text"):
        form.data = request.POST | {"text": form.cleaned_data["text"]}  # a file's text comes back to be mended here
    context = {"form": form, "preview": preview, "draft": draft, "newest": newest, "slug": slug, "name": name}
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "dashboard/playbooks/import.html", context, status=status)


def _yaml(name: str, text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.yaml"'
    return response


@administrators_only
@require_GET
def playbook_export(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    """A version as YAML; importing it gives the same."""
    found = the_version(slug, version)
    return _yaml(f"{slug}-v{version}", write_playbook_text(found.definition, f"{found.name}, version {version}"))


@administrators_only
@require_GET
def playbook_export_draft(request: SignedInRequest, slug: str) -> HttpResponse:
    """The draft as YAML, as it stands."""
    draft = get_object_or_404(PlaybookDraft, slug=slug)
    return _yaml(f"{slug}-draft", write_playbook_text(draft.definition, f"{draft.definition['name']}, draft"))


# --- Versions -------------------------------------------------------------------------------------------------------


@administrators_only
@require_GET
def playbook_versions(request: SignedInRequest, slug: str) -> HttpResponse:
    """Every version, who published it and why."""
    page = Paginator(queries.versions_of(slug), PER_PAGE).get_page(request.GET.get("page", "1"))
    draft = the_draft(slug)
    if not page.object_list and draft is None:
        raise Http404
    name = page.object_list[0].name if page.object_list else draft.definition["name"] if draft else slug
    context = {"page": page, "draft": draft, "slug": slug, "name": name}
    return render_page(request, "dashboard/playbooks/versions.html", context)


@administrators_only
@require_GET
def playbook_version(request: SignedInRequest, slug: str, version: int) -> HttpResponse:
    """One version to read: all of its gates."""
    found = the_version(slug, version)
    before = Playbook.objects.filter(slug=slug, version__lt=version).order_by("-version").first()
    gates = [(gate, due_words(gate)) for gate in found.definition["gates"]]
    context = {
        "version": found,
        "before": before,
        "gates": gates,
        "changes": changes(before.definition, found.definition) if before else [],
        "used": queries.versions_of(slug).get(pk=found.pk).used,
    }
    return render_page(request, "dashboard/playbooks/version.html", context)


@administrators_only
@require_GET
def playbook_compare(request: SignedInRequest, slug: str) -> HttpResponse:
    """What differs between two versions, or a version and the draft."""
    numbers = list(
        Playbook.objects.filter(slug=slug, kind="gates").order_by("-version").values_list("version", flat=True)[:200]
    )
    draft = the_draft(slug)
    if not numbers:
        raise Http404

    def chosen(name: str, default: str) -> str:
        value = request.GET.get(name, default)
        return value if value in (*map(str, numbers), *(["draft"] if draft else [])) else default

    after = chosen("to", "draft" if draft else str(numbers[0]))
    before = chosen("from", str(numbers[0] if after == "draft" else numbers[min(1, len(numbers) - 1)]))

    def definition(which: str) -> Mapping[str, Any]:
        return draft.definition if which == "draft" and draft else the_version(slug, int(which)).definition

    found = changes(definition(before), definition(after))
    context = {
        "slug": slug,
        "name": definition(after)["name"],
        "numbers": numbers,
        "draft": draft,
        "before": before,
        "after": after,
        "changes": found,
        "count": counted(len(found), "change"),
    }
    return render_page(request, "dashboard/playbooks/compare.html", context)
