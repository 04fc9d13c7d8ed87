"""Test the limits of an account, and the requests for writes beyond them, as people meet them."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from groups.models import ApprovalRequest, Change, Limits
from tests.conftest import make_user
from tests.pages import HTMX, group_form, hidden, text_of

pytestmark = pytest.mark.django_db
# Group 1 of the sandbox: 10%, birthday bonus 50.
EDIT = "/groups/1/edit/"


@pytest.fixture
def limits(db, sandbox, staff):
    def limits(**values):
        return Limits.objects.update_or_create(account_id="demo", defaults=values)[0]

    return limits


@pytest.fixture
def deputy(sandbox):
    return make_user("deputy", role="Owners", account="demo", sandbox=sandbox)


def send(client, url=EDIT, headers=None, **values):
    if url == EDIT:
        values = {"name": "Гості"} | values
    return client.post(url, group_form(client, url, **values), headers=headers)


def the_request():
    return ApprovalRequest.objects.get()


def state_of(response):
    return re.search(r'data-request="([0-9a-f-]+)" data-state="(\w+)"', response.content.decode()).groups()


# --- Ask ---------------------------------------------------------------------------------------------------


def test_a_change_beyond_a_limit_becomes_a_request_and_nothing_is_sent(staff, browse, sandbox, limits):
    limits(max_percent=Decimal(20))
    client = browse(staff)
    answer = send(client, percent="25")
    asked = the_request()
    assert (answer.status_code, answer["Location"]) == (302, f"/requests/{asked.pk}/")
    assert not sandbox.posts()
    assert not Change.objects.exists()
    page = client.get(answer["Location"])
    assert state_of(page) == (str(asked.pk), "waiting")
    assert "The percent would be 25%; the limit is 20%." in text_of(page)
    assert "Nobody approves a request of their own." in text_of(page)


def test_htmx_is_led_to_the_request(staff, browse, limits):
    limits(max_percent=Decimal(20))
    client = browse(staff)
    answer = send(client, headers={**HTMX, "HX-Target": "form"}, percent="25")
    assert answer["HX-Redirect"] == f"/requests/{the_request().pk}/"


def test_the_same_form_sent_twice_is_one_request(staff, browse, limits):
    limits(max_percent=Decimal(20))
    client = browse(staff)
    form = group_form(client, EDIT, percent="25")
    assert client.post(EDIT, form)["Location"] == client.post(EDIT, form)["Location"]
    assert ApprovalRequest.objects.count() == 1
    assert client.post(EDIT, {**form, "percent": "30"}).status_code == 409


@pytest.mark.parametrize(
    ("limit", "value", "within", "beyond"),
    [
        ("max_percent", 20, {"percent": "20"}, {"percent": "20.01"}),
        ("max_rise", 5, {"percent": "15"}, {"percent": "15.01"}),
        ("max_birthday_bonus", 60, {"birthday_bonus": "60"}, {"birthday_bonus": "60.01"}),
    ],
)
def test_a_limit_is_inclusive(staff, browse, sandbox, limits, limit, value, within, beyond):
    limits(**{limit: value})
    client = browse(staff)
    assert send(client, **beyond)["Location"].startswith("/requests/")
    assert not sandbox.posts()
    assert send(client, **within)["Location"] == "/groups/1/"
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize(("more", "asks"), [(0, False), (-1, True)])
def test_as_many_clients_as_the_limit_may_be_reached(staff, browse, sandbox, limits, more, asks):
    count = int(sandbox.accounts["demo"].groups[1]["count_groups_clients"])
    limits(max_clients=count + more)
    answer = send(browse(staff), percent="9")
    assert answer["Location"].startswith("/requests/") is asks
    assert bool(sandbox.posts()) is not asks


def test_a_new_name_reaches_nobody(staff, browse, sandbox, limits):
    limits(max_clients=0)
    assert send(browse(staff), name="Інша")["Location"] == "/groups/1/"


def test_what_is_beyond_a_limit_already_may_be_lowered_and_renamed(staff, browse, sandbox, limits):
    limits(max_percent=5, max_birthday_bonus=10)
    assert send(browse(staff), name="Інша", percent="8")["Location"] == "/groups/1/"


def test_creations_count_too(staff, browse, sandbox, limits):
    limits(max_rise=5)
    client = browse(staff)
    assert send(client, "/groups/new/", percent="6")["Location"].startswith("/requests/")
    assert not sandbox.posts()
    assert not send(client, "/groups/new/", percent="5")["Location"].startswith("/requests/")


def test_clients_that_cannot_be_counted_leave_the_form_and_send_nothing(staff, browse, sandbox, limits):
    limits(max_clients=5)
    client = browse(staff)
    form = group_form(client, EDIT, percent="11")
    sandbox.script("clients.getGroup", "status_500", times=None)
    answer = client.post(EDIT, form)
    assert answer.status_code == 502
    assert "they could not be counted" in text_of(answer)
    assert not sandbox.posts()


# --- Decide ------------------------------------------------------------------------------------------------


def ask(browse, staff, limits, url=EDIT, **values):
    limits(max_percent=Decimal(20))
    send(browse(staff), url, **(values or {"percent": "25"}))
    return f"/requests/{the_request().pk}/"


def test_another_approves_with_their_own_token_and_the_history_names_both(
    staff, owner, browse, sandbox, limits
):
    url = ask(browse, staff, limits)
    client = browse(owner)
    assert 'data-to-decide="1"' in client.get("/groups/").content.decode()
    sandbox.log.clear()
    answer = client.post(f"{url}approve/")
    assert (answer.status_code, answer["Location"]) == (302, url)
    assert len(sandbox.posts()) == 1
    change = Change.objects.get()
    assert (change.state, change.user, change.user_name, change.asked_by) == (
        "applied",
        owner,
        "owner",
        "staff",
    )
    assert sandbox.accounts["demo"].groups[1]["client_groups_discount"] == "25"
    assert state_of(client.get(url))[1] == "approved"
    assert "owner, for staff" in text_of(client.get("/history/"))
    assert "owner, for staff" in text_of(client.get(f"/history/{change.pk}/"))
    assert "data-to-decide" not in client.get("/groups/").content.decode()


def test_a_group_with_a_new_name_that_exists_is_approved_all_the_same(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits, "/groups/new/", name="Нова", percent="30")
    browse(owner).post(f"{url}approve/")
    assert Change.objects.get().state == "applied"


def test_nobody_approves_or_refuses_their_own(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    staff.groups.set(owner.groups.all())
    client = browse(staff)
    assert client.post(f"{url}approve/").status_code == 403
    assert client.post(f"{url}refuse/", {"reason": "ні"}).status_code == 403
    assert (the_request().state, sandbox.posts()) == ("waiting", [])


def test_without_the_right_nobody_decides_or_sees_it(staff, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    other = make_user("other", role="Staff", account="demo", sandbox=sandbox)
    client = browse(other)
    assert client.post(f"{url}approve/").status_code == 403
    assert client.get(url).status_code == 404
    assert str(the_request().pk) not in client.get("/requests/").content.decode()


def test_requests_of_another_account_are_not_there(staff, outsider, browse, limits):
    url = ask(browse, staff, limits)
    client = browse(outsider)
    assert client.get(url).status_code == 404
    assert client.post(f"{url}approve/").status_code == 404
    assert "data-to-decide" not in client.get("/requests/").content.decode()


def test_a_refusal_has_a_reason_and_is_final(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    client = browse(owner)
    assert client.post(f"{url}refuse/", {"reason": " "}).status_code == 422
    assert client.post(f"{url}refuse/", {"reason": "Задорого"})["Location"] == url
    page = browse(staff).get(url)
    assert state_of(page)[1] == "refused"
    assert "Задорого" in text_of(page)
    assert "moved on" in text_of(client.post(f"{url}approve/", follow=True))
    assert not sandbox.posts()


def test_after_seven_days_it_has_lapsed(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    client = browse(owner)
    rows = ApprovalRequest.objects.all()
    rows.update(created_at=timezone.now() - timedelta(days=6, hours=23))
    assert state_of(client.get(url))[1] == "waiting"
    rows.update(created_at=timezone.now() - timedelta(days=7, seconds=1))
    assert state_of(client.get(url))[1] == "lapsed"
    assert "data-to-decide" not in client.get("/groups/").content.decode()
    client.post(f"{url}approve/")
    client.post(f"{url}refuse/", {"reason": "ні"})
    assert (the_request().state, sandbox.posts()) == ("waiting", [])


def test_a_group_that_changed_since_is_asked_about_again(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    row = sandbox.accounts["demo"].groups[1]
    sandbox.console("demo").put(row | {"client_groups_name": "Перейменована"})
    client = browse(owner)
    answer = client.post(f"{url}approve/")
    assert answer.status_code == 409
    assert not sandbox.posts()
    assert "Перейменована" in text_of(answer)
    assert the_request().state == "waiting"
    again = client.post(f"{url}approve/", hidden(answer, "version"))
    assert again["Location"] == url
    now = sandbox.accounts["demo"].groups[1]
    assert (now["client_groups_name"], now["client_groups_discount"]) == ("Перейменована", "25")


def test_a_mark_of_older_values_asks_once_more(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    row = sandbox.accounts["demo"].groups[1]
    sandbox.console("demo").put(row | {"client_groups_name": "Перша"})
    client = browse(owner)
    first = hidden(client.post(f"{url}approve/"), "version")
    sandbox.console("demo").put(row | {"client_groups_name": "Друга"})
    assert client.post(f"{url}approve/", first).status_code == 409
    assert not sandbox.posts()


def test_a_write_that_changed_nothing_lets_the_request_wait_again(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    client = browse(owner)
    sandbox.script("clients.updateGroup", "error_unknown_code")
    assert client.post(f"{url}approve/").status_code == 422
    assert the_request().state == "waiting"
    assert client.post(f"{url}approve/")["Location"] == url
    assert [change.state for change in Change.objects.all()] == ["applied", "refused"]


def test_a_group_that_is_gone_is_said_to_be_gone(staff, owner, browse, sandbox, limits):
    url = ask(browse, staff, limits)
    sandbox.console("demo").remove(1)
    answer = browse(owner).post(f"{url}approve/")
    assert answer.status_code in {404, 422}
    assert the_request().state == "waiting"
    assert not sandbox.posts()


# --- The right to go beyond them ---------------------------------------------------------------------------


def test_an_owner_passes_with_a_reason_that_is_in_the_history(owner, browse, sandbox, limits):
    limits(max_percent=Decimal(20))
    client = browse(owner)
    form = group_form(client, EDIT, percent="25")
    answer = client.post(EDIT, form)
    assert answer.status_code == 200
    assert "The percent would be 25%; the limit is 20%." in text_of(answer)
    assert client.post(EDIT, {**form, "confirmed": "1", "reason": " "}).status_code == 422
    assert not sandbox.posts()
    done = client.post(EDIT, {**form, "confirmed": "1", "reason": "Ювілей закладу"})
    assert done["Location"] == "/groups/1/"
    change = Change.objects.get()
    assert (change.state, change.limit_reason, change.asked_by) == ("applied", "Ювілей закладу", "")
    assert "Ювілей закладу" in text_of(client.get("/history/"))
    assert "Ювілей закладу" in text_of(client.get(f"/history/{change.pk}/"))


def test_a_reason_without_the_right_is_no_way_past(staff, browse, sandbox, limits):
    limits(max_percent=Decimal(20))
    assert send(browse(staff), percent="25", reason="Дуже треба", confirmed="1")["Location"].startswith(
        "/requests/"
    )
    assert not sandbox.posts()


def test_owners_set_the_limits(owner, browse):
    client = browse(owner)
    form = {"max_percent": "20,5", "max_rise": "", "max_birthday_bonus": "1 000", "max_clients": "150"}
    assert client.post("/account/limits/", form)["Location"] == "/account/limits/"
    kept = Limits.objects.get(account="demo")
    assert (kept.max_percent, kept.max_rise, kept.max_birthday_bonus, kept.max_clients) == (
        Decimal("20.5"),
        None,
        1000,
        150,
    )
    page = client.get("/account/limits/")
    assert 'value="20.5"' in page.content.decode()
    assert "Set by owner" in text_of(page)
    assert client.post("/account/limits/", {**form, "max_clients": "1.5"}).status_code == 422
    assert client.post("/account/limits/", {**form, "max_percent": "101"}).status_code == 422


def test_staff_do_not_set_the_limits(staff, browse):
    assert browse(staff).post("/account/limits/", {"max_percent": "90"}).status_code == 403
    assert not Limits.objects.exists()
