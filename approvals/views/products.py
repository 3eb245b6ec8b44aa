"""Products: the list, one product, its words, its people."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.actions.seats import grant_seat, prepare_seats, revoke_seat
from approvals.forms.people import suggestions, words_for
from approvals.forms.products import (
    GIVEN_BY_MANAGERS,
    PERMISSION_WORDS,
    PermissionBackForm,
    PermissionForm,
    ProductChangeForm,
    ProductForm,
    SeatBackForm,
    SeatForm,
)
from approvals.pages import products as pages
from approvals.pages.rows import release_rows
from approvals.views.access import may_manage, page_number, the_product, today
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import Conflict, DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, refusal, render_page
from releases.actions.products import (
    change_product,
    create_product,
    grant_product_permission,
    revoke_product_permission,
)
from releases.models import Product, ProductLine
from releases.permissions import is_administrator

PER_PAGE = 50
SHOWN = ("open", "released", "cancelled", "all")


@login_required
@require_GET
def product_list(request: SignedInRequest) -> HttpResponse:
    """All products somebody may see; line and text in the address."""
    line, text = request.GET.get("line", ""), request.GET.get("q", "").strip()[:200]
    page = Paginator(pages.products_for(request.user, line=line, text=text), PER_PAGE).get_page(page_number(request))
    lines = list(ProductLine.objects.order_by("name"))
    context = {
        "page": page,
        "rows": pages.product_rows(page.object_list, today()),
        "lines": lines,
        "line": next((one for one in lines if one.slug == line), None),
        "is_filtered": bool(line or text),
        "text": text,
        "may_add": is_administrator(request.user) or request.user.has_perm("releases.add_product"),
    }
    return render_page(request, "products/list.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def product_new(request: SignedInRequest) -> HttpResponse:
    """A new product."""
    if not (is_administrator(request.user) or request.user.has_perm("releases.add_product")):
        error = NotAllowed("no_add_product", "You may not add products. An administrator can give you the right.")
        return refusal(request, error, back_url=reverse("products"), back_words="To the products")
    form = ProductForm(request.POST or None, initial={"owner": request.user})
    if form.is_valid():
        try:
            product = create_product(actor=request.user, **form.cleaned_data)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{product} is added. Now give its seats to people.")
            return redirect("product-seats", product=product.slug)
    status = 422 if form.is_bound else 200
    context = {"form": form, "has_lines": ProductLine.objects.exists()}
    return render_page(request, "products/new.html", context, status=status)


@login_required
@require_GET
def product_page(request: SignedInRequest, product: str) -> HttpResponse:
    """One product: figures, open releases, the latest ones that are out."""
    found = the_product(request.user, product)
    counts = pages.release_counts(found)
    on = today()
    context = _header(request, found, "overview", counts["all"]) | {
        "figures": pages.product_figures(found),
        "counts": counts,
        "open_rows": release_rows(pages.releases_of(found, "open")[:20], on),
        "released_rows": release_rows(pages.releases_of(found, "released")[:8], on),
    }
    return render_page(request, "products/product.html", context)


@login_required
@require_GET
def product_releases(request: SignedInRequest, product: str) -> HttpResponse:
    """All releases of a product, paged."""
    found = the_product(request.user, product)
    counts = pages.release_counts(found)
    show = request.GET.get("show", "")
    show = show if show in SHOWN else "all"
    page = Paginator(pages.releases_of(found, show), PER_PAGE).get_page(page_number(request))
    context = _header(request, found, "releases", counts["all"]) | {
        "counts": counts,
        "show": show,
        "page": page,
        "rows": release_rows(page.object_list, today()),
    }
    return render_page(request, "products/releases.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def product_edit(request: SignedInRequest, product: str) -> HttpResponse:
    """A product's words, owner and restriction."""
    found = the_product(request.user, product)
    if not may_manage(request.user, found):
        error = NotAllowed("not_manager", f"Only a product manager of {found} or an administrator may change it.")
        return refusal(request, error, back_url=_product_url(found), back_words=f"To {found}")
    form = ProductChangeForm(request.POST or None, product=found, is_administrator=is_administrator(request.user))
    if form.is_valid():
        try:
            change_product(product=found, actor=request.user, **form.cleaned_data)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("product", product=found.slug)
    context = {"form": form, "product": found}
    return render_page(request, "products/edit.html", context, status=422 if form.is_bound else 200)


