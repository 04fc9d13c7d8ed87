"""Test properties of input and addresses: never a 500, never a wrong byte on the wire.

The bytes that the sandbox received are compared with bytes computed here, independently of the code under
test. In `make test-all` 15 inputs of each of 15 kinds, in `make test` 10, the same each time;
PROPERTY_INPUTS=700 makes it 10,500 new ones for a night.
"""

import string
import unicodedata
import uuid
from decimal import Decimal, InvalidOperation
from urllib.parse import quote, urlencode

import pytest
from hypothesis import strategies as st

from groups.models import PosterAccount
from poster_admin.devtools.sandbox.accounts.seed_data import encode_name
from tests.support.pages import group_form
from tests.support.people import make_user
from tests.support.properties import holds_for

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_lag")]


# --- Input, with its meaning -------------------------------------------------------------------------------

ODD = [
    "\0",
    "١٢",
    "-1",
    "1e3",
    "<script>",
    "../..",
    "%00",
    "\u202e",
    "'\"",
    "NaN",
    "&amp;",
    "a+b=c&d",
    "\ufffd",
]
ANY = st.text(max_size=60) | st.sampled_from(ODD)
SPACES = " \u00a0\u202f\u2009"
# A single character of this kind makes a name; a lone combining accent may not.
VISIBLE = st.characters(max_codepoint=0xFFFF, categories=("L", "Nd", "P", "S"), exclude_characters="\ufffd")
NAMES = st.tuples(
    VISIBLE, st.text(VISIBLE | st.characters(max_codepoint=0xFFFF, categories=("M", "Zs")), max_size=30)
).map("".join)


