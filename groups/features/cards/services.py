"""Count the uses of cards at the nightly run of the figures, and find those on many receipts.

What is found is evidence, never a verdict: a notice says only that there is something to look at. Ids alone
are kept; names and receipts are read from Poster while somebody opens them.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

from django.contrib.auth.models import User
from django.db.models import Count, Max, Min, Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext

from groups.features.cards.models import KEPT, VIEW_CARDS, Bounds, CardUse, Finding, SharedCard, first_day
from groups.features.figures.models import DAY
from groups.features.figures.services.nightly import BATCH, receipt_readers
from groups.features.insights.services.sales import rounded
from groups.models import PosterAccount, PosterCredentials
from groups.poster import PosterClient, PosterError, Receipt
from groups.services.clients import SECONDS_FOR_NAMES
from groups.services.events import Event, event_source
from groups.services.gateway import call_poster, seconds_left
from groups.services.installation.maintenance import prune
from groups.services.receipts import ReceiptReading

Rule = Finding.Rule
SHARED_DAYS, SHARED_WAITERS = 20, 3
"""Days and waiters from which on a card seems meant to be shared."""
SECONDS_FOR_RECEIPTS = 12.0


@prune("uses of cards")
def forget_old() -> int:
    first = first_day()
    ended = SharedCard.objects.filter(ended_at__lt=timezone.now() - timedelta(days=KEPT))
    rows = (CardUse.objects.filter(day__lt=first), Finding.objects.filter(day__lt=first), ended)
    return sum(each.delete()[0] for each in rows)


# --- The nightly run ---------------------------------------------------------------------------------------


class CardReader:
    """Counts the receipts of a run by day, client and waiter, and judges each of the days."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._uses: defaultdict[date, dict[tuple[int, int], CardUse]] = defaultdict(dict)

    def add(self, day: date, receipt: Receipt) -> None:
        ids = receipt.client_id, receipt.waiter_id
        if (use := self._uses[day].get(ids)) is None:
            use = CardUse(account_id=self._account_id, day=day, client_id=ids[0], waiter_id=ids[1])
            self._uses[day][ids] = use
        use.receipts += 1
        use.given = _sum(use.given, receipt.given)
        if receipt.is_in_cash:
            use.in_cash += 1
            use.given_in_cash = _sum(use.given_in_cash, receipt.given)

    def store(self, doubtful: Collection[date]) -> None:
        bounds = Bounds.of(self._account_id)
        shared = SharedCard.objects.filter(account=self._account_id, ended_at=None)
        uses = CardUse.objects.filter(account=self._account_id, client_id__gt=0)
        uses = uses.exclude(client_id__in=shared.values("client_id"))
        now = timezone.now()  # of all that one run finds, as one event
        for day in sorted(self._uses.keys() - set(doubtful)):
            CardUse.objects.bulk_create(self._uses[day].values(), batch_size=BATCH, ignore_conflicts=True)
            # The rules are of the day, and of the days before it.
            lately = uses.filter(day__range=(day - (KEPT - 1) * DAY, day), waiter_id__gt=0)
            for rule, number, given, most, rows in (
                (Rule.DAY, "receipts", "given", bounds.most_a_day, uses.filter(day=day).values("client_id")),
                (
                    Rule.WAITER,
                    "in_cash",
                    "given_in_cash",
                    bounds.most_a_waiter,
                    lately.filter(in_cash__gt=0).values("client_id", "waiter_id"),
                ),
            ):
                counted = rows.annotate(
                    found=Sum(number),
                    gave=Sum(given),
                    unknown=Count("pk", filter=Q(**{given: None})),
                    since=Min("day"),
                    until=Max("day"),
                    least=Min("waiter_id"),
                    greatest=Max("waiter_id"),
                )
                for row in counted.filter(found__gte=most):
                    waiter_id = row["least"] if row["least"] == row["greatest"] else 0
                    kept = {"since": row["since"], "day": row["until"], "receipts": row["found"]}
                    kept["given"] = None if row["unknown"] else rounded(row["gave"])
                    Finding.objects.update_or_create(
                        account_id=self._account_id,
                        client_id=row["client_id"],
                        rule=rule,
                        **({"day": day} if rule == Rule.DAY else {"waiter_id": waiter_id}),
                        defaults=kept,
                        create_defaults=kept | {"waiter_id": waiter_id, "found_at": now},
                    )


def _sum(before: Decimal | None, amount: Decimal | None) -> Decimal | None:
    return None if before is None or amount is None else before + amount


receipt_readers.append(CardReader)


