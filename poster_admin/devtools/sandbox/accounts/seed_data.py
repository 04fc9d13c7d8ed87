"""The accounts of the sandbox, with their invented tokens, groups, promotions and loyalty rules.

All of them follow from the seed: the same seed gives the same tokens, names and numbers on every machine.
"""

import hashlib
import html
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

type Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Profile:
    """The properties in which an account of the sandbox differs from the others.

    `refusal` is the error code that answers every call, `write_refusal` the one that answers every write.
    `money` is the unit in which writes give the `birthday_bonus` of a group and the `bonus` of a client: the
    documentation says hryvnia, a newer one says kopecks for groups. With `marks_removed` a removed group
    stays in the list with `delete` "1", and rows have the fields `use_ewallet` and `delete`.
    `documented_token` is accepted too, so that the documentation's examples work unchanged.
    `statistics_refusal` is the error code that answers the methods of the section statistics.
    `receipts_field` is the name under which these count receipts: one sample of the documentation has a typo
    in it. Without `counts_netto` they leave out the profit without VAT, as accounts do where that is off.
    """

    name: str
    company: str
    refusal: int | None = None
    write_refusal: int | None = None
    money: Literal["hryvnia", "kopecks"] = "hryvnia"
    marks_removed: bool = False
    numbered_token: bool = False
    documented_token: str = ""
    currency_symbol: str = "₴"
    statistics_refusal: int | None = None
    receipts_field: Literal["clients", "clienst"] = "clients"
    counts_netto: bool = True


PROFILES = (
    # The token is the sample of Poster's public documentation, and opens nothing.
    Profile("demo", "Мережа кав'ярень «Демо»", documented_token="745d516e1b9320ed85b84d5bfda14148"),
    Profile(
        "kavarnia",
        "Кав'ярня на розі",
        marks_removed=True,
        numbered_token=True,
        currency_symbol='<i class="icon-hryvnia"></i>',
        receipts_field="clienst",
        counts_netto=False,
    ),
    Profile("readonly", "Тільки перегляд", write_refusal=20, statistics_refusal=54),
    Profile("archived", "Зачинене кафе", refusal=503),
    Profile("basic", "Початковий тариф", refusal=700),
    Profile("expired", "Старий токен", refusal=12),
    Profile("kopecks", "Копійки", money="kopecks"),
)

SEED_CLIENTS = 125 + 43 + 42


def token(seed: int, profile: Profile) -> str:
    """Return the token of an account: 32 hex digits, in some accounts after the account's number."""
    digits = _digest(seed, profile.name)[:32]
    return f"{number(seed, profile)}:{digits}" if profile.numbered_token else digits


def number(seed: int, profile: Profile) -> int:
    """Return the number of an account, the COMPANY_ID of its settings."""
    return 100_000 + int(_digest(seed, f"number of {profile.name}")[:8], 16) % 900_000


def rows(profile: Profile, *, seed: int, groups: int, clients: int) -> list[Row]:
    """Return the groups of an account in Poster's order."""
    if profile.marks_removed:
        return _kavarnia_rows()
    if profile.name != "demo":
        return _seed_rows()
    return _seed_rows() + _generated_rows(seed, groups - 3, clients - SEED_CLIENTS)


def promotions(profile: Profile) -> list[dict[str, Any]]:
    """Return the two promotions of an account: one for everybody, one for the clients of two groups."""
    named = ["2", "7"] if profile.marks_removed else ["1", "4"]
    everybody = {"clients_type": "1", "clients_groups": []}
    return [
        _promotion(1, "Ранкова кава -15%", everybody),
        _promotion(2, "Друга кава — подарунок", {"clients_type": "4", "clients_groups": named}),
    ]


def loyalty_rules(profile: Profile, groups: Iterable[Mapping[str, str]]) -> list[dict[str, int]]:
    """Return the rules of an account: the one of the documentation, and more that rise with the sum.

    One account has a rule into a removed group.
    """
    if profile.marks_removed:
        return [
            _rule(*rule) for rule in ((1, 1, 500, 8), (2, 1, 3000, 2), (3, 1, 10_000, 7), (5, 2, 20_000, 11))
        ]
    # The sample of the documentation comes first, unchanged: its type is not that of the group.
    rules = [_rule(4, 1, 1000, 5), _rule(6, 2, 500, 4)]
    higher: dict[float, int] = {}
    for row in groups:
        percent = float(row["client_groups_discount"])
        if row["loyalty_type"] == "2" and percent > _HIGHEST_DOCUMENTED:
            higher.setdefault(percent, int(row["client_groups_id"]))
    for rule_id, value, percent in zip((7, 8), (5000, 20_000), sorted(higher), strict=False):
        rules.append(_rule(rule_id, 2, value, higher[percent]))
    return rules


_HIGHEST_DOCUMENTED = 20


def _rule(rule_id: int, loyalty_type: int, value: int, group_id: int) -> dict[str, int]:
    return {"rule_id": rule_id, "loyalty_type": loyalty_type, "value": value, "group_id": group_id}


def _promotion(promotion_id: int, name: str, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "promotion_id": str(promotion_id),
        "name": encode_name(name),
        "date_start": "2024-01-01 00:00:00",
        "date_end": "0000-00-00 00:00:00",
        "auto_accept": "0",
        "params": params,
    }


def encode_name(name: str) -> str:
    """Return a name as Poster answers it: with HTML entities, the apostrophe as `&#39;`."""
    return html.escape(name).replace("&#x27;", "&#39;")