# --- People -------------------------------------------------------------------------------------------------------


@login_required
@require_GET
def product_seats(request: SignedInRequest, product: str) -> HttpResponse:
    """Who decides at which gate of a product, and who may do what on it."""
    return _people(request, the_product(request.user, product))


def _people(
    request: SignedInRequest,
    product: Product,
    *,
    seat_form: SeatForm | None = None,
    permission_form: PermissionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The people page; a form that was refused comes back open, with what was typed."""
    administers = is_administrator(request.user)
    manages = administers or may_manage(request.user, product)
    gates = pages.product_seats(product)
    grants = pages.product_grants(product)
    seat_role = seat_form["role"].value() if seat_form else ""
    refused_permission = permission_form["permission"].value() if permission_form else ""
    context = _header(request, product, "people", pages.release_counts(product)["all"]) | {
        "gates": [
            {
                "gate": gate,
                "rows": [
                    {
                        "seat": seat,
                        "form": seat_form
                        if seat_form and seat_role == str(seat.role.pk)
                        else SeatForm(product=product, initial={"role": seat.role.pk}, auto_id=f"s{seat.role.pk}-%s"),
                        "is_open": bool(seat_form) and seat_role == str(seat.role.pk),
                    }
                    for seat in gate.seats
                ],
            }
            for gate in gates
        ],
        "unheld": sum(gate.hints for gate in gates),
        "permissions": [
            {
                "name": name,
                "words": words[0],
                "note": words[1],
                "holders": grants[name],
                "may_give": administers or (manages and name in GIVEN_BY_MANAGERS),
                "form": permission_form
                if permission_form and refused_permission == name
                else PermissionForm(initial={"permission": name}, auto_id=f"p-{name}-%s"),
                "is_open": bool(permission_form) and refused_permission == name,
            }
            for name, words in PERMISSION_WORDS.items()
        ],
        "refused": seat_form or permission_form,
        "is_administrator": administers,
        "playbooks": pages.latest_playbooks() if administers and not gates else [],
    }
    return render_page(request, "products/people.html", context, status=status)


@login_required
@require_POST
def seats_prepare(request: SignedInRequest, product: str) -> HttpResponse:
    """Make the seats of a playbook before the first release runs."""
    found = the_product(request.user, product)
    playbook = next((one for one in pages.latest_playbooks() if str(one.pk) == request.POST.get("playbook")), None)
    if playbook is None:
        messages.error(request, "Choose a playbook.")
        return redirect("product-seats", product=found.slug)
    try:
        count = prepare_seats(product=found, playbook=playbook, actor=request.user)
    except DomainError as error:
        return _refused(request, found, error)
    messages.success(request, f"{count} seats are there, with the people of {found.line} where the line has defaults.")
    return redirect("product-seats", product=found.slug)


@login_required
@require_POST
def seat_grant(request: SignedInRequest, product: str) -> HttpResponse:
    """Give a seat to a person or a group."""
    found = the_product(request.user, product)
    form = SeatForm(request.POST, product=found, auto_id=f"s{request.POST.get('role', '')}-%s")
    if form.is_valid():
        role, holder = form.cleaned_data["role"], form.cleaned_data["holder"]
        try:
            grant_seat(role_id=role.pk, holder=holder, actor=request.user)
        except NotAllowed as error:
            return _refused(request, found, error)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{holder} now decides as {role}.")
            return redirect(f"{_seats_url(found)}#seat-{role.pk}")
    return _people(request, found, seat_form=form, status=422)


@login_required
@require_POST
def seat_revoke(request: SignedInRequest, product: str) -> HttpResponse:
    """Take a seat from a person or a group."""
    found = the_product(request.user, product)
    form = SeatBackForm(request.POST, product=found)
    if not form.is_valid():
        messages.error(request, "This seat or its holder is not there any more.")
        return redirect("product-seats", product=found.slug)
    role, holder = form.cleaned_data["role"], form.cleaned_data["holder"]
    try:
        revoke_seat(role_id=role.pk, holder=holder, actor=request.user, is_confirmed=request.POST.get("sure") == "yes")
    except Conflict as error:
        context = {
            "error": error,
            "heading": f"Take the seat of {role} from {holder}?",
            "action": reverse("seat-revoke", args=[found.slug]),
            "fields": [("role", role.pk), ("holder", words_for(holder))],
            "button": f"Take the seat from {holder}",
            "keep": "Keep the seat",
            "back_url": _seats_url(found),
        }
        return render_page(request, "errors/strand.html", context, status=error.status)
    except DomainError as error:
        return _refused(request, found, error)
    messages.success(request, f"{holder} does not decide as {role} any more.")
    return redirect(f"{_seats_url(found)}#seat-{role.pk}")


@login_required
@require_POST
def permission_grant(request: SignedInRequest, product: str) -> HttpResponse:
    """Give a permission on the product to a person or a group."""
    found = the_product(request.user, product)
    form = PermissionForm(request.POST, auto_id=f"p-{request.POST.get('permission', '')}-%s")
    if form.is_valid():
        name, holder = form.cleaned_data["permission"], form.cleaned_data["holder"]
        try:
            grant_product_permission(product=found, codename=name, holder=holder, actor=request.user)
        except NotAllowed as error:
            return _refused(request, found, error)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{holder}: {PERMISSION_WORDS[name][0].lower()} is given.")
            return redirect(f"{_seats_url(found)}#permission-{name}")
    return _people(request, found, permission_form=form, status=422)


@login_required
@require_POST
def permission_revoke(request: SignedInRequest, product: str) -> HttpResponse:
    """Take a permission on the product back."""
    found = the_product(request.user, product)
    form = PermissionBackForm(request.POST)
    if not form.is_valid():
        messages.error(request, "This permission or its holder is not there any more.")
        return redirect("product-seats", product=found.slug)
    name, holder = form.cleaned_data["permission"], form.cleaned_data["holder"]
    try:
        revoke_product_permission(product=found, codename=name, holder=holder, actor=request.user)
    except DomainError as error:
        return _refused(request, found, error)
    messages.success(request, f"{holder}: {PERMISSION_WORDS[name][0].lower()} is taken back.")
    return redirect(f"{_seats_url(found)}#permission-{name}")


@login_required
@require_GET
def holder_options(request: SignedInRequest) -> HttpResponse:
    """Suggestions for a field that names a person (`for=person`) or a person or group (`for=holder`)."""
    typed = next((str(value) for key, value in request.GET.items() if key != "for"), "")[:100]
    options = suggestions(typed, with_groups=request.GET.get("for") == "holder")
    return render(request, "components/_options.html", {"options": options})


# --- Shared -------------------------------------------------------------------------------------------------------


def _header(request: SignedInRequest, product: Product, tab: str, releases: int) -> dict[str, object]:
    """What the head of each of a product's pages shows."""
    return {
        "product": product,
        "tab": tab,
        "release_count": releases,
        "may_manage": may_manage(request.user, product),
    }


def _product_url(product: Product) -> str:
    return reverse("product", args=[product.slug])


def _seats_url(product: Product) -> str:
    return reverse("product-seats", args=[product.slug])


def _refused(request: SignedInRequest, product: Product, error: DomainError) -> HttpResponse:
    return refusal(request, error, back_url=_seats_url(product), back_words=f"To the people of {product}")
