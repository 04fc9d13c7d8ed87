"""Show what a table would do: each pair of groups, why, and what it costs.

Rules of Poster that work against it are named, and promotions that clients would lose or get.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups import hooks
from groups.features.criteria.models import KIND
from groups.features.criteria.presenters.page import conditions_of, days_words, kopecks_words
from groups.features.criteria.services.judging import Criterion
from groups.features.criteria.services.previews import PairSums, Preview, is_better, unproven_words
from groups.features.criteria.services.reading import NAMED_AT_MOST, CriteriaReading, Named
from groups.features.insights.services.sales import VIEW_SALES, cost_words, rounded, summed
from groups.features.insights.services.scheme import Listed, begin_promotions, begin_rules
from groups.models import Job
from groups.poster import LoyaltyRule, Promotion
from groups.services.clients import VIEW_CLIENTS
from groups.services.groups import list_groups
from groups.services.values import NumberFormat, clients_words, name_or_number

type Words = tuple[int, str]
"""The id of a rule or of a promotion of Poster's, and what it does."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair of groups; `people` are its clients where they were asked for: id, name and reason."""

    sums: PairSums
    is_better: bool | None
    from_name: str
    to_name: str
    reason: str
    cost_words: str
    against: Sequence[Words]
    promotions: Sequence[Words]
    people: Sequence[tuple[int, str, str]]
    next_skip: int


class PreviewPage:
    """The effect of a table, in words."""

    def __init__(self, preview: Preview, reading: CriteriaReading) -> None:
        self.preview = preview
        self.table = reading.table
        self._reading = reading
        self._groups = list_groups(reading.credentials)

    @cached_property
    def pairs(self) -> list[PairRow]:
        return [self._row(pair) for pair in self.preview.pairs]

    def _row(self, pair: PairSums) -> PairRow:
        place = self.table.places[pair.to_id]
        criterion = self.table.rows[place] if place < len(self.table.rows) else None
        is_asked = (pair.from_id, pair.to_id) == self._reading.pair
        named = self._reading.named if is_asked else []
        shown = self._reading.skip + len(named)
        has_more = len(named) == NAMED_AT_MOST and shown < pair.clients
        return PairRow(
            sums=pair,
            is_better=is_better(self._reading.groups[pair.from_id], self._reading.groups[pair.to_id]),
            from_name=self._name(pair.from_id),
            to_name=self._name(pair.to_id),
            reason=self._reason(pair, criterion),
            cost_words=cost_words(rounded(pair.cost)) if self.preview.has_cost else "",
            against=[self._against(rule_id, count) for rule_id, count in sorted(pair.against.items())],
            promotions=list(self._promotions_of(pair)),
            people=[(each.id, each.name, reason_words(each, criterion)) for each in named],
            next_skip=shown if has_more else 0,
        )

    @property
    def better(self) -> int:
        return sum(pair.sums.clients for pair in self.pairs if pair.is_better)

    @property
    def worse(self) -> int:
        return sum(pair.sums.clients for pair in self.pairs if pair.is_better is False)

    @property
    def cost(self) -> str:
        """The cost of all moves in 30 days, in hryvnia with a point; empty where it is not known."""
        return f"{summed(pair.cost for pair in self.preview.pairs):.2f}" if self.preview.has_cost else ""

    @property
    def cost_words(self) -> str:
        costs = (pair.cost for pair in self.preview.pairs)
        return cost_words(summed(costs)) if self.preview.has_cost else ""

    @property
    def is_beyond(self) -> bool:
        """Return True if a run of so many clients waits for another person's yes."""
        return self.preview.moves > self.table.max_moves

    @property
    def members(self) -> list[tuple[str, int, int]]:
        """The groups that take part, with the numbers of their clients now, and after a run."""
        now = self.preview.members
        after = Counter(now)
        for pair in self.preview.pairs:
            after[pair.from_id] -= pair.clients
            after[pair.to_id] += pair.clients
        return [(self._name(each), now.get(each, 0), after[each]) for each in self.table.groups]

    @property
    def unread_words(self) -> str:
        """Return what could not be read, and whom that leaves open; empty where all was read."""
        preview, count, sentences = self.preview, NumberFormat.current().count, []
        if not preview.unread and not preview.is_month_empty:
            return ""
        if preview.unread:
            text = ngettext(
                "%(count)s row or list of Poster's could not be read in full.",
                "%(count)s rows or lists of Poster's could not be read in full.",
                preview.unread,
            )
            sentences.append(text % {"count": count(preview.unread)})
        if preview.is_month_empty:
            sentences.append(_("Poster lists no sales at all of the last month, which proves nothing."))
        if preview.unproven:
            sentences.append(unproven_words(preview.unproven))
        return " ".join(sentences)

    def _name(self, group_id: int) -> str:
        return name_or_number(self._groups.find(group_id), group_id)

    def _reason(self, pair: PairSums, row: Criterion | None) -> str:
        """Return the criterion that decides, and the numbers of these clients."""
        text = " · ".join(conditions_of(row)) if row else _("no row holds any more")
        if pair.bought is None or pair.receipts is None or pair.days is None:
            return text
        # Translators: the amounts and numbers of the clients who would be moved; the period is "in 30 days"
        numbers = _("They bought %(money)s %(period)s, receipts: %(receipts)s.") % {
            "money": " – ".join(dict.fromkeys(map(kopecks_words, pair.bought))),
            "period": days_words(pair.days),
            "receipts": " – ".join(dict.fromkeys(map(NumberFormat.current().count, pair.receipts))),
        }
        return f"{text}. {numbers}"

    def _against(self, rule_id: int, count: int) -> Words:
        rule = self._rules.get(rule_id)
        if rule is None:
            return rule_id, clients_words(count)
        words = _("Poster's rule from %(sum)s moves %(clients)s to “%(group)s” again at their next purchase.")
        values = {"sum": NumberFormat.current().round_money(rule.value), "clients": clients_words(count)}
        return rule_id, words % {**values, "group": self._name(rule.group_id)}

    def _promotions_of(self, pair: PairSums) -> Iterator[Words]:
        """Yield the promotions that the clients of a pair lose, and those that they get."""
        for each in self._promotions.found:
            is_lost, is_got = pair.from_id in each.group_ids, pair.to_id in each.group_ids
            if is_lost == is_got:
                continue
            if is_lost:
                text = _("They lose the promotion “%(name)s”, which is for “%(group)s”.")
            else:
                text = _("They get the promotion “%(name)s”, which is for “%(group)s”.")
            group = self._name(pair.from_id if is_lost else pair.to_id)
            yield each.id, text % {"name": each.name, "group": group}

    @property
    def promotions_unread(self) -> bool:
        """Return True if a promotion may be for a group of a pair that nobody knows of."""
        return bool(self._promotions.failure or self._promotions.unreadable)

    @cached_property
    def _promotions(self) -> Listed[Promotion]:
        return begin_promotions(self._reading.credentials)()

    @cached_property
    def _rules(self) -> dict[int, LoyaltyRule]:
        return {rule.id: rule for rule in begin_rules(self._reading.credentials)().found}


