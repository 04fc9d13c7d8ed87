"""Show the cards on many receipts with the evidence; take bounds, and cards meant to be shared."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from groups import hooks
from groups.features.cards import services
from groups.features.cards.models import KEPT, VIEW_CARDS, Bounds, CardUse, Finding, SharedCard, first_day
from groups.features.elsewhere.models import WATCH_ACCOUNT
from groups.features.figures.services.nightly import tally_of
from groups.models import PosterCredentials
from groups.models.submissions import LONGEST_REASON
from groups.presenters.clients import ClientFilters
from groups.presenters.destinations import PAGE, pages_for
from groups.services.clients import find_clients
from groups.services.gateway import check_token
from groups.services.groups import known_groups
from groups.services.receipts import NotWhole
from groups.services.values import percent_words
from groups.spreadsheets import money, plain_csv
from groups.views.http import Request, file_response, form_methods, requires
from poster_admin.common.pages import htmx_target, render_page

CARDS = 50


class BoundsForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's takes no type arguments
    class Meta:
        model = Bounds
        fields = ("most_a_day", "most_a_waiter")
        labels: ClassVar = {
            "most_a_day": gettext_lazy("Receipts of one card on one day"),
            "most_a_waiter": gettext_lazy("Receipts of one card by one waiter in 30 days, all in cash"),
        }


class SharedCardForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Whose card is it, and why shared?"), max_length=LONGEST_REASON
    )


@sensitive_post_parameters("q")
@form_methods
@requires("view_cards")
def cards(request: Request) -> HttpResponse:
    """Show what was found, search it by POST, which keeps people out of addresses; take the bounds."""
    check_token(request.credentials)
    if "q" in request.POST:
        return _show_cards(request, filters=ClientFilters.parse({"q": request.POST["q"]}))
    bounds = Bounds.of(request.credentials.account_id)
    form = BoundsForm(request.POST if request.method == "POST" else None, instance=bounds)
    if form.is_valid():
        form.save()
        messages.success(request, _("The bounds are set. They count from the next nightly run."))
        return redirect("groups:cards")
    return _show_cards(request, form, status=422 if form.errors else 200)


@require_safe
@requires("view_cards")
def cards_file(request: Request) -> HttpResponse:
    """Save what was found, by ids alone."""
    credentials = request.credentials
    check_token(credentials)
    found = list(Finding.objects.open(credentials.account_id).dearest_first())
    days = services.days_with(_uses(credentials.account_id), found)
    header = ("card", "rule", "waiter", "day", "receipts", "given", "days_worked", "days_seen")
    lines = [
        (
            *(each.client_id, each.rule, each.waiter_id or "", each.day, each.receipts, money(each.given)),
            *days.get(each.pk, ("", "")),
        )
        for each in found
    ]
    name = f"cards-{credentials.account_id}-{timezone.localdate()}"
    return file_response(request, name, "csv", lambda: plain_csv(header, lines))


def _uses(account_id: str) -> QuerySet[CardUse]:
    return CardUse.objects.filter(account=account_id, day__gte=first_day())


def _show_cards(
    request: Request,
    form: BoundsForm | None = None,
    *,
    filters: ClientFilters | None = None,
    reason: SharedCardForm | None = None,
    of: int = 0,
    status: int = 200,
) -> HttpResponse:
    """Show the page, with the form that was wrong: the bounds, or the reason for the card `of` a client."""
    credentials, account_id = request.credentials, request.credentials.account_id
    form, filters = form or BoundsForm(instance=Bounds.of(account_id)), filters or ClientFilters()
    shared = sorted(SharedCard.objects.filter(account=account_id), key=lambda each: bool(each.ended_at))
    findings, uses = Finding.objects.open(account_id).dearest_first(), _uses(account_id)
    cards = list(dict.fromkeys(findings.values_list("client_id", flat=True)))
    page = Paginator(cards, CARDS).get_page(request.GET.get("page"))
    read = cards if filters.q else list(page)
    clients = find_clients(credentials, {*read, *(each.client_id for each in shared)})
    if filters.q:
        matching = [each for each in cards if (client := clients.get(each)) and filters.matches(client)]
        page = Paginator(matching, len(cards) or 1).get_page(1)
    client_ids = list(page)
    found = list(findings.filter(client_id__in=client_ids))
    with_waiter = services.days_with(uses, found)
    waiters, days = services.find_waiters(credentials, found), services.days_of(uses, found)
    shares, seem_shared = services.shares_of(uses) if found else {}, services.seem_shared(uses, client_ids)
    groups = known_groups(credentials) if found else None

    def show_client(client_id: int) -> dict[str, Any]:
        client = clients.get(client_id)
        group = groups.find(client.group_id) if groups and client else None
        percent = percent_words(client.effective_percent) if client else ""
        return {"client_id": client_id, "client": client, "group": group, "percent": percent}

    blocks = {
        client_id: show_client(client_id)
        | {
            "rows": [],
            "more": [],
            "looks_shared": client_id in seem_shared,
            "reason": reason if reason and client_id == of else SharedCardForm(auto_id=f"id_%s_{client_id}"),
            "is_open": reason is not None and client_id == of,
        }
        for client_id in client_ids
    }
    for each in found:
        block = blocks[each.client_id]
        # The places of its receipts among its days, in percent of the line; none for one day.
        within = [day for day, _receipts in days.get(each.pk, ()) if each.since <= day <= each.day]
        length = (each.day - each.since).days or 1
        row = {
            "finding": each,
            "waiter": waiters.get(each.waiter_id, ""),
            "days": with_waiter.get(each.pk),
            "share": shares.get(each.waiter_id) if each.waiter_id else None,
            "ticks": [round(100 * (day - each.since).days / length, 1) for day in within],
        }
        # The dearest one of each rule is seen at once.
        is_first = all(seen["finding"].rule != each.rule for seen in block["rows"])
        block["rows" if is_first else "more"].append(row)
    context: dict[str, Any] = {
        "page": page,
        "blocks": blocks.values(),
        "lacks_names": any(each not in clients for each in read),
        "filters": filters,
        "shared": [show_client(each.client_id) | {"card": each} for each in shared],
        "form": form,
        "reason": reason,
        "of": of,
        "tally": tally_of(credentials),
        "days_kept": KEPT,
        "may_switch": bool(settings.FIGURES_SECONDS) and request.user.has_perm(WATCH_ACCOUNT),
    }
    return render_page(request, "cards/cards.html", context, status=status)


@require_safe
@requires("view_cards")
def receipts(request: Request, finding_id: int) -> HttpResponse:
    """Show the receipts of a finding, read now: a page, or a part of the one with all findings."""
    credentials = request.credentials
    check_token(credentials)
    finding = get_object_or_404(Finding.objects.open(credentials.account_id), pk=finding_id)
    context: dict[str, Any] = {"finding": finding, "is_whole": True}
    try:
        context["receipts"] = services.read_receipts(credentials, finding)
    except NotWhole:
        context |= {"receipts": None, "is_whole": False}
    is_part = htmx_target(request) == f"receipts-{finding.pk}"
    return render(request, "cards/receipt_list.html" if is_part else "cards/receipts.html", context)


@require_POST
@requires("view_cards")
def exempt(request: Request, client_id: int) -> HttpResponse:
    """Say that a card is meant to be on many receipts, and why."""
    credentials = request.credentials
    check_token(credentials)
    form = SharedCardForm(request.POST)
    if not form.is_valid():
        return _show_cards(request, reason=form, of=client_id, status=422)
    SharedCard.objects.get_or_create(
        account=credentials.account,
        client_id=client_id,
        ended_at=None,
        defaults={"reason": form.cleaned_data["reason"], "set_by": request.user.get_username()},
    )
    messages.success(request, _("The card is shared, and no longer counts."))
    return redirect("groups:cards")


@require_POST
@requires("view_cards")
def count(request: Request, client_id: int) -> HttpResponse:
    credentials = request.credentials
    check_token(credentials)
    shared = SharedCard.objects.filter(account=credentials.account_id, client_id=client_id, ended_at=None)
    if shared.update(ended_by=request.user.get_username(), ended_at=timezone.now()):
        messages.success(request, _("The card counts again."))
    return redirect("groups:cards")


@hooks.part("account.watch", "cards/watch.html", order=2)
def words_for_watch(_request: HttpRequest, _credentials: PosterCredentials) -> dict[str, Any] | None:
    return {"days_kept": KEPT} if settings.FIGURES_SECONDS else None


@hooks.part("clients.head", "cards/link.html")
def link_to_cards(request: HttpRequest) -> dict[str, Any] | None:
    return {} if request.user.has_perm(VIEW_CARDS) else None


hooks.section("cards", "clients")
hooks.destinations(
    pages_for((VIEW_CARDS, gettext_lazy("One card, many receipts"), "groups:cards", PAGE)), order=2
)
hooks.form_addresses("card_exempt", "card_count", "cards_export")

urlpatterns = [
    path("cards/", cards, name="cards"),
    path("cards.csv", cards_file, name="cards_export"),
    path("cards/receipts/<group:finding_id>/", receipts, name="card_receipts"),
    path("cards/<group:client_id>/exempt/", exempt, name="card_exempt"),
    path("cards/<group:client_id>/count/", count, name="card_count"),
]
