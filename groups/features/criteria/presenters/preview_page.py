"""Show what a table would do: each pair of groups, why, and what it costs.

Rules of Poster that work against it are named, and promotions that clients would lose or get.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.criteria.presenters.page import conditions_of, days_words, kopecks_words
from groups.features.criteria.services import sales_lists
from groups.features.criteria.services.judging import UNREAD, Criterion, Table
from groups.features.criteria.services.previews import PairSums, Preview, unproven_words
from groups.features.criteria.services.reading import NAMED_AT_MOST, CriteriaReading, Named
from groups.features.insights.presenters.cost import cost_words
from groups.features.insights.services.dependents import Listed, begin_promotions, begin_rules
from groups.features.insights.services.sales_sums import rounded, summed
from groups.models import PosterCredentials
from groups.poster import LoyaltyRule, Promotion
from groups.services.groups import list_groups
from groups.services.values import NumberFormat, clients_words, money_words, name_or_number


@dataclass(frozen=True, slots=True)
class OfPoster:
    """A rule that leads elsewhere, or a promotion that is for one group of a pair alone, and what it does."""

    id: int
    words: str


@dataclass(frozen=True, slots=True, repr=False)
class PersonRow:
    """A client of a pair, with the reason in numbers."""

    id: int
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair of groups; `people` are its clients where they were asked for."""

    from_id: int
    to_id: int
    from_name: str
    to_name: str
    is_up: bool
    clients: int
    reason: str
    cost: str
    cost_words: str
    against: Sequence[OfPoster]
    promotions: Sequence[OfPoster]
    people: Sequence[PersonRow]
    next_skip: int


