"""Draw who would go where: the groups now, the groups then, and the clients between them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from groups.features.criteria.services.reading import Preview

HEIGHT, HEAD, LEAST = 240.0, 46.0, 1.5
"""Pixels of all clients, of the words over a group, and of the narrowest flow."""
CHIP = 18.0
"""The height from which on a flow has its number in it."""
MOST_GROUPS = 6
"""Groups that a picture shows; the rest of a longer table is drawn as one."""
REST = 0


@dataclass(slots=True)
class Flow:
    """The clients of one group who stay in it, or go to another; as a band between two columns."""

    from_id: int
    to_id: int
    clients: int
    height: float
    left: float = 0.0
    right: float = 0.0

    @property
    def stays(self) -> bool:
        return self.from_id == self.to_id

    @property
    def path(self) -> str:
        """The band in an SVG that is 100 wide."""
        left, right, height = self.left, self.right, self.height
        there = f"M0 {left:.1f}C50 {left:.1f} 50 {right:.1f} 100 {right:.1f}"
        back = f"V{right + height:.1f}C50 {right + height:.1f} 50 {left + height:.1f} 0 {left + height:.1f}Z"
        return there + back

    @property
    def words_at(self) -> str:
        """The height of the number; empty where the band has no room for it."""
        return f"{self.left + self.height / 2 + 4:.1f}" if self.height >= CHIP else ""


@dataclass(frozen=True, slots=True)
class Side:
    """A group in one of the two columns, with the place of its bar in pixels."""

    group_id: int
    top: str
    height: str
    clients: int


@dataclass(frozen=True, slots=True)
class FlowPicture:
    now: list[Side]
    then: list[Side]
    flows: list[Flow]
    height: float


def picture_of(preview: Preview, groups: Sequence[int]) -> FlowPicture:
    """Return the picture of a preview; groups beyond MOST_GROUPS are one of the id REST."""
    moving = Counter[int]()
    for pair in preview.pairs:
        moving.update({pair.from_id: pair.clients, pair.to_id: pair.clients})
    most = MOST_GROUPS if len(groups) <= MOST_GROUPS else MOST_GROUPS - 1
    shown = set(sorted(groups, key=lambda each: -moving[each])[:most])
    places = {each: each if each in shown else REST for each in groups}
    clients, staying = Counter[tuple[int, int]](), Counter(preview.members)
    for pair in preview.pairs:
        clients[places[pair.from_id], places[pair.to_id]] += pair.clients
        staying[pair.from_id] -= pair.clients
    for each in groups:
        clients[places[each], places[each]] += staying[each]
    scale = HEIGHT / max(sum(clients.values()), 1)
    flows = [
        Flow(*ends, number, max(number * scale, LEAST)) for ends, number in clients.items() if number > 0
    ]
    order = {each: number for number, each in enumerate(dict.fromkeys(places.values()))}
    flows.sort(key=lambda flow: (order[flow.from_id], order[flow.to_id]))
    now = _stack(flows, order, "from_id", "left")
    then = _stack(sorted(flows, key=lambda flow: order[flow.from_id]), order, "to_id", "right")
    highest = HEAD * len(order) + sum(flow.height for flow in flows)
    return FlowPicture(now, then, flows, highest)


def _stack(flows: Sequence[Flow], order: Mapping[int, int], end: str, side: str) -> list[Side]:
    """Place the flows of each group below its words, and return the bars of the groups."""
    sides, y = [], 0.0
    for group_id in order:
        y += HEAD
        top, clients = y, 0
        for flow in flows:
            if getattr(flow, end) == group_id:
                setattr(flow, side, y)
                y, clients = y + flow.height, clients + flow.clients
        sides.append(Side(group_id, f"{top:.1f}", f"{y - top:.1f}", clients))
    return sides