@hooks.part("request.job", "criteria/link_to_preview.html", order=1)
def link_of_request(request: HttpRequest, job: Job, _groups: object) -> dict[str, Any] | None:
    """Offer the preview beside a run that waits for a yes: it names the clients of each pair."""
    is_waiting = job.kind == KIND and job.state == Job.State.ASKED
    return {} if is_waiting and request.user.has_perms((VIEW_CLIENTS, VIEW_SALES)) else None


def reason_words(named: Named, row: Criterion | None) -> str:
    """Return why a client belongs elsewhere: "bought 6,420 ₴ in 365 days, receipts: 12"."""
    parts = []
    if named.bought is not None and named.days is not None:
        kopecks, receipts = named.bought
        parts.append(
            _("bought %(sum)s %(period)s, receipts: %(receipts)s")
            % {
                "sum": kopecks_words(kopecks),
                "period": days_words(named.days),
                "receipts": NumberFormat.current().count(receipts),
            }
        )
    if row and row.birthday_in is not None and isinstance(named.born, tuple):
        month, day = named.born
        parts.append(_("birthday on %(day)s") % {"day": f"{day:02}.{month:02}"})
    if row and row.needs_registration and isinstance(named.registered, date):
        parts.append(_("registered on %(day)s") % {"day": date_format(named.registered, "SHORT_DATE_FORMAT")})
    return ", ".join(parts or [_("no row holds any more")])