class PreviewPage:
    """The effect of a table, in words."""

    def __init__(
        self, table: Table, preview: Preview, reading: CriteriaReading, credentials: PosterCredentials
    ) -> None:
        self.table = table
        self.preview = preview
        self._reading = reading
        self._groups = list_groups(credentials)
        self._credentials = credentials

    @cached_property
    def pairs(self) -> list[PairRow]:
        rows = []
        for pair in self.preview.pairs:
            place = self.table.places[pair.to_id]
            criterion = self.table.rows[place] if place < len(self.table.rows) else None
            is_asked = (pair.from_id, pair.to_id) == self._reading.pair
            named = self._reading.named if is_asked else ()
            shown = self._reading.skip + len(named)
            has_more = len(named) == NAMED_AT_MOST and shown < pair.clients
            row = PairRow(
                pair.from_id,
                pair.to_id,
                self._name(pair.from_id),
                self._name(pair.to_id),
                pair.is_up,
                pair.clients,
                self._reason(pair, criterion),
                f"{rounded(pair.cost):.2f}" if self.preview.has_cost else "",
                cost_words(rounded(pair.cost)) if self.preview.has_cost else "",
                [self._against(rule_id, count) for rule_id, count in sorted(pair.against.items())],
                list(self._promotions_of(pair)),
                [PersonRow(each.id, each.name, reason_words(each, criterion)) for each in named],
                shown if has_more else 0,
            )
            rows.append(row)
        return rows

    @property
    def moves_nobody(self) -> bool:
        return not self.preview.moves

    @property
    def ups(self) -> int:
        return sum(pair.clients for pair in self.preview.pairs if pair.is_up)

    @property
    def downs(self) -> int:
        return self.preview.moves - self.ups

    @property
    def cost(self) -> str:
        """The cost of all moves in 30 days, in hryvnia with a point; empty where it is not known."""
        if not self.preview.has_cost:
            return ""
        return f"{summed(pair.cost for pair in self.preview.pairs):.2f}"

    @property
    def cost_words(self) -> str:
        if not self.preview.has_cost:
            return ""
        return cost_words(summed(pair.cost for pair in self.preview.pairs))

    @property
    def is_beyond(self) -> bool:
        """Return True if a run of so many clients waits for another person's yes."""
        return self.preview.moves > self.table.max_moves

    @property
    def members(self) -> list[tuple[str, int, int]]:
        """The groups that take part, with the numbers of their clients now, and after a run."""
        after = dict(self.preview.members)
        for pair in self.preview.pairs:
            after[pair.from_id] -= pair.clients
            after[pair.to_id] = after.get(pair.to_id, 0) + pair.clients
        return [
            (self._name(group_id), self.preview.members.get(group_id, 0), after.get(group_id, 0))
            for group_id in self.table.groups
        ]

    @property
    def unread_words(self) -> str:
        """Return what could not be read, and whom that leaves open; empty where all was read."""
        preview = self.preview
        if not preview.unread:
            return ""
        sentences = [
            ngettext(
                "%(count)s row or list of Poster's could not be read in full.",
                "%(count)s rows or lists of Poster's could not be read in full.",
                preview.unread,
            )
            % {"count": NumberFormat.current().count(preview.unread)}
        ]
        if preview.proven_alone:
            text = ngettext(
                "%(count)s client was proven by their receipts, asked for alone.",
                "%(count)s clients were proven by their receipts, asked for alone.",
                preview.proven_alone,
            )
            sentences.append(text % {"count": NumberFormat.current().count(preview.proven_alone)})
        if preview.unproven:
            sentences.append(unproven_words(preview.unproven))
            text = ngettext(
                "The receipts of at most %(count)s client are asked for alone, of others each day.",
                "The receipts of at most %(count)s clients are asked for alone, of others each day.",
                sales_lists.MOST_ASKED,
            )
            sentences.append(text % {"count": NumberFormat.current().count(sales_lists.MOST_ASKED)})
        return " ".join(sentences)

    def _name(self, group_id: int) -> str:
        return name_or_number(self._groups.find(group_id), group_id)

    def _reason(self, pair: PairSums, row: Criterion | None) -> str:
        """Return the criterion that decides, and the numbers of these clients."""
        text = " · ".join(conditions_of(row)) if row else _("no row holds any more")
        if pair.bought is None or pair.receipts is None or pair.days is None:
            return text
        low, high = map(kopecks_words, pair.bought)
        money = low if low == high else f"{low} – {high}"
        few, many = map(NumberFormat.current().count, pair.receipts)
        receipts = few if few == many else f"{few} – {many}"
        # Translators: the amounts and numbers of the clients who would be moved; the period is "in 30 days"
        numbers = _("They bought %(money)s %(period)s, receipts: %(receipts)s.") % {
            "money": money,
            "period": days_words(pair.days),
            "receipts": receipts,
        }
        return f"{text}. {numbers}"

    def _against(self, rule_id: int, count: int) -> OfPoster:
        rule = self._rules.get(rule_id)
        if rule is None:
            return OfPoster(rule_id, clients_words(count))
        words = _("Poster's rule from %(sum)s moves %(clients)s to “%(group)s” again at their next purchase.")
        values = {"sum": money_words(rule.value), "clients": clients_words(count)}
        return OfPoster(rule_id, words % {**values, "group": self._name(rule.group_id)})

    def _promotions_of(self, pair: PairSums) -> Iterator[OfPoster]:
        """Yield the promotions that the clients of a pair lose, and those that they get."""
        for each in self._promotions.found:
            is_lost, is_got = pair.from_id in each.group_ids, pair.to_id in each.group_ids
            if is_lost and not is_got:
                text = _("They lose the promotion “%(name)s”, which is for “%(group)s”.")
                group = pair.from_id
            elif is_got and not is_lost:
                text = _("They get the promotion “%(name)s”, which is for “%(group)s”.")
                group = pair.to_id
            else:
                continue
            yield OfPoster(each.id, text % {"name": each.name, "group": self._name(group)})

    @property
    def promotions_unread(self) -> bool:
        """Return True if a promotion may be for a group of a pair that nobody knows of."""
        return bool(self._promotions.failure or self._promotions.unreadable)

    @cached_property
    def _promotions(self) -> Listed[Promotion]:
        return begin_promotions(self._credentials)()

    @cached_property
    def _rules(self) -> dict[int, LoyaltyRule]:
        return {rule.id: rule for rule in begin_rules(self._credentials)().found}


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
    by_age = row is not None and (row.registered_min is not None or row.registered_max is not None)
    if by_age and named.registered is not None and named.registered is not UNREAD:
        parts.append(_("registered on %(day)s") % {"day": date_format(named.registered, "SHORT_DATE_FORMAT")})
    if not parts:
        parts.append(_("no row holds any more"))
    return ", ".join(parts)
