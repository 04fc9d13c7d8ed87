"""Test the table of criteria: who may see and save it, what is refused, and two who save at once."""

import re
from functools import partial

import pytest

from groups.features.criteria.models import Criteria, CriteriaPin, CriteriaSave
from groups.features.criteria.services.judging import Table
from tests.support.criteria import URL, fields, save, version_in
from tests.support.pages import hidden, text_of
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ROW = {"group": 4, "days": "30", "bought_min": "6000"}
PINS = "/criteria/pins/"


@pytest.fixture
def post(browse, owner):
    """Return a function that sends the form of the table as an owner."""
    client = browse(owner)

    def post(*rows, **more):
        return client.post(URL, fields(*rows, **more))

    post.client = client
    return post


def rows_of(page):
    return re.findall(r'data-criterion="(\d+)"\s+data-group="(\d+)"', page.content.decode())


def stored():
    return Table.from_json(Criteria.objects.get().table)


# --- Saving ------------------------------------------------------------------------------------------------


def test_an_owner_saves_a_table_and_all_who_see_groups_can_read_it(post, browse, manager, staff):
    def is_offered(client):
        return f'href="{URL}"' in client.get("/go/").content.decode()

    assert (is_offered(post.client), is_offered(browse(manager))) == (True, False)
    birthday = {"group": 5, "birthday_in": "7", "ORDER": "1"}
    answer = post(ROW | {"ORDER": "2"}, birthday, nightly="on")
    assert (answer.status_code, answer["Location"]) == (302, URL)
    row = Criteria.objects.get()
    assert (row.nightly, row.user_name) == (True, "owner")
    # The rows are in the order of judging.
    assert [(each.group_id, each.birthday_in, each.bought_min) for each in stored().rows] == [
        (5, 7, None),
        (4, None, 6_000_00),
    ]
    for client in (post.client, browse(manager), browse(staff)):
        page = client.get(URL)
        assert page.status_code == 200
        assert rows_of(page) == [("1", "5"), ("2", "4")]
    assert is_offered(browse(manager))


def test_kopecks_and_zero_are_bounds(post):
    assert post(ROW | {"bought_min": "0", "bought_max": "12,50 ₴", "receipts_max": "0"}).status_code == 302
    row = stored().rows[0]
    assert (row.bought_min, row.bought_max, row.receipts_max) == (0, 12_50, 0)
    page = post.client.get(URL).content.decode()
    assert 'name="rows-0-bought_max" value="12.5"' in page
    assert 'name="rows-0-bought_min" value="0"' in page


def test_a_row_with_a_delete_is_not_validated(post):
    assert post(ROW, {"group": "x", "days": "999", "DELETE": "on"}).status_code == 302
    assert len(stored().rows) == 1


def test_a_table_that_somebody_else_has_saved_since_is_shown_beside_ones_own(post, owner):
    version = version_in(post.client.get(URL))
    save(owner, {"group_id": 6, "birthday_in": 3}, otherwise=7)
    answer = post(ROW, version=version)
    assert answer.status_code == 409
    html = answer.content.decode()
    assert 'data-notice="conflict"' in html
    assert rows_of(answer) == [("1", "6")]
    assert 'name="rows-0-bought_min" value="6000"' in html
    assert stored().otherwise == 7
    # The form has the version of now: to save once more replaces it.
    again = fields(ROW, version=version_in(answer))
    assert post.client.post(URL, again).status_code == 302
    assert stored().otherwise == 1


def test_of_two_who_save_at_once_one_hears_of_the_other_and_one_form_sent_twice_is_one_save(
    browse, owner, second_owner
):
    clients = [browse(owner), browse(second_owner)]
    version = "none"
    for amount in ("1", "3"):
        forms = [fields(ROW | {"bought_min": amount + digit}, version=version) for digit in "01"]
        posts = [partial(client.post, URL, form) for client, form in zip(clients, forms, strict=True)]
        assert sorted(answer.status_code for answer in at_once(*posts)) == [302, 409]
        version = version_in(clients[0].get(URL))
    form = fields(ROW | {"bought_min": "9"}, version=version)
    answers = at_once(*[partial(clients[0].post, URL, form)] * 3)
    assert [answer.status_code for answer in answers] == [302] * 3
    assert CriteriaSave.objects.count() == 3


# --- What is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"group": 4, "days": "30"}, "at least one condition"),
        ({"group": 4, "receipts_max": "5"}, "in how many days"),
        (ROW | {"days": "366"}, "between 1 and 365"),
        (ROW | {"receipts_min": "100001"}, "between 0 and 100,000"),
        (ROW | {"bought_min": "-5"}, "between 0 and 100,000,000"),
        (ROW | {"bought_max": "5999,99"}, "above the upper one"),
        (ROW | {"receipts_min": "3", "receipts_max": "2"}, "above the upper one"),
        ({"group": 4, "registered_min": "3", "registered_max": "2"}, "above the upper one"),
        (ROW | {"group": 999}, "not in Poster"),
        (ROW | {"group": 1}, "has a row of its own"),
    ],
)
def test_a_wrong_row_says_why_and_keeps_what_was_typed(post, row, words):
    answer = post(row)
    assert answer.status_code == 422
    assert words in text_of(answer)
    for name, value in row.items():
        if name != "group" and value:
            assert f'name="rows-0-{name}" value="{value}"' in answer.content.decode()
    assert not Criteria.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"otherwise": ""}, {"version": ""}, {"operation": ""}, {"max_moves": "-1"}, {"max_moves": "100001"}],
)
def test_a_wrong_table_is_refused(post, wrong):
    assert post.client.post(URL, fields(ROW) | wrong).status_code == 422