@st.composite
def amounts(draw, most):
    """Return hundredths, and one of the ways in which people type them."""
    hundredths = draw(st.integers(0, most) | st.integers(0, most // 100).map(lambda whole: whole * 100))
    whole, cents = divmod(hundredths, 100)
    digits = f"{whole:,}".replace(",", draw(st.sampled_from(["", *SPACES])))
    decimals = draw(st.sampled_from([0, 1, 2]))
    if cents or decimals:
        shown = f"{cents:02}" if cents % 10 or decimals == 2 else f"{cents // 10}"
        digits += draw(st.sampled_from(".,")) + shown
    before, after = draw(st.sampled_from(["", " "])), draw(st.sampled_from(["", " ", "\t"]))
    return hundredths, f"{before}{digits}{after}"


# --- Bytes on the wire -------------------------------------------------------------------------------------

PLAIN = frozenset((string.ascii_letters + string.digits + "_.-~").encode())
BASE = {"client_groups_name": "Основа", "client_groups_discount": "33.33", "birthday_bonus": "777"}


def wire(group_id=None, *, name, kind="1", percent, bonus, wallet=None):
    """Encode a body as RFC 1866 says, in UTF-8."""
    fields = {
        **({"client_groups_id": str(group_id)} if group_id else {}),
        "client_groups_name": name,
        "loyalty_type": kind,
        "client_groups_discount": percent,
        "birthday_bonus": bonus,
        **({"use_ewallet": wallet} if wallet is not None else {}),
    }
    return "&".join(f"{field}={_escaped(value)}" for field, value in fields.items())


def _escaped(text):
    return "".join(
        chr(byte) if byte in PLAIN else "+" if byte == 0x20 else f"%{byte:02X}" for byte in text.encode()
    )


def percent_of(hundredths):
    whole, cents = divmod(hundredths, 100)
    return f"{whole}.{cents:02}".rstrip("0").rstrip(".")


def normal(name):
    return unicodedata.normalize("NFC", name.strip())


class Writer:
    """A user with a browser who opens a form, types and sends, as often as required."""

    def __init__(self, client, sandbox, account="demo", group_id=1):
        self.client, self.sandbox, self.account, self.group_id = client, sandbox, account, group_id

    def edit(self, *, on=BASE, **typed):
        """Edit the group, reset to `on` first; return the status, and the bodies that arrived."""
        self.sandbox.console(self.account).edit(self.group_id, **on)
        return self._send(f"/groups/{self.group_id}/edit/", typed)

    def create(self, **typed):
        """Create a group, and remove it again in the sandbox."""
        before = set(self.sandbox.accounts[self.account].groups)
        sent = self._send("/groups/new/", typed)
        for group_id in set(self.sandbox.accounts[self.account].groups) - before:
            self.sandbox.console(self.account).remove(group_id)
        return sent

    def _send(self, url, typed):
        form = group_form(self.client, url, percent="11", name="Інша", confirmed="1") | typed
        self.sandbox.log.clear()
        answer = self.client.post(url, urlencode(form), content_type="application/x-www-form-urlencoded")
        bodies = [call.body for call in self.sandbox.posts()]
        assert (answer.status_code, len(bodies)) in {(302, 1), (422, 0)}, answer.content.decode()
        return bodies

    def stored(self, field):
        return self.sandbox.accounts[self.account].groups[self.group_id][field]


@pytest.fixture
def without_lag(settings):
    """Believe at once a value that the console restores, instead of taking it for a late read."""
    settings.POSTER_LAG_SECONDS = 0


@pytest.fixture
def writer(owner, browse, sandbox):
    return Writer(browse(owner), sandbox)


# --- Writes ------------------------------------------------------------------------------------------------


def test_any_name_arrives_as_it_was_typed_or_not_at_all(writer):
    @holds_for(ANY | NAMES)
    def check(name):
        for body in writer.edit(name=name):
            assert body == wire(1, name=normal(name), percent="11", bonus="50.00")
            assert writer.stored("client_groups_name") == encode_name(normal(name))


def test_every_visible_name_is_taken(writer):
    @holds_for(NAMES, st.sampled_from(["", " ", "\u00a0 "]))
    def check(name, space):
        # The suffix keeps the names apart: different characters can be normalized to the same text.
        unique = f"{name} {uuid.uuid4().hex[:8]}"
        assert writer.create(name=space + unique + space) == [
            wire(name=normal(unique), percent="11", bonus="50.00")
        ]


def test_every_percent_arrives_as_it_was_meant(writer):
    @holds_for(amounts(100_00), st.sampled_from(["", "%", " %", "\u00a0%"]))
    def check(amount, unit):
        hundredths, text = amount
        assert writer.edit(percent=text.rstrip() + unit) == [
            wire(1, name="Інша", percent=percent_of(hundredths), bonus="50.00")
        ]
        assert Decimal(writer.stored("client_groups_discount")) * 100 == hundredths


def test_every_bonus_arrives_in_hryvnia(writer):
    @holds_for(amounts(1_000_000_00))
    def check(amount):
        hundredths, text = amount
        assert writer.edit(birthday_bonus=text) == [
            wire(1, name="Інша", percent="11", bonus=f"{hundredths // 100}.{hundredths % 100:02}")
        ]
        assert writer.stored("birthday_bonus") == str(hundredths)


def test_every_bonus_arrives_in_kopecks_where_the_account_wants_them(browse, sandbox):
    user = make_user("kopeck", role="Owners", account="kopecks", sandbox=sandbox)
    PosterAccount.objects.update(bonus_unit=PosterAccount.BonusUnit.KOPECKS)
    writer = Writer(browse(user), sandbox, "kopecks")

    @holds_for(amounts(1_000_000_00))
    def check(amount):
        hundredths, text = amount
        assert writer.edit(birthday_bonus=text) == [
            wire(1, name="Інша", percent="11", bonus=f"{hundredths}.00")
        ]
        assert writer.stored("birthday_bonus") == str(hundredths)


def test_no_number_arrives_as_another_one(writer):
    numbers = st.text("0123456789., -+%eE٠\u00a0", max_size=12)

    @holds_for(numbers | ANY, numbers | ANY)
    def check(percent, bonus):
        for body in writer.edit(percent=percent, birthday_bonus=bonus):
            share, money = _read(percent.strip().removesuffix("%")), _read(bonus)
            assert 0 <= share <= 100
            assert 0 <= money <= 1_000_000
            assert body == wire(1, name="Інша", percent=percent_of(int(share * 100)), bonus=f"{money:.2f}")


def _read(text):
    text = text.strip()
    for space in SPACES:
        text = text.replace(space, "")
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        pytest.fail(f"{text!r} was sent, and is no number")
    assert number * 100 == int(number * 100)
    return number


def test_what_nobody_touched_goes_back_as_it_was_read(outsider, browse, sandbox):
    writer = Writer(browse(outsider), sandbox, "kavarnia", 7)

    @holds_for(
        NAMES | NAMES.map(lambda name: unicodedata.normalize("NFD", f" {name}  ")), st.sampled_from("01")
    )
    def check(name, wallet):
        on = {**BASE, "client_groups_name": encode_name(name), "use_ewallet": wallet}
        for body in writer.edit(on=on, name=name, percent="12", birthday_bonus="7,77"):
            assert body == wire(7, name=name, percent="12", bonus="7.77", wallet=wallet)


def test_nothing_is_sent_from_a_form_that_was_not_opened_here(owner, browse, sandbox):
    client = browse(owner)
    form = group_form(client, "/groups/1/edit/")

    @holds_for(ANY, st.sampled_from(["name", "percent", "birthday_bonus", "version", "operation"]), ANY)
    def check(version, field, value):
        answer = client.post("/groups/1/edit/", {**form, "version": version, field: value})
        assert answer.status_code in {404, 409, 422}
        assert not sandbox.posts()


# --- Addresses ---------------------------------------------------------------------------------------------

ADDRESSES = ("/groups/", "/groups/export.csv", "/history/", "/people/?log", "/accounts/login/")
PARAMETERS = [
    "q",
    "type",
    "sort",
    "page",
    "next",
    "kind",
    "user",
    "group",
    "since",
    "until",
    "action",
    "state",
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_no_query_string_breaks_a_page_or_goes_on_to_poster(owner, browse, sandbox, url):
    client = browse(owner)

    @holds_for(st.dictionaries(st.sampled_from(PARAMETERS), ANY))
    def check(query):
        assert client.get(url, query).status_code in {200, 302, 400}

    assert all(call.query == {"format": "json", "token": "[token]"} for call in sandbox.calls())


def test_an_id_is_asked_for_as_it_stands_in_the_address_or_not_at_all(owner, browse, sandbox):
    client = browse(owner)
    texts = st.text("0123456789-+eE.٠١", min_size=1, max_size=12) | ANY.filter(bool)

    @holds_for(
        st.sampled_from("145") | st.integers(-9, 2**31 + 9).map(str) | texts,
        st.sampled_from(["", "edit/", "delete/"]),
    )
    def check(group_id, what):
        sandbox.log.clear()
        answer = client.get(f"/groups/{quote(group_id, safe='')}/{what}")
        known = group_id in {"1", "4", "5"}
        assert answer.status_code == 200 if known else answer.status_code in {404, 302}
        ids = {call.query["group_id"] for call in sandbox.calls() if "group_id" in call.query}
        plain = group_id.isascii() and group_id.isdigit() and group_id[0] != "0" and int(group_id) < 2**31
        assert ids <= ({group_id} if plain else set())

    assert not sandbox.posts()


def test_an_account_is_asked_under_its_own_name_or_not_at_all(newcomer, browse, sandbox):
    client = browse(newcomer)
    labels = st.text("abcXYZ019-", min_size=1, max_size=20)
    typed = labels | labels.map(lambda label: f" https://{label}.joinposter.com/ ") | ANY

    @holds_for(typed)
    def check(text):
        sandbox.log.clear()
        answer = client.post("/account/", {"account": text, "token": "ab" * 16})
        assert answer.status_code == 422
        accounts = {call.account for call in sandbox.calls()}
        label = text.strip().removeprefix("https://").removesuffix("/").removesuffix(".joinposter.com")
        assert accounts <= ({label.lower()} if _is_label(label) else set())

    assert not sandbox.posts()


def _is_label(text):
    letters = set(string.ascii_letters + string.digits + "-")
    return 0 < len(text) < 64 and set(text) <= letters and "-" not in (text[0], text[-1])