@event_source("cards", gettext_lazy("A card is on many receipts"), order=2)
def find_findings(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield each run that has found something new, for those who may see it."""
    new = Finding.objects.open(account.pk).filter(found_at__gt=since).order_by()
    for row in new.values("found_at").annotate(findings=Count("pk")):
        key = f"cards {account.pk} {row['found_at'].isoformat()}"
        words = partial(finding_words, row["findings"])
        may_see = partial(User.has_perm, perm=VIEW_CARDS)
        yield Event(key, row["found_at"], reverse("groups:cards"), words, may_see)


def finding_words(findings: int) -> str:
    text = ngettext(
        "One card, many receipts: there is %(count)s thing to look at.",
        "One card, many receipts: there are %(count)s things to look at.",
        findings,
    )
    return text % {"count": findings}


# --- What a page says --------------------------------------------------------------------------------------


def shares_of(uses: QuerySet[CardUse]) -> dict[int, tuple[int, int]]:
    """Return of each waiter the percent of receipts that carry a card, and that of all the others."""
    counted = uses.values("waiter_id").annotate(
        all=Sum("receipts"), carry=Sum("receipts", filter=Q(client_id__gt=0), default=0)
    )
    found = {row["waiter_id"]: (row["carry"], row["all"]) for row in counted}
    carry, total = (sum(each) for each in zip(*found.values(), strict=True)) if found else (0, 0)
    return {
        waiter_id: (round(100 * own / of_own), round(100 * (carry - own) / (total - of_own)))
        for waiter_id, (own, of_own) in found.items()
        if total > of_own
    }


def days_of(uses: QuerySet[CardUse], findings: Iterable[Finding]) -> dict[int, list[tuple[date, int]]]:
    """Return for each finding about several days these days, each with its receipts."""
    about = [each for each in findings if each.rule != Rule.DAY]
    rows = uses.filter(client_id__in={each.client_id for each in about}, waiter_id__gt=0)
    days: defaultdict[tuple[int, int], list[tuple[date, int]]] = defaultdict(list)
    for use in rows.filter(in_cash__gt=0).order_by("day"):
        days[use.client_id, use.waiter_id].append((use.day, use.in_cash))
    return {each.pk: days[each.client_id, each.waiter_id] for each in about}


def days_with(uses: QuerySet[CardUse], findings: Iterable[Finding]) -> dict[int, tuple[int, int]]:
    """Return for each finding about one waiter the days of the waiter, and those of the card among them."""
    about = [each for each in findings if each.rule == Rule.WAITER]
    of_waiters = uses.filter(waiter_id__in={each.waiter_id for each in about})
    worked = dict(of_waiters.values_list("waiter_id").annotate(Count("day", distinct=True)))
    seen = Counter(
        of_waiters.filter(client_id__in={each.client_id for each in about}).values_list(
            "client_id", "waiter_id"
        )
    )
    return {each.pk: (worked.get(each.waiter_id, 0), seen[each.client_id, each.waiter_id]) for each in about}


def seem_shared(uses: QuerySet[CardUse], client_ids: Collection[int]) -> set[int]:
    """Return those of the clients whose card was used on many days, by many waiters."""
    counted = (
        uses.filter(client_id__in=client_ids)
        .values("client_id")
        .annotate(days=Count("day", distinct=True), waiters=Count("waiter_id", distinct=True))
    )
    many = counted.filter(days__gte=SHARED_DAYS, waiters__gte=SHARED_WAITERS)
    return set(many.values_list("client_id", flat=True))


def find_waiters(credentials: PosterCredentials, findings: Iterable[Finding]) -> dict[int, str]:
    """Read the names of the waiters from receipts of theirs; a name is missing if that takes too long."""
    until, names = time.monotonic() + SECONDS_FOR_NAMES, dict[int, str]()
    for waiter_id, day in {each.waiter_id: each.day for each in findings if each.waiter_id}.items():
        with suppress(PosterError):
            ask = partial(
                PosterClient.get_receipts,
                first=day - DAY,
                last=day + DAY,
                of=("waiters", waiter_id),
                within=seconds_left(until, "dash.getTransactions"),
            )
            for receipt in call_poster(credentials, ask, of_statistics=True).receipts:
                if receipt.waiter_id == waiter_id:
                    names[waiter_id] = receipt.waiter_name
    return names


def read_receipts(credentials: PosterCredentials, finding: Finding) -> list[Receipt] | None:
    """Read the receipts of a finding, None without the right. Raises `PosterError`, and `NotWhole`."""
    reading = ReceiptReading(
        credentials,
        finding.since,
        finding.day,
        of=("clients", finding.client_id),
        longest=SECONDS_FOR_RECEIPTS,
    )
    if not reading.begin():
        return None
    found = []
    for _day, receipt in reading.read():
        counts = finding.rule == Rule.DAY or (receipt.is_in_cash and receipt.waiter_id == finding.waiter_id)
        if receipt.client_id == finding.client_id and counts:
            found.append(receipt)
    return sorted(found, key=lambda receipt: receipt.id)
