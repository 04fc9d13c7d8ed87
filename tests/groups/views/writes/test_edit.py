"""Test creating and editing a group: forms, requests to Poster, and every status of the contract."""

import uuid

import pytest

from groups.features.approvals.models import Limits
from groups.models import Change
from tests.support.pages import group_form, hidden, text_of

# The journal has its tests in tests/groups/views/writes/test_edits_in_the_journal.py.
pytestmark = pytest.mark.django_db
EDIT, NEW = "/groups/1/edit/", "/groups/new/"
SEED = {"name": "Постоянный посетитель", "loyalty_type": "1", "percent": "10", "birthday_bonus": "50,00"}


def edit(client, url=EDIT, **changes):
    """Open the form on the seed's first group, change something and send it."""
    return client.post(url, group_form(client, url, **(SEED | changes)))


def test_an_edit_that_changes_nothing_sends_nothing_and_says_so(staff, browse, sandbox):
    client = browse(staff)
    answer = edit(client)
    assert answer.status_code == 302
    assert not sandbox.posts()
    assert not Change.objects.exists()
    assert "Nothing was changed" in text_of(client.get(answer["Location"]))


def test_a_new_group_says_what_it_was_created_with(staff, browse, sandbox):
    client = browse(staff)
    page = client.get(edit(client, NEW, name="Barista", percent="7.5")["Location"])
    assert "Created: Bonus, 7.5%, Birthday bonus: 50.00 ₴" in text_of(page)


def test_a_name_that_was_not_touched_goes_back_as_it_was_read(staff, browse, sandbox):
    name = " кав\u0438\u0306ня\u00a0"
    sandbox.console("demo").edit(1, client_groups_name=name)
    client = browse(staff)
    assert edit(client, name=name, percent="10").status_code == 302
    assert not sandbox.posts()
    assert edit(client, name=name, percent="11").status_code == 302
    assert sandbox.posts()[-1].form["client_groups_name"] == name


def test_what_could_not_be_read_is_not_sent_back(staff, browse, sandbox):
    sandbox.console("demo").edit(1, client_groups_name="a\0b")
    answer = edit(browse(staff), name="a\ufffdb", percent="11")
    assert answer.status_code == 422
    assert "stands for something that was lost" in text_of(answer)
    assert not sandbox.posts()


@pytest.mark.parametrize(
    ("url", "changes", "message"),
    [
        (NEW, {"name": "x" * 101}, "at most 100 characters"),
        (EDIT, {"percent": "101"}, "The percent must be between 0 and 100."),
        (EDIT, {"birthday_bonus": "1000001"}, "between 0 and 1,000,000"),
        (NEW, {"loyalty_type": "3"}, "Choose a type."),
    ],
)
def test_bad_input_is_reported_in_words_and_kept(staff, browse, sandbox, url, changes, message):
    answer = edit(browse(staff), url, **changes)
    assert answer.status_code == 422
    html = answer.content.decode()
    assert html.split("<title>")[1].startswith("Error:")
    assert message in text_of(answer)
    for name, value in changes.items():
        if name != "loyalty_type":
            assert f'value="{value}"' in html
    assert not sandbox.posts()


@pytest.mark.parametrize("missing", ["version", "operation"])
@pytest.mark.parametrize("url", [EDIT, NEW])
def test_a_form_without_version_or_operation_is_incomplete(staff, browse, sandbox, url, missing):
    client = browse(staff)
    form = group_form(client, url)
    del form[missing]
    assert client.post(url, form).status_code == 422
    assert not sandbox.posts()


def test_a_version_that_is_not_ours_is_a_conflict(staff, browse, sandbox):
    client = browse(staff)
    answer = client.post(EDIT, group_form(client, EDIT, version="something"))
    assert answer.status_code == 409
    assert not sandbox.posts()


def test_a_discount_group_has_no_birthday_bonus_whatever_was_in_the_hidden_field(staff, browse, sandbox):
    client = browse(staff)
    assert client.post(NEW, group_form(client, NEW, loyalty_type="2", birthday_bonus="x")).status_code == 302
    assert sandbox.posts()[-1].form["birthday_bonus"] == "0.00"


def test_a_discount_group_keeps_an_odd_bonus_of_its_own(staff, browse, sandbox):
    sandbox.console("demo").edit(4, birthday_bonus="700")
    client = browse(staff)
    url = "/groups/4/edit/"
    form = group_form(
        client, url, name="Скидочная система 10%", loyalty_type="2", percent="11", birthday_bonus="0"
    )
    assert client.post(url, form).status_code == 302
    assert sandbox.posts()[-1].form["birthday_bonus"] == "7.00"


@pytest.mark.parametrize(("url", "new_id"), [(NEW, 6), (EDIT, 1)])
def test_the_name_of_another_group_is_asked_about(staff, browse, sandbox, url, new_id):
    name = " скидочная   СИСТЕМА 20% "
    client = browse(staff, language="uk")
    form = group_form(client, url, **(SEED | {"name": name}))
    check = client.post(url, form)
    assert check.status_code == 200
    question = "Група з такою назвою вже є: № 5, 42 клієнти. Створити другу?"
    assert (question if url == NEW else "Інша група вже має цю назву: № 5, 42 клієнти.") in text_of(check)
    assert not sandbox.posts()
    assert not Change.objects.exists()
    repeated = hidden(check, *form, "confirmed")
    assert repeated == form | {"confirmed": "1", "name": name}
    answer = client.post(url, repeated)
    assert (answer.status_code, answer["Location"]) == (302, f"/groups/{new_id}/")
    assert sandbox.posts()[-1].form["client_groups_name"] == name.strip()
    assert Change.objects.get().state == Change.State.APPLIED


