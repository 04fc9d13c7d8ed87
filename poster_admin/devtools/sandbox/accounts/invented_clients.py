"""Invented clients: each follows from the seed, the account and the id alone.

So a client costs nothing until a call asks for it, and an account can have any number of them.
"""

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from types import MappingProxyType

from poster_admin.devtools.sandbox.accounts.seed_data import Row, encode_name

# A phone number is the id times _STEP modulo _NUMBERS; times _BACK it is the id again.
_STEP, _BACK, _NUMBERS = 6_180_339, pow(6_180_339, -1, 10_000_000), 10_000_000
_OPERATORS = ("50", "63", "66", "67", "68", "73", "93", "95", "96", "97", "98", "99")
_FIRST_BIRTHDAY, _BIRTHDAYS = date(1950, 1, 1), 20_450
_FIRST_VISIT, _VISITS = date(2019, 3, 1), 2_400
_WOMAN, _MAN = 2, 1


# Cached, because each write and each sum of sales makes the same people again.
@lru_cache(maxsize=10_000)
def person(seed: int, account: str, client_id: int) -> Mapping[str, str]:
    """Return the fields of a client as on the wire, without those that come from the group."""
    dice = hashlib.blake2b(f"{seed} {account} {client_id}".encode(), digest_size=24).digest()
    woman = dice[0] < 140
    first, last, middle = _names(dice, woman=woman)
    birthday = _FIRST_BIRTHDAY + timedelta(days=int.from_bytes(dice[4:7]) % _BIRTHDAYS)
    visited = _FIRST_VISIT + timedelta(days=int.from_bytes(dice[7:10]) % _VISITS)
    paid = int.from_bytes(dice[10:13]) % 4_000_000 if dice[13] > 20 else 0
    city = _CITIES[dice[14] % len(_CITIES)]
    fields = {
        "client_id": str(client_id),
        "firstname": encode_name(first),
        "lastname": encode_name(last),
        "patronymic": encode_name(middle),
        "discount_per": str(_OWN_PERCENTS[dice[15] % len(_OWN_PERCENTS)]),
        "bonus": str(paid // 20 * (dice[16] % 3)),
        "total_payed_sum": str(paid),
        "date_activale": f"{visited} {8 + dice[17] % 13:02}:{dice[18] % 60:02}:{dice[19] % 60:02}",
        **phone(_phone_digits(client_id, dice[20])),
        "email": f"guest{client_id}@example.com" if dice[21] % 3 == 0 else "",
        "birthday": "0000-00-00" if dice[22] % 5 == 0 else str(birthday),
        "card_number": f"{200_000 + client_id}" if dice[23] % 2 else "",
        "client_sex": str(_WOMAN if woman else _MAN),
        "country": "0" if city == "0" else "Україна",
        "city": city,
        "address": "0",
        "comment": _COMMENTS[dice[3] % len(_COMMENTS)],
        "ewallet": "0",
    }
    return MappingProxyType(fields)


def phone(digits: str) -> Row:
    """Return the two fields of a phone number: formatted, and its digits."""
    ukrainian = len(digits) == 12 and digits.startswith("380")
    parts = (digits[:3], digits[3:5], digits[5:8], digits[8:10], digits[10:])
    shown = f"+{' '.join(parts)}" if ukrainian else f"+{digits}" if digits else ""
    return {"phone": shown, "phone_number": digits}


def id_of_phone(digits: str) -> int:
    """Return the id of the only client to which the seed can have given this number."""
    return int(digits[-7:]) * _BACK % _NUMBERS if digits[-7:].isdecimal() else 0


def _phone_digits(client_id: int, die: int) -> str:
    return f"380{_OPERATORS[die % len(_OPERATORS)]}{client_id * _STEP % _NUMBERS:07}"


def _names(dice: bytes, *, woman: bool) -> tuple[str, str, str]:
    """Return first name, family name and patronymic. A third are Russian, and many have no patronymic."""
    names = _RUSSIAN if dice[1] % 3 == 0 else _UKRAINIAN
    firsts, lasts, fathers = names[woman]
    first, last = firsts[dice[1] // 3 % len(firsts)], lasts[dice[2] % len(lasts)]
    if dice[3] < 12:
        return first, "", ""
    return first, last, fathers[dice[0] % len(fathers)] if dice[2] % 4 == 0 else ""


_OWN_PERCENTS = (0,) * 12 + (5, 7, 15, 25)
_COMMENTS = ("",) * 20 + ("Без лактози", "Сидить біля вікна", "Просит столик у окна", "Алергія на горіхи")
_CITIES = ("Київ", "Київ", "Львів", "Одеса", "Харків", "Дніпро", "Полтава", "Чернівці", "0", "0", "0")

_UKRAINIAN = (
    (
        ("Олександр", "Андрій", "Богдан", "Тарас", "Юрій", "Дмитро", "Максим", "Ігор", "Остап", "Лук'ян"),
        (
            *("Шевченко", "Коваленко", "Бондаренко", "Ткачук", "Мельник", "Кравченко", "Олійник", "Поліщук"),
            *("Лук'яненко", "Гнатюк", "Савчук", "Марченко", "Руденко", "Соловйов", "Дем'янчук", "Яцків"),
        ),
        ("Андрійович", "Петрович", "Миколайович", "Ігорович"),
    ),
    (
        ("Олена", "Оксана", "Ірина", "Наталія", "Соломія", "Дарина", "Мар'яна", "Юлія", "Катерина", "Злата"),
        (
            *("Шевченко", "Коваленко", "Бондаренко", "Ткачук", "Мельник", "Кравченко", "Олійник", "Поліщук"),
            *("Лук'яненко", "Гнатюк", "Савчук", "Марченко", "Руденко", "Соловйова", "Дем'янчук", "Яцків"),
        ),
        ("Андріївна", "Петрівна", "Миколаївна", "Ігорівна"),
    ),
)
_RUSSIAN = (
    (
        ("Алексей", "Сергей", "Пётр", "Николай", "Артём", "Евгений", "Виктор", "Михаил"),
        ("Иванов", "Кузнецов", "Соколов", "Попов", "Лебедев", "Королёв", "Новиков", "Морозов"),
        ("Алексеевич", "Сергеевич", "Петрович", "Николаевич"),
    ),
    (
        ("Анна", "Елена", "Татьяна", "Ольга", "Марина", "Светлана", "Алёна", "Ксения"),
        ("Иванова", "Кузнецова", "Соколова", "Попова", "Лебедева", "Королёва", "Новикова", "Морозова"),
        ("Алексеевна", "Сергеевна", "Петровна", "Николаевна"),
    ),
)
