"""Test refusals of Poster on every form that writes, each kind on one of them, and in the rows of jobs."""

import pytest

from groups.models import Change
from groups.poster import NameTaken, NotAllowed, TokenRejected
from groups.poster.errors import MESSAGE_LIMIT, REFUSALS
from tests.support.jobs import start
from tests.support.pages import group_form, hidden, open_form, text_of
from tests.support.pairwise import covering
from tests.support.refusals import ONE_OF_EACH_KIND, WORDS, refused, row_of_refused

pytestmark = pytest.mark.django_db
NEW, EDIT, REMOVE = "/groups/new/", "/groups/1/edit/", "/groups/4/delete/"
SEED = {"name": "Постоянный посетитель", "percent": "15"}


def create(client, sandbox, code):
    form = group_form(client, NEW, name="Студенти")
    refused(sandbox, "clients.createGroup", code)
    return client.post(NEW, form)


def update(client, sandbox, code):
    form = group_form(client, EDIT, **SEED)
    refused(sandbox, "clients.updateGroup", code)
    return client.post(EDIT, form)


def remove(client, sandbox, code):
    form = open_form(client, REMOVE, confirm_name="Скидочная система 10%")
    refused(sandbox, "clients.removeGroup", code)
    return client.post(REMOVE, form)


def undo(client, sandbox, code):
    client.post(EDIT, group_form(client, EDIT, **SEED))
    refused(sandbox, "clients.updateGroup", code)
    return client.post(f"/history/{Change.objects.get().pk}/undo/")


COMMANDS = (create, update, remove, undo)


def told_as(code):
    """Return the status of a refusal, and whether it is about the name: forms tell all of one kind alike."""
    kind = REFUSALS[code]
    return 424 if issubclass(kind, TokenRejected | NotAllowed) else 422, issubclass(kind, NameTaken)


# Each kind, and each way to tell a refusal in each command.
CASES = covering(
    [(command, code) for command in COMMANDS for code in ONE_OF_EACH_KIND],
    lambda case: {case[1], (case[0], told_as(case[1]))},
)


@pytest.mark.once  # the database keeps a number: tests/groups/services/writes/test_execute.py
@pytest.mark.parametrize(("command", "code"), CASES)
def test_a_refusal_is_reported_on_the_form(owner, browse, sandbox, command, code):
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


# --- In the rows of jobs -----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_refusal_is_reported_in_the_row_of_a_move(owner, browse, sandbox):
    """Poster's words about a client may name somebody, so the code alone is kept."""
    client = browse(owner)
    for code in ONE_OF_EACH_KIND:
        job = start(owner, client_ids=[129])
        refused(sandbox, "clients.updateClient", code)
        assert f"Poster gave the code {code}" in row_of_refused(client, owner, job, code)