def _digest(seed: int, text: str) -> str:
    return hashlib.sha256(f"poster sandbox, seed {seed}: {text}".encode()).hexdigest()


def _row(group_id: int, name: str, kind: int, percent: str, bonus: int, clients: int) -> Row:
    return {
        "client_groups_id": str(group_id),
        "client_groups_name": encode_name(name),
        "loyalty_type": str(kind),
        "client_groups_discount": percent,
        "birthday_bonus": str(bonus),
        "count_groups_clients": str(clients),
    }


def _seed_rows() -> list[Row]:
    # The three groups of the API documentation, with its ids, order and values.
    return [
        _row(1, "Постоянный посетитель", 1, "10", 5000, 125),
        _row(4, "Скидочная система 10%", 2, "10", 0, 43),
        _row(5, "Скидочная система 20%", 2, "20", 0, 42),
    ]


def _kavarnia_rows() -> list[Row]:
    plain = [
        _row(2, "Гості кав'ярні", 1, "5", 10000, 318),
        _row(3, "Бариста", 2, "50", 0, 9),
        _row(7, "Постійні гості", 1, "7.5", 15050, 77),
        _row(8, "Кава & круасан", 1, "3", 0, 64),
        _row(11, "Весняна акція", 2, "15", 0, 0),
        _row(12, "Партнёры по бизнес-центру", 2, "12", 0, 21),
    ]
    switches = {"2": ("1", "0"), "7": ("1", "0"), "11": ("0", "1")}
    for row in plain:
        row["use_ewallet"], row["delete"] = switches.get(row["client_groups_id"], ("0", "0"))
    return plain


def _generated_rows(seed: int, count: int, clients: int) -> list[Row]:
    if count <= 0:
        return []
    chance = random.Random(f"groups {seed}")
    sizes = _spread(chance, count, clients) if clients > 0 else None
    found = []
    for index, name in enumerate(itertools.islice(_names(chance), count)):
        kind = 1 if chance.random() < 0.55 else 2
        percent = str(
            chance.choice((1, 2, 3, 5, 7, 10, 12, 15) if kind == 1 else (5, 7, 10, 15, 20, 25, 30, 50))
        )
        bonus = chance.choice((0, 2500, 5000, 7500, 10000, 15000, 20000, 50000)) if kind == 1 else 0
        size = int(400 * chance.random() ** 3)
        found.append(_row(6 + index, name, kind, percent, bonus, sizes[index] if sizes else size))
    return found


def _spread(chance: random.Random, count: int, clients: int) -> list[int]:
    # Round the running sum instead of each share, so that the shares add up.
    reached = list(itertools.accumulate(chance.random() ** 3 for _ in range(count)))
    bounds = [int(clients * bound / reached[-1]) for bound in reached]
    return [upper - lower for lower, upper in itertools.pairwise([0, *bounds])]


def _names(chance: random.Random) -> Iterator[str]:
    yield from FIRST
    # Drop duplicates: some names are the same in both languages.
    combined = list(
        dict.fromkeys(
            f"{audience} {level} {place}".replace("  ", " ")
            for audiences, levels, places in (UKRAINIAN, RUSSIAN)
            for audience, level, place in itertools.product(audiences, levels, places)
        )
    )
    chance.shuffle(combined)
    yield from combined
    for copy in itertools.count(2):
        yield from (f"{name} №{copy}" for name in combined)


FIRST = (
    "Постійні гості",
    "Бариста",
    "Студенти",
    "Персонал кухни",
    "Кур'єри",
    "VIP-гості",
    "Корпоративные партнёры",
    "Іменинники місяця",
    "Пенсионеры",
    "Ранкова кава",
    "Друзья заведения",
    "Волонтери",
)

UKRAINIAN = (
    (
        "Постійні гості",
        "Бариста",
        "Офіціанти",
        "Студенти",
        "Кур'єри",
        "Іменинники",
        "VIP-гості",
        "Корпоративні партнери",
        "Сусіди",
        "Волонтери",
        "Сім'ї з дітьми",
        "Бізнес-ланч",
        "Ранкова кава",
        "Вечірні гості",
        "Вчителі",
        "Лікарі",
    ),
    ("", "— бронза", "— срібло", "— золото", "— літо", "— зима"),
    (
        "на Подолі",
        "на Позняках",
        "на Оболоні",
        "на Печерську",
        "біля вокзалу",
        "у Львові",
        "в Одесі",
        "у Харкові",
        "у Дніпрі",
        "у Полтаві",
        "в Ужгороді",
        "у Чернівцях",
        "на площі Ринок",
        "на набережній",
        "біля університету",
        "у торговому центрі",
        "на терасі",
        "у парку",
    ),
)

RUSSIAN = (
    (
        "Постоянные гости",
        "Бариста",
        "Официанты",
        "Студенты",
        "Курьеры",
        "Именинники",
        "VIP-гости",
        "Корпоративные партнёры",
        "Соседи",
        "Друзья кофейни",
        "Семьи с детьми",
        "Бизнес-ланч",
        "Утренний кофе",
        "Вечерние гости",
        "Учителя",
        "Врачи",
    ),
    ("", "— бронза", "— серебро", "— золото", "— лето", "— зима"),
    (
        "на Подоле",
        "на Позняках",
        "на Оболони",
        "на Печерске",
        "у вокзала",
        "во Львове",
        "в Одессе",
        "в Харькове",
        "в Днепре",
        "в Полтаве",
        "в Ужгороде",
        "в Черновцах",
        "на площади Рынок",
        "на набережной",
        "у университета",
        "в торговом центре",
        "на террасе",
        "в парке",
    ),
)