@pytest.mark.parametrize(("url", "known"), [(NEW, ()), (EDIT, (5,))])
def test_a_confirmed_risk_is_no_consent_to_a_name_that_was_taken_meanwhile(
    staff, browse, sandbox, url, known
):
    for group_id in known:
        sandbox.console().edit(group_id, client_groups_name="Нова")
    client = browse(staff)
    form = group_form(client, url, **(SEED | {"name": "Нова", "birthday_bonus": "20000"}))
    check = client.post(url, form)
    assert "The birthday bonus" in text_of(check)
    sandbox.console().edit(4, client_groups_name="Нова")
    again = client.post(url, form | hidden(check, "operation", "confirmed", "namesakes"))
    assert again.status_code == 200
    assert "no. 4, 43 clients" in text_of(again)
    assert not sandbox.posts()
    assert client.post(url, form | hidden(again, "operation", "confirmed", "namesakes")).status_code == 302
    assert len(sandbox.posts()) == 1


def test_a_creation_that_is_sent_twice_is_not_asked_about_its_own_group(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, NEW)
    first, second = client.post(NEW, form), client.post(NEW, form)
    assert first.status_code == second.status_code == 302
    assert first["Location"] == second["Location"] == "/groups/6/"
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize(
    "changes",
    [{"percent": "20.01"}, {"loyalty_type": "2"}, {"birthday_bonus": "500"}],
    ids=lambda c: next(iter(c)),
)
def test_a_risky_edit_is_asked_about_once_more(staff, browse, sandbox, changes):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | changes))
    check = client.post(EDIT, form)
    assert check.status_code == 200
    assert not sandbox.posts()
    assert "Постоянный посетитель · It touches 125 clients of the group." in text_of(check)
    # Values that stay are not shown.
    assert '<th scope="row">Name</th>' not in check.content.decode()
    repeated = hidden(check, *form, "confirmed")
    assert repeated == form | {"confirmed": "1"}
    assert client.post(EDIT, repeated).status_code == 302
    assert len(sandbox.posts()) == 1


def test_a_warned_save_reads_the_list_of_groups_once_a_step_and_counts_by_it(staff, browse, sandbox):
    Limits.objects.create(account_id="demo", max_clients=1000)
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"name": "Скидочная система 20%", "percent": "25"}))
    check = client.post(EDIT, form)
    assert "no. 5, 42 clients" in text_of(check)
    opened = ["getGroup"]
    warned = ["getGroups", "getClients"]
    saved = ["getGroups", "getClients", "getGroup", "updateGroup", "getGroup"]
    assert [call.method.removeprefix("clients.") for call in sandbox.calls()] == opened + warned
    repeated = form | hidden(check, "operation", "confirmed", "namesakes")
    assert client.post(EDIT, repeated).status_code == 302
    assert [call.method.removeprefix("clients.") for call in sandbox.calls()] == opened + warned + saved


def test_a_confirmed_creation_compares_the_names_in_its_own_read_before(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, NEW, **(SEED | {"name": "Скидочная система 20%"}))
    check = client.post(NEW, form)
    assert client.post(NEW, form | hidden(check, "operation", "confirmed", "namesakes")).status_code == 302
    methods = [call.method.removeprefix("clients.") for call in sandbox.calls()]
    assert methods == ["getGroups", "getGroups", "createGroup", "getGroups"]


# --- While Poster fails ------------------------------------------------------------------------------------


def test_if_poster_cannot_be_read_before_nothing_is_sent_and_the_form_stays(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"percent": "15"}))
    sandbox.script("*", "status_500", times=None)
    answer = client.post(EDIT, form)
    assert answer.status_code == 502
    assert 'value="15"' in answer.content.decode()
    assert 'data-outcome="failed"' in answer.content.decode()
    assert not sandbox.posts()
    sandbox.clear_faults()
    assert client.post(EDIT, form | hidden(answer, "version", "operation")).status_code == 302


# --- Ids, methods, HTMX ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "edit/", "delete/"])
def test_unknown_groups_are_not_found(owner, browse, page):
    client = browse(owner)
    assert client.get(f"/groups/6/{page}").status_code == 404
    if page:
        form = {"name": "x", "loyalty_type": "1", "percent": "1", "birthday_bonus": "1"}
        form |= {"version": "x", "operation": str(uuid.uuid4())}
        assert client.post(f"/groups/6/{page}", form).status_code == 404


@pytest.mark.parametrize("group_id", ["0", "01", "2147483648", "١٢"])
def test_what_is_no_id_is_not_found_and_not_asked_for(owner, browse, sandbox, group_id):
    for page in ("", "edit/", "delete/"):
        assert browse(owner).get(f"/groups/{group_id}/{page}").status_code == 404
    assert not sandbox.calls()


def test_the_id_in_the_body_of_a_form_is_ignored(staff, browse, sandbox):
    client = browse(staff)
    client.post(EDIT, group_form(client, EDIT, **(SEED | {"percent": "15"}), client_groups_id="5", id="5"))
    assert sandbox.posts()[-1].form["client_groups_id"] == "1"


def test_an_unknown_type_is_not_edited(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"percent": "15"}))
    sandbox.console("demo").edit(1, loyalty_type="3")
    assert client.post(EDIT, form).status_code == 409
    form = group_form(client, EDIT, **(SEED | {"percent": "15"}))
    answer = client.post(EDIT, form | {"confirmed": "1"})
    assert answer.status_code == 422
    assert "has a type for this group that is not known" in text_of(answer)
    assert not sandbox.posts()
