"""Values of a group, rows of the wire and odd inputs."""

from decimal import Decimal

from hypothesis import strategies as st

from groups.poster import (
    GroupValues,
)

HOSTILE_ACCOUNTS = [
    "evil.com/", "evil.com/?", "evil.com#", "evil.com\\", "user@evil.com/", "user:pw@evil.com#",
    "127.0.0.1:80#", "127.0.0.1/", "x@127.0.0.1:8000/", "a.b", "demo\r\nHost: evil", "de\nmo", "de mo",
    "demo%00", "de\0mo", "демо",
    "xn--d1acvi", "ab--cd", "ⓔvil", "demo。evil", "de\N{ZERO WIDTH SPACE}mo", "demo／evil", "①②⑦",
    "\N{KELVIN SIGN}afe", "-demo", "demo-", "demo_1", "..", "%2e", "[::1]", "", "a" * 64, "a" * 300,
    "https://demo.joinposter.com.evil.com/", "http://demo.joinposter.com/", "https://evil.com/",
    "https://demo.joinposter.com/api/?token=1",
]  # fmt: skip
VALUES = GroupValues(
    name="Студенти", loyalty_type=1, percent=Decimal("12.5"), birthday_bonus=Decimal("99999.99")
)
ROW = {
    "client_groups_id": "1",
    "client_groups_name": "Постоянный посетитель",
    "loyalty_type": "1",
    "client_groups_discount": "10",
    "birthday_bonus": "5000",
    "count_groups_clients": "125",
    "use_ewallet": "0",
    "delete": "0",
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["0", "1", "11", "²", "٣", "1e3", "\ud83d", "\0", "-0", "50.00", "&#39;"])
)
