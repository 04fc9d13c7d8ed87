"""Read all closed receipts of some days, or say that Poster has not shown them whole.

The way is that of the facts of the account: forward behind the greatest number, backward behind the smallest,
or day by day. What is unknown is doubted: a page proves nothing but its own receipts, and what is not whole
is an error.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import Literal

from django.utils import timezone

from groups.models import PosterCredentials
from groups.poster import NotAllowed, Receipt, ReceiptPage, ReceiptsOf
from groups.services.due import Later
from groups.services.facts import UNKNOWN, facts_of
from groups.services.gateway import call_poster, seconds_left
from groups.services.jobs.lease import stopping

log = logging.getLogger("groups.jobs")

DAY = timedelta(days=1)
FULL = 100
"""Rows of a page, as far as that is known: a page with so many may not be the only one."""
SLOW, PAUSE = 1.0, 0.2
"""Seconds from which on a call was slow, and for which Poster is left alone then."""


class NotWhole(Later):
    """Poster has not shown everything, so nothing is stored."""

    def __init__(self, why: str) -> None:
        super().__init__()
        log.info("What Poster has shown is not whole: %s", why)


class Contradiction(NotWhole):
    """Poster does something else than a stored fact says."""


class NeverWhole(NotWhole):
    """Poster has no way to show all receipts of a day."""


class ReceiptReading:
    """Reads all closed receipts of some days on the site's clock, or those `of` somebody, each once.

    Poster's days of business are not the site's, so a day more is requested on both sides, and each receipt
    counts for the day on which it was closed. `doubtful` are the days of which a receipt could not be read,
    and `is_contradicted` says that the order of receipts is not the one that is known.
    """

    def __init__(
        self,
        credentials: PosterCredentials,
        first: date,
        last: date,
        *,
        longest: float,
        of: ReceiptsOf | None = None,
        renew: Callable[[], object] = lambda: None,
    ) -> None:
        self.doubtful: set[date] = set()
        self.is_contradicted = False
        self._credentials, self._first, self._last = credentials, first, last
        self._of, self._renew, self._longest = of, renew, longest
        self._known: set[int] = set()
        self._until = time.monotonic() + longest
        self._begun: list[Receipt] = []
        self._facts = facts_of(credentials)
        self._bonus_is_money = self._facts.value("receipts.bonus") == "money"
        page = self._facts.value("receipts.page")
        self._full = FULL if page == UNKNOWN else int(page)
        self._after: int | None = None
        self._pages: Callable[[], Iterator[list[Receipt]]] = self._forward

    def begin(self) -> bool:
        """Read the first page; return False if Poster has refused that twice, since once may be a mistake.

        Raises `NotWhole` if nothing shows how the list can be completed.
        """
        for is_last in (False, True):
            try:
                self._begun = self._new_of(self._ask(None)) or self._new_of(self._ask(None))
                break
            except NotAllowed:
                if is_last:
                    return False
        numbers = [receipt.id for receipt in self._begun]
        rises = numbers == sorted(numbers)
        order, cursor = (self._facts.value(f"receipts.{name}") for name in ("order", "cursor"))
        falls = numbers == sorted(numbers, reverse=True)
        self.is_contradicted = not {"ascending": rises, "descending": falls}.get(order, True)
        match order, cursor:
            case ("ascending", "after") | ("ascending" | "unknown", "unknown" | "after") if rises:
                return True
            case "descending", "before":
                self._pages = self._backward
                return True
            case "unknown", _:
                self._doubt(numbers)
                return True
            case _ if 0 < len(numbers) < self._full and self._facts.value("receipts.page") != UNKNOWN:
                self._pages = lambda: iter([self._begun])
            case _, "after" if self._facts.value("receipts.days") == "hold":
                self._after = 1
            case _:
                self._pages = self._by_days
        return True

    def _doubt(self, numbers: list[int]) -> None:
        """Raise `NotWhole` unless a page that does not ascend, of a list of which little is known, is all."""
        if len(numbers) >= self._full:
            raise NotWhole("the first page is full, and its receipts do not ascend")
        # It should be the only one: from the beginning on, Poster shows no earlier ones of these days.
        earlier = [each for each in self._ask(1).receipts if each.id < max(numbers, default=0)]
        closed = [timezone.localdate(each.closed_at) for each in earlier if each.closed_at]
        days_hold = min(closed, default=self._first) >= self._first - 2 * DAY
        if days_hold and any(each.id not in self._known for each in earlier):
            raise NotWhole("the first page lacks earlier receipts")

    def read(self) -> Iterator[tuple[date, Receipt]]:
        """Yield the receipts with their days. Raises `NotWhole`, as soon as that shows."""
        self._until = time.monotonic() + self._longest
        for receipts in self._pages():
            for receipt in receipts:
                day = timezone.localdate(receipt.closed_at) if receipt.closed_at else None
                if day is None or not self._first <= day <= self._last:
                    continue
                if receipt.problem:
                    self.doubtful.add(day)
                else:
                    yield day, receipt

    def _forward(self) -> Iterator[list[Receipt]]:
        """Go on behind the greatest number, until a page without new receipts was seen twice."""
        new, ends = self._begun, 0
        failure = NotWhole if self._facts.value("receipts.cursor") == UNKNOWN else Contradiction
        after = self._after or max(self._known, default=None)
        while ends < 2:
            yield new
            page = self._ask(after)
            new = self._new_of(page)
            numbers = [receipt.id for receipt in new]
            if numbers != sorted(numbers):
                raise failure("the receipts of a page do not ascend")
            behind = [each.id for each in page.receipts if after is None or each.id > after]
            if page.receipts and not behind:
                raise failure("the cursor is ignored")
            ends = 0 if behind else ends + 1
            after = max(behind, default=after)

    def _backward(self) -> Iterator[list[Receipt]]:
        """Go on behind the smallest number, until a page of earlier days, or one without new ones twice."""
        new, ends = self._begun, 0
        while ends < 2:
            yield new
            days = [timezone.localdate(each.closed_at) for each in new if each.closed_at]
            if days and max(days) < self._first - 2 * DAY:
                return
            before = min(self._known, default=None)
            page = self._ask(before)
            new = self._new_of(page)
            if any(before is not None and each.id > before for each in page.receipts):
                raise Contradiction("the receipts behind a cursor do not descend")
            ends = 0 if new else ends + 1

    def _by_days(self) -> Iterator[list[Receipt]]:
        """Read each of Poster's days alone; a day that fills a page by places, or by waiters."""
        yield self._begun
        page = self._facts.value("receipts.page")
        # Where the size of a page is not known, none is as long as the longest of all.
        full = max(1, len(self._begun)) if page == UNKNOWN else self._full
        places = {each.spot_id for each in self._begun}
        waiters = {each.waiter_id for each in self._begun}
        for number in range((self._last - self._first).days + 3):
            day = self._first + (number - 1) * DAY
            found = self._ask(None, day=day).receipts
            yield self._new_of(ReceiptPage(found))
            if len(found) < full:
                continue
            if self._of:
                raise NeverWhole("a day of somebody fills a page")
            places |= {each.spot_id for each in found}
            waiters |= {each.waiter_id for each in found}
            splits: tuple[tuple[Literal["spots", "waiters"], set[int]], ...] = (
                ("spots", places),
                ("waiters", waiters),
            )
            for kind, ids in splits:
                parts = [self._ask(None, day=day, of=(kind, each)).receipts for each in sorted(ids - {0})]
                if any(len(part) >= full for part in parts):
                    # Those of one place are all of its waiters that a page shows, so ask for these too.
                    waiters |= {each.waiter_id for part in parts for each in part}
                    continue
                whole = {each.id: each for part in parts for each in part}
                if all(each.id in whole for each in found) and self._has_all_sales(day, whole.values()):
                    yield self._new_of(ReceiptPage(tuple(whole.values())))
                    break
            else:
                raise NeverWhole("a day fills a page, and so does a part of it")

    def _has_all_sales(self, day: date, receipts: Iterable[Receipt]) -> bool:
        """Return True if each client has as many receipts as the sales of the day count.

        Places and waiters are those of receipts that were seen, so nothing else shows that all were.
        """
        within = seconds_left(self._until, "dash.getClientsSales")
        sales = call_poster(
            self._credentials,
            lambda poster: poster.get_clients_sales(day, day, within=within),
            of_statistics=True,
        )
        counts = Counter(each.client_id for each in receipts)
        cut = sales.may_be_cut or sales.unreadable or sales.lost or self._facts.value("sales.size") == "cut"
        return not cut and all(counts[each.id] >= each.receipts for each in sales.sales)

    def _ask(
        self, after: int | None, *, day: date | None = None, of: ReceiptsOf | None = None
    ) -> ReceiptPage:
        within, began = seconds_left(self._until, "dash.getTransactions"), time.monotonic()
        first, last = (day, day) if day else (self._first - DAY, self._last + DAY)
        page = call_poster(
            self._credentials,
            lambda poster: poster.get_receipts(
                first,
                last,
                after=after,
                of=of or self._of,
                bonus_is_money=self._bonus_is_money,
                within=within,
            ),
            of_statistics=True,
        )
        self._renew()
        if time.monotonic() - began > SLOW:
            stopping.wait(PAUSE)
        return page

    def _new_of(self, page: ReceiptPage) -> list[Receipt]:
        new = []
        for receipt in page.receipts:
            if receipt.problem and not (receipt.id and receipt.closed_at):
                raise NotWhole("a receipt could not be read")
            if receipt.id not in self._known:
                self._known.add(receipt.id)
                new.append(receipt)
        return new
