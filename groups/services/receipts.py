"""Read all closed receipts of some days, or say that Poster has not shown them whole.

Poster's list of receipts is doubted: neither the size of a page, nor its order, nor whether its days hold is
certain. So a page proves nothing but its own receipts, and what is not whole is an error.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from django.utils import timezone

from groups.models import PosterCredentials
from groups.poster import NotAllowed, Receipt, ReceiptPage, ReceiptsOf
from groups.services.due import Later
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


class ReceiptReading:
    """Reads all closed receipts of some days on the site's clock, or those `of` somebody, each once.

    Poster's days of business are not the site's, so a day more is requested on both sides, and each receipt
    counts for the day on which it was closed. `doubtful` are the days of which a receipt could not be read.
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
        self._credentials, self._first, self._last = credentials, first, last
        self._of, self._renew, self._longest = of, renew, longest
        self._known: set[int] = set()
        self._until = time.monotonic() + longest
        self._begun: list[Receipt] = []

    def begin(self) -> bool:
        """Read the first page; return False if Poster has refused that twice, since once may be a mistake.

        Raises `NotWhole` if the list cannot be completed by asking on from the end of the page.
        """
        for is_last in (False, True):
            try:
                self._begun = self._new_of(self._ask(None)) or self._new_of(self._ask(None))
                break
            except NotAllowed:
                if is_last:
                    return False
        numbers = [receipt.id for receipt in self._begun]
        if numbers == sorted(numbers):
            return True
        if len(numbers) >= FULL:
            raise NotWhole("the first page is full, and its receipts do not ascend")
        # It should be the only one: asked from the beginning, Poster shows no earlier ones of these days.
        earlier = [each for each in self._ask(1).receipts if each.id < max(numbers)]
        closed = [timezone.localdate(each.closed_at) for each in earlier if each.closed_at]
        days_hold = min(closed, default=self._first) >= self._first - 2 * DAY
        if days_hold and any(each.id not in self._known for each in earlier):
            raise NotWhole("the first page lacks earlier receipts")
        return True

    def read(self) -> Iterator[tuple[date, Receipt]]:
        """Yield the receipts with their days, until a page without new ones was seen twice."""
        self._until = time.monotonic() + self._longest
        new, ends = self._begun, 0
        while ends < 2:
            for receipt in new:
                day = timezone.localdate(receipt.closed_at) if receipt.closed_at else None
                if day is None or not self._first <= day <= self._last:
                    continue
                if receipt.problem:
                    self.doubtful.add(day)
                else:
                    yield day, receipt
            new = self._new_of(self._ask(max(self._known, default=None)))
            numbers = [receipt.id for receipt in new]
            if numbers != sorted(numbers):
                raise NotWhole("the receipts of a page do not ascend")
            ends = 0 if new else ends + 1

    def _ask(self, after: int | None) -> ReceiptPage:
        within = seconds_left(self._until, "dash.getTransactions")
        first, last, began = self._first - DAY, self._last + DAY, time.monotonic()
        page = call_poster(
            self._credentials,
            lambda poster: poster.get_receipts(first, last, after=after, of=self._of, within=within),
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
