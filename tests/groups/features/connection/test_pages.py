"""Test the page of the check, the line on the account's page, and what each role sees of them."""

import pytest

from groups.features.connection.models import ConnectionCheck
from groups.features.connection.services import checks
from groups.services.credentials import credentials_of
from groups.services.facts import READ, Seen, store
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db
EXPECTED = {name: Seen(kind.expected[0] if kind.expected else "4", 9) for name, kind in READ.items()}


def see(user, values=()):
    store(credentials_of(user), EXPECTED | {name: Seen(value, 9) for name, value in dict(values).items()})


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, "Works with this account"),
        ({"receipts.order": "mixed", "clients.pages": "cut"}, "2 things differ"),
        ({"percent.fraction": "rounded"}, "1 thing differs"),
        ({"receipts.order": "unknown"}, "1 is not known yet"),
    ],
)
def test_the_account_says_in_one_line_what_the_check_came_to(manager, browse, values, line):
    see(manager, values)
    client = browse(manager)
    assert line in text_of(client.get("/account/"))
    page = client.get("/account/check/").content.decode()
    assert page.count("data-fact=") == len(READ | values)
    assert ('<details class="more" open>' in page) == bool(values)
    assert 'data-fact="receipts.closing" data-value="4" data-evidence="9"' in page


def test_each_value_of_each_fact_has_a_sentence_of_its_own(owner, browse):
    client, sentences = browse(owner), set()
    for place in range(3):
        kinds = {name: kind.values for name, kind in READ.items() if kind.values}
        see(owner, {name: values[min(place, len(values) - 1)] for name, values in kinds.items()})
        page = client.get("/account/check/").content.decode()
        found = [
            each.partition("</li>")[0].partition("<p>")[2].strip() for each in page.split("data-fact=")[1:]
        ]
        assert all(found)
        sentences |= set(found)
    values = sum(len(kind.values) for kind in READ.values())
    assert len(sentences) == values + sum(not kind.values for kind in READ.values())


def test_the_report_and_the_write_check_are_for_owners(manager, owner, browse):
    see(owner)
    checks.begin_check(credentials_of(owner))
    ConnectionCheck.objects.update(ended_at=owner.date_joined, next_at=None)
    page = browse(owner).get("/account/check/").content.decode()
    assert 'id="report"' in page
    assert "/account/check/write/" in page
    page = browse(manager).get("/account/check/").content.decode()
    assert 'id="report"' not in page
    assert "/account/check/write/" not in page


def test_a_button_begins_a_check_once(staff, browse):
    client = browse(staff)
    for _ in range(2):
        assert client.post("/account/check/").status_code == 302
    assert ConnectionCheck.objects.due().count() == 1
    assert 'data-check="running"' in client.get("/account/check/").content.decode()
