"""Test creating and editing a group: forms, requests to Poster, and every status of the contract."""

import json
import uuid

import pytest

from groups.models import Change, PosterAccount
from groups.services.writes.commands.update_group import UpdateGroup
from groups.views.writes import write_responses
from tests.support.pages import GROUP_4, HTMX, fragment, group_form, group_ids, hidden, open_form, text_of

# The journal has its tests in tests/groups/views/writes/test_edits_in_the_journal.py.
pytestmark = [pytest.mark.django_db, pytest.mark.once]
EDIT, NEW = "/groups/1/edit/", "/groups/new/"
SEED = {"name": "Постоянный посетитель", "loyalty_type": "1", "percent": "10", "birthday_bonus": "50,00"}


def edit(client, url=EDIT, **changes):
    """Open the form on the seed's first group, change something and send it."""
    return client.post(url, group_form(client, url, **(SEED | changes)))


def test_a_form_shows_what_poster_has_now(staff, browse, sandbox):
    client = browse(staff, language="uk")
    client.get("/groups/1/")
    sandbox.console("demo").edit(1, client_groups_discount="12.5")
    html = client.get(EDIT).content.decode()
    assert 'value="12,5"' in html
    assert 'value="50,00"' in html


def test_a_saved_bonus_goes_out_in_hryvnia_as_it_was_read_in_kopecks(staff, browse, sandbox):
    client = browse(staff)
    answer = edit(client, percent="11")
    assert answer.status_code == 302
    assert answer["Location"] == "/groups/1/"
    assert sandbox.posts()[-1].form["birthday_bonus"] == "50.00"
    page = client.get("/groups/1/")
    assert 'data-notice="success"' in page.content.decode()
    assert 'data-outcome="applied"' in page.content.decode()


def test_an_edit_that_changes_nothing_sends_nothing_and_says_so(staff, browse, sandbox):
    client = browse(staff)
    answer = edit(client)
    assert answer.status_code == 302
    assert not sandbox.posts()
    assert not Change.objects.exists()
    assert "Nothing was changed" in text_of(client.get(answer["Location"]))


def test_decimals_are_taken_as_people_type_them(staff, browse, sandbox):
    assert edit(browse(staff), percent="12,5 %", birthday_bonus="250,5").status_code == 302
    sent = sandbox.posts()[-1].form
    assert (sent["client_groups_discount"], sent["birthday_bonus"]) == ("12.5", "250.50")


@pytest.mark.parametrize("name", [" Гості ", "Гості\u00a0", "кав\u0438\u0306ня"])
def test_a_name_that_was_not_touched_goes_back_as_it_was_read(staff, browse, sandbox, name):
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


def test_a_name_with_an_entity_is_written_back_decoded(staff, browse, sandbox):
    sandbox.console("demo").edit(1, client_groups_name="кав&#39;ярні")
    client = browse(staff)
    assert edit(client, name="кав'ярні", percent="11").status_code == 302
    assert sandbox.posts()[-1].form["client_groups_name"] == "кав'ярні"


@pytest.mark.parametrize(
    ("url", "changes", "message"),
    [
        (EDIT, {"name": ""}, "Enter a name."),
        (NEW, {"name": "x" * 101}, "at most 100 characters"),
        (EDIT, {"name": "a\N{RIGHT-TO-LEFT OVERRIDE}b"}, "invisible"),
        (NEW, {"percent": "101"}, "The percent must be between 0 and 100."),
        (EDIT, {"percent": "-1"}, "The percent must be between 0 and 100."),
        (NEW, {"percent": "ten"}, "Enter a number"),
        (EDIT, {"percent": ""}, "Enter a percent."),
        (NEW, {"birthday_bonus": "0.005"}, "two digits"),
        (EDIT, {"birthday_bonus": "1000001"}, "between 0 and 1,000,000"),
        (NEW, {"birthday_bonus": ""}, "Enter a birthday bonus"),
        (NEW, {"loyalty_type": "3"}, "Choose a type."),
    ],
)
def test_bad_input_is_told_in_words_and_kept(staff, browse, sandbox, url, changes, message):
    answer = edit(browse(staff), url, **changes)
    assert answer.status_code == 422
    html = answer.content.decode()
    assert html.split("<title>")[1].startswith("Error:")
    assert message in text_of(answer)
    for name, value in changes.items():
        if name != "loyalty_type" and value and "\N{RIGHT-TO-LEFT OVERRIDE}" not in value:
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


