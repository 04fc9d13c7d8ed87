"""Test refusals of Poster on every form that writes, each code on one of them, and in the rows of jobs."""

from functools import partial

import pytest

from groups.models import Change
from groups.poster import NameTaken, NotAllowed, TokenRejected
from groups.poster.errors import MESSAGE_LIMIT, REFUSALS
from tests.support.jobs import start
from tests.support.pages import fragment, group_form, hidden, open_form, text_of
from tests.support.pairwise import covering
from tests.support.refusals import ONE_OF_EACH_KIND, WORDS, refused, row_of_refused

pytestmark = pytest.mark.django_db
NEW, EDIT, REMOVE = "/groups/new/", "/groups/1/edit/", "/groups/4/delete/"
SEED = {"name": "Постоянный посетитель", "percent": "15"}
ROW = fragment("row-1", "/groups/")


def create(client, sandbox, code, **headers):
    form = group_form(client, NEW, name="Студенти")
    refused(sandbox, "clients.createGroup", code)
    return client.post(NEW, form, **headers)


def update(client, sandbox, code):
    form = group_form(client, EDIT, **SEED)
    refused(sandbox, "clients.updateGroup", code)
    return client.post(EDIT, form)


def update_in_row(client, sandbox, code):
    names = ("version", "operation", "name", "loyalty_type", "percent", "birthday_bonus")
    form = hidden(client.get(EDIT, headers=ROW), *names) | {"percent": "15"}
    refused(sandbox, "clients.updateGroup", code)
    return client.post(EDIT, form, headers=ROW)


def remove(client, sandbox, code, **headers):
    form = open_form(client, REMOVE, confirm_name="Скидочная система 10%")
    refused(sandbox, "clients.removeGroup", code)
    return client.post(REMOVE, form, **headers)


def undo(client, sandbox, code):
    client.post(EDIT, group_form(client, EDIT, **SEED))
    refused(sandbox, "clients.updateGroup", code)
    return client.post(f"/history/{Change.objects.get().pk}/undo/")


def create_anew(client, sandbox, code):
    """Undo a removal."""
    client.post(REMOVE, open_form(client, REMOVE, confirm_name="Скидочная система 10%"))
    refused(sandbox, "clients.createGroup", code)
    return client.post(f"/history/{Change.objects.get().pk}/undo/")


def remove_again(client, sandbox, code):
    """Send a removal again after its answer was lost."""
    form = open_form(client, REMOVE, confirm_name="Скидочная система 10%")
    sandbox.script("clients.removeGroup", "fin_before_headers", when="before")
    client.post(REMOVE, form)
    lost = Change.objects.get()
    sandbox.clear_faults()
    refused(sandbox, "clients.removeGroup", code)
    return client.post(f"/history/{lost.pk}/", {"decision": "again"})


COMMANDS = {
    "create": create,
    "create in a fragment": partial(create, headers=fragment("form", NEW)),
    "update": update,
    "update in a row": update_in_row,
    "remove": remove,
    "remove in a dialog": partial(remove, headers=fragment("form", "/groups/4/")),
    "undo": undo,
    "create again": create_anew,
}


ON_FORMS = [(command, code) for command in COMMANDS for code in REFUSALS]


def told_as(code):
    """Return the status of a refusal, and whether it is about the name: forms tell all of one kind alike."""
    kind = REFUSALS[code]
    return 424 if issubclass(kind, TokenRejected | NotAllowed) else 422, issubclass(kind, NameTaken)


# Each code, and each way to tell a refusal in each command.
CASES = covering(ON_FORMS, lambda case: {case[1], (case[0], told_as(case[1]))})


@pytest.mark.once  # the database keeps a number: tests/groups/services/writes/test_execute.py
@pytest.mark.parametrize(("name", "code"), CASES)
def test_a_refusal_is_told_on_the_form(owner, browse, sandbox, name, code):
    command = COMMANDS[name]
    answer = command(browse(owner), sandbox, code)
    status, is_about_the_name = told_as(code)
    assert answer.status_code == status
    change = Change.objects.filter(state=Change.State.REFUSED).get()
    assert change.code == code
    html, text = answer.content.decode(), text_of(answer)
    assert WORDS in text
    assert "<b>Ні" not in html
    assert sandbox.accounts["demo"].token.rpartition(":")[2] not in html
    assert len(change.message) == MESSAGE_LIMIT
    if is_about_the_name and change.action != Change.Action.REMOVE:
        assert 'aria-invalid="true"' in html
    # The form is ready for another try, as an operation of its own.
    assert hidden(answer, "operation")["operation"] != str(change.pk)


@pytest.mark.parametrize("code", ONE_OF_EACH_KIND)
def test_a_refusal_of_what_is_sent_again_is_told_on_its_page(owner, browse, sandbox, code):
    """The lost request may still be applied, so its change stays open."""
    answer = remove_again(browse(owner), sandbox, code)
    assert answer.status_code == told_as(code)[0]
    change = Change.objects.exclude(again_of=None).get()
    assert (change.state, change.code) == (Change.State.UNKNOWN, code)
    html = answer.content.decode()
    assert WORDS in text_of(answer)
    assert "<b>Ні" not in html
    assert sandbox.accounts["demo"].token.rpartition(":")[2] not in html
    assert 'value="again"' in html


# --- In the rows of jobs -----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_told_in_the_row_of_a_move(owner, browse, sandbox):
    """Poster's words about a client may name somebody, so the code alone is kept."""
    client = browse(owner)
    for code in ONE_OF_EACH_KIND:
        job = start(owner, client_ids=[129])
        refused(sandbox, "clients.updateClient", code)
        assert f"Poster gave the code {code}" in row_of_refused(client, owner, job, code)
