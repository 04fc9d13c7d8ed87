"""Read the sales of all clients, one call for a month at most, and the receipts of single ones.

A list that fails, was cut, or has a row that names nobody, proves nothing for clients who are not in it. The
receipts of such a client, asked for alone, are the second proof. That is a call for each client and list, so
a reading asks for few clients: those first whom the lists alone would move, and others each day.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from hashlib import blake2b
from heapq import heappush, heappushpop
from itertools import batched

from groups.features.criteria.services.judging import SalesBook, Span, spans_of
from groups.features.criteria.services.previews import Preview
from groups.features.insights.services.sales import MONTH, read_sales
from groups.features.insights.services.sales_sums import Period
from groups.models import PosterCredentials
from groups.poster import Client, InvalidResponse, NotAllowed, PosterError, ReceiptList, Unreachable
from groups.poster.fields import KOPECKS
from groups.services.gateway import begin_call, seconds_left

FAILURES_IN_A_ROW = 2
"""Calls that fail one after the other until the rest is not asked for."""
MOST_ASKED = 100
"""Clients of one reading whose receipts are asked for alone."""
AT_ONCE = 2
"""Calls for receipts that are under way at once: half of those that an account has by default."""
SECONDS = 10.0
"""Seconds that all calls for receipts of one reading may take."""
SHORTEST_CALL = 0.1


class SalesLists:
    """Reads the sales of all periods into a book, and asks for the receipts of clients whom they leave open.

    `preview` tells what could not be read of them.
    """

    def __init__(
        self, credentials: PosterCredentials, today: date, periods: Sequence[int], preview: Preview
    ) -> None:
        self.book = SalesBook((MONTH, *periods))
        # Kopecks before discounts in the last month, of all its lists; those paid are in the book.
        self.totals: Counter[int] = Counter()
        # The rows of each list that was read of the last month.
        self._rows_of_month: dict[Span, int] = {}
        self._preview = preview
        self._longest = max(periods, default=0)
        self._credentials = credentials
        self._today = today
        # A heap of those whose receipts are asked for; the first one gives way to a better one.
        self._chosen: list[tuple[bool, bytes, int, Client]] = []

    def read(self, until: float, alive: Callable[[], object]) -> None:
        """Read the lists, the latest first; `alive` is called after each."""
        failures = 0
        for span in spans_of(self.book.periods):
            within = seconds_left(until, "dash.getClientsSales")
            is_asked = self._preview.may_see_sales and failures < FAILURES_IN_A_ROW
            # No name here holds a list while the next one comes: each is large.
            failures = 0 if is_asked and self._read(span, within) else failures + 1
            if failures:
                self._preview.unread += 1
                self._preview.has_cost = self._preview.has_cost and span[0] >= MONTH
                self.book.add(span, {}, broken=(), is_whole=False)
            alive()
        # A few days, and months before the first sale, may well be without any; a whole last month hardly.
        if self._rows_of_month and not any(self._rows_of_month.values()):
            self._preview.is_month_empty = True
            for span in self._rows_of_month:
                self.book.add(span, {}, broken=(), is_whole=False)

    def _read(self, span: Span, within: float) -> bool:
        """Add the list of a span to the book; return False if it failed."""
        try:
            found = read_sales(self._credentials, Period(*self._days_of(span)), within=within)
        except NotAllowed:
            self._preview.may_see_sales = False
            return False
        except (Unreachable, InvalidResponse):
            return False
        sales = {sale.id: (int(sale.revenue * KOPECKS), sale.receipts) for sale in found.sales}
        broken = {row.id for row in found.unreadable if row.id is not None}
        names_nobody = found.lost or any(row.id is None for row in found.unreadable)
        self._preview.unread += len(found.unreadable) + found.lost + found.may_be_cut
        self.book.add(span, sales, broken=broken, is_whole=not found.may_be_cut and not names_nobody)
        if span[0] < MONTH:
            self._rows_of_month[span] = found.size
            self.totals.update({sale.id: int(sale.total * KOPECKS) for sale in found.sales})
        return True

    def _days_of(self, span: Span) -> tuple[date, date]:
        """Return the first and the last day of a span, which counts days ago."""
        return self._today - timedelta(days=span[1] - 1), self._today - timedelta(days=span[0])

    # --- The second proof ----------------------------------------------------------------------------------

    def offer(self, client: Client, *, would_move: bool) -> None:
        """Take a client up, who may be asked for; `would_move` says that the lists alone would move them."""
        turn = blake2b(f"{self._today} {client.id}".encode(), digest_size=8).digest()
        entry = would_move, turn, client.id, client
        if len(self._chosen) < MOST_ASKED:
            heappush(self._chosen, entry)
        else:
            heappushpop(self._chosen, entry)

    def prove_alone(self, until: float, alive: Callable[[], object]) -> list[Client]:
        """Ask for the receipts of the chosen clients, and return those for whom Poster was asked.

        It ends early where calls fail, or after SECONDS. An error of Poster's leaves a client open.
        """
        if not self._preview.may_see_sales:
            return []
        until = min(until, time.monotonic() + SECONDS)
        questions = (
            (client, span)
            for _would_move, _turn, client_id, client in sorted(self._chosen, reverse=True)
            for span in self.book.spans_to_prove(client_id, self._longest)
        )
        failures, asked = 0, dict[int, Client]()
        for some in batched(questions, AT_ONCE, strict=False):
            if failures >= FAILURES_IN_A_ROW or time.monotonic() >= until:
                break
            for client, span, take in [(*each, self._begin(*each, until)) for each in some]:
                asked[client.id] = client
                try:
                    found = take()
                    if not found.size:  # it may be a mistake, and would say that nothing was bought
                        found = self._begin(client, span, until)()
                except PosterError:
                    failures += 1
                    continue
                failures = 0
                self._note_receipts(client.id, span, found)
            alive()
        return list(asked.values())

    def _begin(self, client: Client, span: Span, until: float) -> Callable[[], ReceiptList]:
        days, within = self._days_of(span), max(until - time.monotonic(), SHORTEST_CALL)
        return begin_call(
            self._credentials, lambda poster: poster.get_receipts(client.id, *days, within=within)
        )

    def _note_receipts(self, client_id: int, span: Span, found: ReceiptList) -> None:
        """Take the receipts of a client for the row that the list of a span may lack.

        They prove nothing where one may lack, or was not paid with money alone.
        """
        revenues = [receipt.revenue for receipt in found.receipts]
        if not found.is_whole or None in revenues:
            return
        paid = int(sum(filter(None, revenues), Decimal(0)) * KOPECKS)
        self.book.prove(client_id, span, (paid, len(revenues)))
        if span[0] < MONTH:
            total = sum((receipt.total for receipt in found.receipts), Decimal(0))
            self.totals[client_id] += int(total * KOPECKS)