def test_an_operation_that_is_none_is_a_form_error(staff, browse):
    client = browse(staff)
    assert client.post(EDIT, group_form(client, EDIT, operation="x")).status_code == 422


def test_a_group_is_created(staff, browse, sandbox):
    client = browse(staff)
    answer = client.post(
        NEW, group_form(client, NEW, name="Бариста +", percent="0,1", birthday_bonus="99999.99")
    )
    assert answer.status_code == 200  # such a bonus causes a warning
    form = {
        **group_form(client, NEW),
        **hidden(answer, "version", "operation", "name", "percent"),
        "confirmed": "1",
    }
    form["birthday_bonus"] = "99999.99"
    answer = client.post(NEW, form)
    assert (answer.status_code, answer["Location"]) == (302, "/groups/6/")
    assert sandbox.posts()[-1].form == {
        "client_groups_name": "Бариста +",
        "loyalty_type": "1",
        "client_groups_discount": "0.1",
        "birthday_bonus": "99999.99",
    }


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
@pytest.mark.parametrize("name", ["Скидочная система 20%", " скидочная   СИСТЕМА 20% "])
def test_the_name_of_another_group_is_asked_about(staff, browse, sandbox, url, new_id, name):
    client = browse(staff, language="uk")
    form = group_form(client, url, **(SEED | {"name": name}))
    check = client.post(url, form)
    assert check.status_code == 200
    asked = "Група з такою назвою вже є: № 5, 42 клієнти. Створити другу?"
    assert (asked if url == NEW else "Інша група вже має цю назву: № 5, 42 клієнти.") in text_of(check)
    assert not sandbox.posts()
    assert not Change.objects.exists()
    repeated = hidden(check, *form, "confirmed")
    assert repeated == form | {"confirmed": "1", "name": name}
    answer = client.post(url, repeated)
    assert (answer.status_code, answer["Location"]) == (302, f"/groups/{new_id}/")
    assert sandbox.posts()[-1].form["client_groups_name"] == name.strip()
    assert Change.objects.get().state == Change.State.APPLIED


def test_all_groups_of_a_name_are_counted_but_not_the_own_one(staff, browse, sandbox):
    for group_id in (4, 5):
        sandbox.console().edit(group_id, client_groups_name="Гості")
    client = browse(staff)
    assert "no. 4, 43 clients; no. 5, 42 clients" in text_of(edit(client, name="гості"))
    # Editing only the percent of a group with a duplicate name causes no warning about names.
    url = "/groups/4/edit/"
    form = group_form(client, url, name="Гості", loyalty_type="2", percent="11", birthday_bonus="0")
    assert client.post(url, form).status_code == 302
    assert client.post(NEW, group_form(client, NEW, name="Гості", percent="1")).status_code == 200


def test_a_name_is_asked_about_along_with_other_risks(staff, browse, sandbox):
    text = text_of(edit(browse(staff), name="Скидочная система 20%", percent="45"))
    assert "Another group has this name already" in text
    assert "The percent rises from 10% to 45%" in text
    assert "It touches 125 clients of the group." in text


def test_a_name_that_is_asked_about_touches_no_client(staff, browse, sandbox):
    text = text_of(edit(browse(staff), name="Скидочная система 20%"))
    assert "Another group has this name already" in text
    assert "It touches" not in text


