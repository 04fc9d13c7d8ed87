"""Test edits of a group whose change is planned: each form warns, and the plan is shown as it is then."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from groups.features.schedules.models import Schedule
from groups.features.schedules.services import run_due_plans
from tests.support.bulk import BULK, plan_by_form
from tests.support.pages import fragment, group_form, text_of
from tests.support.schedules import GROUP, at, percent_of, planned

pytestmark = pytest.mark.django_db
URL = f"/groups/{GROUP}/edit/"
NAME = "Скидочная система 10%"
PLANNED = "A change of this group is planned. 20% instead of 10% from"
HELD_IF_SAVED = "If you save other values, it will be held, and a person has to decide."


@pytest.fixture
def in_force(staff, sandbox):
    """Return a planned change that is in force: 20% instead of 10%."""
    schedule = planned(staff)
    run_due_plans(at(1.5))
    schedule.refresh_from_db()
    assert (schedule.state, percent_of(sandbox)) == ("active", 20)
    return schedule


def import_of(client, percent):
    content = f"id;name;type;percent;birthday bonus\n{GROUP};{NAME};discount;{percent};\n".encode()
    return client.post("/groups/import/", {"file": SimpleUploadedFile("groups.csv", content)}, follow=True)


FORMS = {
    "form": lambda client: client.get(URL),
    "row": lambda client: client.get(URL, headers=fragment(f"row-{GROUP}", "/groups/")),
    "row with an error": lambda client: client.post(
        URL,
        group_form(client, URL, name=NAME, loyalty_type="2", percent="x"),
        headers=fragment(f"row-{GROUP}", "/groups/"),
    ),
    "check page": lambda client: client.post(
        URL, group_form(client, URL, name=NAME, loyalty_type="2", percent="95")
    ),
    "several percents": lambda client: client.get(BULK),
    "plan of several percents": lambda client: plan_by_form(client, **{f"p{GROUP}": "9"}),
    "plan of an import": lambda client: import_of(client, "9"),
}


@pytest.mark.usefixtures("in_force")
@pytest.mark.parametrize("form", FORMS)
def test_every_form_that_edits_a_planned_group_says_what_becomes_of_the_plan(staff, browse, form):
    page = FORMS[form](browse(staff))
    text = text_of(page)
    assert text.count(PLANNED) == 1
    assert text.count(HELD_IF_SAVED) == 1


def test_forms_of_groups_without_a_plan_say_nothing(staff, browse, sandbox):
    planned(staff, group_id=1)
    client = browse(staff)
    for form in ("form", "row", "check page", "plan of several percents", "plan of an import"):
        assert "is planned" not in text_of(FORMS[form](client))


def test_a_group_that_was_edited_in_force_has_a_plan_that_no_longer_holds(staff, browse, sandbox, in_force):
    client = browse(staff)
    assert "in force" in text_of(client.get(f"/groups/{GROUP}/"))
    client.post(URL, group_form(client, URL, name=NAME, loyalty_type="2", percent="15"))
    assert percent_of(sandbox) == 15
    for url in (f"/groups/{GROUP}/", "/schedules/"):
        page = client.get(url)
        text = text_of(page)
        assert 'data-state="active"' in page.content.decode()
        assert "in force" not in text
        assert "changed meanwhile" in text
        assert "The group has other values by now: percent 20% → 15%." in text
        assert "the old values will not return automatically" in text
    assert "20% planned, but changed meanwhile" in text_of(client.get("/groups/"))
    text = text_of(client.get(URL))
    assert "The group has other values by now: percent 20% → 15%." in text
    assert HELD_IF_SAVED not in text
    run_due_plans(at(4))
    in_force.refresh_from_db()
    assert (in_force.state, in_force.reason) == ("held", Schedule.Reason.CHANGED)
    assert percent_of(sandbox) == 15


def test_a_plan_whose_group_has_other_values_before_it_begins_says_that_it_will_not(staff, browse, sandbox):
    schedule = planned(staff)
    client = browse(staff)
    sandbox.console().edit(GROUP, client_groups_discount="13")
    text = text_of(client.get(f"/groups/{GROUP}/?refresh=1"))
    assert "The group has other values by now: percent 10% → 13%." in text
    assert "this will not begin" in text
    run_due_plans(at(1.5))
    schedule.refresh_from_db()
    assert (schedule.state, schedule.reason) == ("held", Schedule.Reason.CHANGED)


def test_a_read_that_does_not_show_the_start_yet_is_no_other_value(staff, browse, sandbox, in_force):
    sandbox.lag("behind", seconds=3600)
    client = browse(staff)
    for url in (f"/groups/{GROUP}/?refresh=1", "/groups/?refresh=1", "/schedules/"):
        assert "meanwhile" not in text_of(client.get(url))