def test_others_save_nothing(browse, manager, staff):
    for user in (manager, staff):
        assert browse(user).post(URL, fields(ROW)).status_code == 403
    assert not Criteria.objects.exists()


def test_a_group_that_is_gone_is_said_to_all_and_the_form_refuses_it(post, browse, manager, owner, sandbox):
    save(owner, {"group_id": 4, "birthday_in": 3})
    sandbox.console().remove(4)
    for client in (post.client, browse(manager)):
        page = client.get(URL + "?refresh=1")
        assert "no longer in Poster" in text_of(page)
        assert rows_of(page) == [("1", "4")]
    answer = post(ROW, version=version_in(post.client.get(URL)))
    assert answer.status_code == 422


# --- Rows without JavaScript -------------------------------------------------------------------------------


def typed(page):
    return re.findall(r'name="rows-\d+-birthday_in" value="(\w+)"', page.content.decode())


@pytest.mark.parametrize(
    ("step", "left"),
    [
        ("add", ["1", "2x", "3"]),
        ("up-1", ["2x", "1", "3"]),
        ("down-1", ["1", "3", "2x"]),
        ("remove-0", ["2x", "3"]),
        ("down-9", ["1", "2x", "3"]),
    ],
)
def test_buttons_change_the_rows_and_check_nothing(post, step, left):
    rows = [{"group": number, "birthday_in": text} for number, text in ((4, "1"), (5, "2x"), (6, "3"))]
    page = post(*rows, step=step, max_moves="abc")
    assert page.status_code == 200
    assert typed(page) == left
    html = page.content.decode()
    assert f'name="rows-TOTAL_FORMS" value="{len(left) + (step == "add")}"' in html
    assert 'name="max_moves" value="abc"' in html
    assert 'class="summary"' not in html
    assert not Criteria.objects.exists()


# --- Pins --------------------------------------------------------------------------------------------------


def test_staff_pin_a_client_and_everybody_sees_the_id_and_the_reason(browse, staff, manager, owner, sandbox):
    save(owner, {"group_id": 4, "birthday_in": 3})
    client = browse(staff)
    answer = client.post(PINS, {"client": "3", "reason": "our neighbour"})
    assert (answer.status_code, answer["Location"]) == (302, URL)
    page = browse(manager).get(URL)
    assert 'data-pin="3"' in page.content.decode()
    assert "our neighbour" in text_of(page)
    name = sandbox.accounts["demo"].clients.row(3)["lastname"]
    assert name not in page.content.decode()
    # A second pin of the same client takes the place of the first.
    client.post(PINS, {"client": "3", "reason": "an old friend", "until": "2999-01-01"})
    pin = CriteriaPin.objects.get()
    assert (pin.reason, pin.user_name, str(pin.until)) == ("an old friend", "staff", "2999-01-01")
    assert browse(manager).post(f"/criteria/pins/{pin.pk}/remove/").status_code == 403
    assert client.post(f"/criteria/pins/{pin.pk}/remove/").status_code == 302
    assert 'data-pin="3"' not in client.get(URL).content.decode()
    assert client.post(f"/criteria/pins/{pin.pk}/remove/").status_code == 404


def test_a_pin_that_somebody_has_changed_since_the_page_was_shown_stays(browse, staff, owner, sandbox):
    save(owner, {"group_id": 4, "birthday_in": 3})
    browse(owner).post(PINS, {"client": "3", "reason": "our neighbour"})
    client = browse(staff)
    remove = f"/criteria/pins/{CriteriaPin.objects.get().pk}/remove/"
    seen = hidden(client.get(URL), "made_at")
    browse(owner).post(PINS, {"client": "3", "reason": "an old friend"})
    page = client.post(remove, seen, follow=True)
    assert "The pin was changed meanwhile, so it stays." in text_of(page)
    assert "an old friend" in text_of(page)
    page = client.post(remove, hidden(page, "made_at"), follow=True)
    assert "The pin is removed." in text_of(page)
    assert not CriteriaPin.objects.exists()


@pytest.mark.parametrize(
    "sent",
    [
        {"client": "3", "reason": " "},
        {"client": "999999", "reason": "x"},
        {"client": "3", "reason": "x", "until": "2001-01-01"},
    ],
)
def test_a_wrong_pin_is_refused(browse, staff, sent):
    assert browse(staff).post(PINS, sent).status_code == 422
    assert not CriteriaPin.objects.exists()