def test_a_name_that_somebody_else_takes_meanwhile_is_asked_about(staff, browse, sandbox, monkeypatch):
    real = write_responses.execute

    def somebody_is_sooner(command):
        monkeypatch.setattr(write_responses, "execute", real)
        sandbox.console().put(sandbox.accounts["demo"].snapshot()[4] | {"client_groups_id": "9",
                              "client_groups_name": "Нова", "count_groups_clients": "3"})  # fmt: skip
        return real(command)

    monkeypatch.setattr(write_responses, "execute", somebody_is_sooner)
    client = browse(staff)
    check = client.post(NEW, group_form(client, NEW, name="Нова"))
    assert check.status_code == 200
    assert "no. 9, 3 clients" in text_of(check)
    assert not sandbox.posts()
    form = group_form(client, NEW, name="Нова") | hidden(check, "version", "operation", "confirmed")
    assert client.post(NEW, form).status_code == 302
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize(("url", "known"), [(NEW, ()), (NEW, (5,)), (EDIT, ()), (EDIT, (5,))])
def test_a_yes_to_one_risk_is_none_to_a_name_that_was_taken_meanwhile(staff, browse, sandbox, url, known):
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


def test_a_poster_that_cannot_be_asked_for_names_is_told_by_the_write(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, NEW, name="Скидочная система 20%")
    sandbox.script("clients.getGroups", "fin_before_headers", times=None)
    answer = client.post(NEW, form)
    assert answer.status_code == 504
    assert 'value="Скидочная система 20%"' in answer.content.decode()
    assert not sandbox.posts()


@pytest.mark.parametrize("url", [NEW, EDIT])
def test_a_name_that_poster_refuses_is_said_at_the_name(staff, browse, sandbox, url):
    sandbox.unique_names = True
    client = browse(staff)
    form = group_form(client, url, **(SEED | {"name": "Скидочная система 20%", "confirmed": "1"}))
    answer = client.post(url, form)
    assert answer.status_code == 422
    html, text = answer.content.decode(), text_of(answer)
    assert "A group with this name exists" in text
    assert "Poster says: “This name is already in use”" in text
    assert 'aria-invalid="true"' in html
    assert 'data-outcome="refused"' in html


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
    assert "125" in text_of(check)
    repeated = hidden(check, *form, "confirmed")
    assert repeated == form | {"confirmed": "1"}
    assert client.post(EDIT, repeated).status_code == 302
    assert len(sandbox.posts()) == 1


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [({"percent": "99"}, False), ({"percent": "99", "loyalty_type": "1", "birthday_bonus": "0"}, True)],
)
def test_a_check_tells_of_the_birthday_bonus_where_there_may_be_one(staff, browse, sandbox, changes, is_told):
    client, url = browse(staff), "/groups/4/edit/"
    discount = {"name": GROUP_4, "loyalty_type": "2"}
    check = client.post(url, group_form(client, url, **(discount | changes)))
    assert "Save these changes?" in text_of(check)
    assert ('<th scope="row">Birthday bonus</th>' in check.content.decode()) == is_told


@pytest.mark.parametrize(
    ("behind", "more", "place"),
    [
        (EDIT, {}, EDIT),
        (f"{EDIT}?percent=45", {}, f"{EDIT}?percent=45"),
        ("/groups/", {}, None),
        (EDIT, {"confirmed": "1", "name": GROUP_4}, None),
    ],
)
def test_a_check_has_its_own_place_in_the_history_of_the_browser_over_its_form(
    staff, browse, sandbox, monkeypatch, behind, more, place
):
    client = browse(staff)
    monkeypatch.setattr(UpdateGroup, "precheck_group", lambda *_: Change.Reason.NAME_TAKEN)
    form = group_form(client, EDIT, **(SEED | {"percent": "45"} | more))
    check = client.post(EDIT, form, headers=fragment("form", behind))
    assert "Save these changes?" in text_of(check)
    assert check.headers.get("HX-Push-Url") == place


def test_ten_points_more_are_not_risky(staff, browse):
    assert edit(browse(staff), percent="20").status_code == 302


# --- Conflicts ---------------------------------------------------------------------------------------------


def test_a_version_that_is_not_ours_is_a_conflict(staff, browse, sandbox):
    client = browse(staff)
    answer = client.post(EDIT, group_form(client, EDIT, version="something"))
    assert answer.status_code == 409
    assert not sandbox.posts()


# --- While Poster fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "status"), [("fin_before_headers", 504), ("status_500", 502)])
def test_if_poster_cannot_be_read_before_nothing_is_sent_and_the_form_stays(
    staff, browse, sandbox, fault, status
):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"percent": "15"}))
    sandbox.script("*", fault, times=None)
    answer = client.post(EDIT, form)
    assert answer.status_code == status
    assert 'value="15"' in answer.content.decode()
    assert 'data-outcome="failed"' in answer.content.decode()
    assert not sandbox.posts()
    sandbox.clear_faults()
    assert client.post(EDIT, form | hidden(answer, "version", "operation")).status_code == 302


def test_an_unreachable_poster_is_a_504_for_the_form_itself(staff, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    assert browse(staff).get(EDIT).status_code == 504


# --- Ids, methods, HTMX ------------------------------------------------------------------------------------


@pytest.mark.parametrize("group_id", ["6", "2147483647"])
@pytest.mark.parametrize("page", ["", "edit/", "delete/"])
def test_unknown_groups_are_not_found(owner, browse, group_id, page):
    client = browse(owner)
    assert client.get(f"/groups/{group_id}/{page}").status_code == 404
    if page:
        form = {"name": "x", "loyalty_type": "1", "percent": "1", "birthday_bonus": "1"}
        form |= {"version": "x", "operation": str(uuid.uuid4())}
        assert client.post(f"/groups/{group_id}/{page}", form).status_code == 404


@pytest.mark.parametrize("group_id", ["0", "01", "2147483648", "9" * 40, "-1", "١٢", "1e3", "x"])
def test_what_is_no_id_is_not_found_and_not_asked_for(owner, browse, sandbox, group_id):
    for page in ("", "edit/", "delete/"):
        assert browse(owner).get(f"/groups/{group_id}/{page}").status_code == 404
    assert not sandbox.calls()


def test_the_id_in_the_body_of_a_form_is_ignored(staff, browse, sandbox):
    client = browse(staff)
    client.post(EDIT, group_form(client, EDIT, **(SEED | {"percent": "15"}), client_groups_id="5", id="5"))
    assert sandbox.posts()[-1].form["client_groups_id"] == "1"


def test_a_fragment_gets_the_form_alone_and_a_redirect_it_can_follow(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"percent": "x"}))
    bad = client.post(EDIT, form, headers=fragment("form", EDIT))
    assert bad.status_code == 422
    assert "<html" not in bad.content.decode()
    good = client.post(EDIT, form | {"percent": "15"}, headers=fragment("form", EDIT))
    assert good.headers.get("HX-Redirect") == "/groups/1/"
    assert good.status_code == 200


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


def test_an_open_form_is_one_operation(staff, browse):
    client = browse(staff)
    first, second = (open_form(client, EDIT) for _ in range(2))
    assert first["operation"] != second["operation"]
    assert first["version"] == second["version"]


def test_htmx_without_a_target_gets_the_page(staff, browse):
    assert "<html" in browse(staff).get(EDIT, headers=HTMX).content.decode()


# --- In a row of the list ----------------------------------------------------------------------------------

ROW = fragment("row-1", "/groups/?sort=name")


def test_a_row_of_the_list_becomes_the_form_and_goes_back_to_the_list_as_it_was(staff, browse, sandbox):
    client = browse(staff)
    row = client.get(EDIT, headers=ROW)
    html = row.content.decode()
    assert "<html" not in html
    assert 'id="row-1"' in html
    form = hidden(row, "version", "operation", "name", "percent", "birthday_bonus", "loyalty_type")
    bad = client.post(EDIT, form | {"percent": "x"}, headers=ROW)
    assert bad.status_code == 422
    assert 'id="row-1"' in bad.content.decode()
    assert "Enter a number" in text_of(bad)
    good = client.post(EDIT, form | {"percent": "12"}, headers=ROW)
    location = json.loads(good["HX-Location"])
    assert (location["path"], location["target"], location["push"]) == (
        "/groups/?sort=name",
        "#row-1",
        "false",
    )
    assert sandbox.posts()[-1].form["client_groups_discount"] == "12"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"operation": ""}, "This form is incomplete. Open the page again."),
        ({"version": ""}, "This form is incomplete. Open the page again."),
        ({"loyalty_type": "7"}, "Choose a type."),
        ({"birthday_bonus": "1000001"}, "between 0 and 1,000,000"),
    ],
    ids=["operation", "version", "loyalty_type", "birthday_bonus"],
)
def test_a_row_says_what_is_wrong_with_a_field_that_it_does_not_show(staff, browse, broken, message):
    client = browse(staff)
    row = client.get(EDIT, headers=ROW)
    form = hidden(row, "version", "operation", "name", "percent", "birthday_bonus", "loyalty_type")
    answer = client.post(EDIT, form | broken, headers=ROW)
    assert answer.status_code == 422
    assert message in text_of(answer)


def test_an_untouched_bonus_above_the_limit_does_not_stop_another_edit(staff, browse, sandbox):
    sandbox.console("demo").edit(1, birthday_bonus="150000050")
    client = browse(staff)
    row = client.get(EDIT, headers=ROW)
    form = hidden(row, "version", "operation", "name", "percent", "birthday_bonus", "loyalty_type")
    other = client.post(EDIT, form | {"percent": "12", "birthday_bonus": "1500000.49"}, headers=ROW)
    assert other.status_code == 422
    assert client.post(EDIT, form | {"percent": "12"}, headers=ROW)["HX-Location"]
    sent = sandbox.posts()[-1].form
    assert (sent["client_groups_discount"], sent["birthday_bonus"]) == ("12", "1500000.50")


def test_a_saved_row_comes_alone_with_its_counts_and_pictures(staff, browse, sandbox):
    client = browse(staff)
    form = group_form(client, EDIT, **(SEED | {"name": "Друзі", "percent": "12"}))
    client.post(EDIT, form, headers=ROW)
    # It does not fit the search any more, and stays where it was edited.
    part = client.get("/groups/?q=постоян", headers=ROW)
    html = part.content.decode()
    assert part["HX-Reselect"] == 'tr[data-group="1"]'
    assert group_ids(part) == [1]
    assert "12%" in text_of(part)
    assert all(f'id="{part}"' in html for part in ("figures", "pictures", "messages"))
    assert "Друзі: Name Постоянный посетитель → Друзі, Percent 10% → 12%" in text_of(part)
    assert "<html" not in html


def test_instead_of_the_row_of_a_group_that_is_gone_the_list_is_loaded(staff, browse, sandbox):
    client = browse(staff)
    sandbox.console("demo").remove(1)
    assert client.get("/groups/?refresh=1", headers=ROW)["HX-Redirect"] == "/groups/?refresh=1"


def test_a_name_typed_in_a_row_is_asked_about_where_the_page_was(staff, browse, sandbox):
    client = browse(staff)
    row = client.get(EDIT, headers=ROW)
    form = hidden(row, "version", "operation", "name", "percent", "birthday_bonus", "loyalty_type")
    check = client.post(EDIT, form | {"name": "Скидочная система 20%"}, headers=ROW)
    assert (check.status_code, check["HX-Retarget"]) == (200, "#dialog")
    assert 'hx-target="#row-1"' in check.content.decode()
    assert "no. 5, 42 clients" in text_of(check)
    assert client.post(EDIT, hidden(check, *form, "confirmed")).status_code == 302


def test_what_does_not_fit_into_a_row_comes_over_it(staff, browse, sandbox):
    client = browse(staff)
    row = client.get(EDIT, headers=ROW)
    form = hidden(row, "version", "operation", "name", "percent", "birthday_bonus", "loyalty_type")
    risky = client.post(EDIT, form | {"percent": "90"}, headers=ROW)
    assert (risky.status_code, risky["HX-Retarget"]) == (200, "#dialog")
    sandbox.console("demo").edit(1, client_groups_discount="12")
    conflict = client.post(EDIT, form | {"percent": "15"}, headers=ROW)
    assert (conflict.status_code, conflict["HX-Retarget"]) == (409, "#dialog")
    assert not sandbox.posts()


def test_an_outcome_that_is_unknown_has_its_own_address(staff, browse, sandbox):
    client = browse(staff)
    row = client.get(EDIT, headers=ROW)
    form = hidden(row, "version", "operation", "name", "percent", "birthday_bonus", "loyalty_type")
    sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
    sandbox.script("clients.getGroup", "fin_before_headers", call=2, times=None)
    lost = client.post(EDIT, form | {"percent": "12"}, headers=ROW)
    assert (lost.status_code, lost["HX-Retarget"]) == (504, "#main")
    assert lost["HX-Push-Url"] == f"/history/{Change.objects.get().pk}/"
    assert "not known yet" in text_of(lost)


def test_the_bonus_of_a_new_group_is_0_until_another_one_is_typed(staff, browse, sandbox):
    page = browse(staff, language="uk").get(NEW)
    assert hidden(page, "birthday_bonus") == {"birthday_bonus": "0,00"}


def test_a_duplicate_begins_with_the_values_of_its_group(staff, manager, browse, sandbox):
    client = browse(staff)
    link = "/groups/new/?like=1"
    assert f'href="{link}"' in client.get("/groups/1/").content.decode()
    assert link not in browse(manager).get("/groups/1/").content.decode()
    page = client.get(link)
    assert hidden(page, "name", "loyalty_type", "percent", "birthday_bonus") == {
        "name": "Постоянный посетитель (copy)",
        "loyalty_type": "1",
        "percent": "10",
        "birthday_bonus": "50.00",
    }
    assert not sandbox.posts()
    form = hidden(page, "version", "operation", "name", "loyalty_type", "percent", "birthday_bonus")
    client.post("/groups/new/", form)
    values = {row["client_groups_name"]: row for row in sandbox.accounts["demo"].snapshot().values()}
    copy, original = values["Постоянный посетитель (copy)"], values["Постоянный посетитель"]
    for field in ("loyalty_type", "client_groups_discount", "birthday_bonus"):
        assert copy[field] == original[field]
    assert browse(manager).get(link).status_code == 403


@pytest.mark.parametrize(
    "like", ["", "x", "0", "99999999999", "-1", pytest.param("0" * 10 + "1" * 4400, id="very long")]
)
def test_a_duplicate_of_nothing_is_a_new_group(staff, browse, sandbox, like):
    page = browse(staff).get("/groups/new/", {"like": like})
    assert page.status_code == 200
    assert hidden(page, "name") == {"name": ""}


def test_a_duplicate_of_a_removed_group_is_not_found(staff, browse, sandbox):
    assert browse(staff).get("/groups/new/?like=77").status_code == 404


def test_the_page_after_a_form_shows_the_group_as_it_was_read_back_and_asks_for_it_no_more(
    staff, browse, sandbox, settings
):
    settings.POSTER_CACHE_SECONDS = 60
    client = browse(staff)
    assert edit(client, percent="11").status_code == 302
    sandbox.log.clear()
    assert "11%" in text_of(client.get("/groups/1/"))
    assert not sandbox.calls("clients.getGroup")


def test_a_group_that_was_read_back_before_another_write_is_asked_for_once_more(
    staff, browse, sandbox, settings, monkeypatch
):
    settings.POSTER_CACHE_SECONDS = 60
    observe = UpdateGroup.observe

    def observe_beside_another_write(command, change, credentials, within):
        seen = observe(command, change, credentials, within)
        PosterAccount.objects.get(pk=change.account_id).count_write()
        return seen

    monkeypatch.setattr(UpdateGroup, "observe", observe_beside_another_write)
    client = browse(staff)
    assert edit(client, percent="11").status_code == 302
    sandbox.log.clear()
    client.get("/groups/1/")
    assert sandbox.calls("clients.getGroup")
