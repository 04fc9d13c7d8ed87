"""Test every refusal code of Poster on every form that writes, and in the rows of jobs."""

from decimal import Decimal
from functools import partial

import pytest

from groups.features.bulk import services as bulk
from groups.features.bulk.services import Edit, Import, Line
from groups.models import Change, PosterCredentials
from groups.poster import GroupValues, NameTaken, NotAllowed, TokenRejected
from groups.poster.errors import MESSAGE_LIMIT, REFUSALS
from groups.services import credentials as credentials_service
from groups.services import groups as reads
from groups.services.jobs import queue
from tests.support.jobs import start
from tests.support.pages import fragment, group_form, hidden, open_form, text_of
from tests.support.pairwise import covering, marked

pytestmark = pytest.mark.django_db
NEW, EDIT, REMOVE = "/groups/new/", "/groups/1/edit/", "/groups/4/delete/"
SEED = {"name": "Постоянный посетитель", "percent": "15"}
ROW = fragment("row-1", "/groups/")
# No message of the dashboard is written like this.
WORDS = "<b>Ні & ні</b> "


def refused(sandbox, method, code):
    """Let Poster refuse a method with this code, and a long message that contains a token."""
    token = sandbox.accounts["demo"].token
    message = f"{WORDS}{token} {'ж' * 300}"
    sandbox.script(method, "error_object", code=code, message=message, when="before")


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
    "create anew": create_anew,
}


ON_FORMS = [(command, code) for command in COMMANDS for code in REFUSALS]


def told_as(code):
    """Return the status of a refusal, and whether it is about the name: forms tell all of one kind alike."""
    kind = REFUSALS[code]
    return 424 if issubclass(kind, TokenRejected | NotAllowed) else 422, issubclass(kind, NameTaken)


# `make test` has each code, and each way to tell a refusal in each command.
FEW = covering(ON_FORMS, lambda case: {case[1], (case[0], told_as(case[1]))})


# The database keeps a number: another code is no other question.
def on_one_database(case):
    return [pytest.mark.once] * (case[1] != next(iter(REFUSALS)))


@pytest.mark.parametrize(("name", "code"), marked(ON_FORMS, FEW, marks=on_one_database))
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


# Each code is told on a form above.
ONE_OF_EACH_KIND = covering(REFUSALS, lambda code: {REFUSALS[code]})


@pytest.mark.parametrize("code", marked(REFUSALS, ONE_OF_EACH_KIND))
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


def new_group(_credentials):
    values = GroupValues(name="Нова", loyalty_type=1, percent=Decimal(5), birthday_bonus=Decimal(0))
    return Line(2, values)


def other_percent(credentials):
    old = reads.read_now(credentials, 1).group.values
    return Line(2, old.replace(percent=Decimal(15)), 1, old, clients=125)


def planned(user, line, kind):
    credentials = credentials_service.credentials_of(user)
    job = bulk.keep_plan(
        user=user, credentials=credentials, kind=kind, lines=[line(credentials)], unchanged=0
    )
    queue.start_draft(job, user)
    return job


JOBS = {
    "a line of an import": ("clients.createGroup", partial(planned, line=new_group, kind=Import)),
    "a line of percents": ("clients.updateGroup", partial(planned, line=other_percent, kind=Edit)),
    "a move": ("clients.updateClient", partial(start, client_ids=[129])),
}


def some_codes():
    """Return each kind of job with a third of the codes, and with the rest of them for `make test-all`."""
    for place, (name, job) in enumerate(JOBS.items()):
        some = list(REFUSALS)[place :: len(JOBS)]
        rest = [code for code in REFUSALS if code not in some]
        yield pytest.param(*job, some, id=name)
        yield pytest.param(*job, rest, id=f"{name}, rest", marks=pytest.mark.thorough)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "begin", "codes"), [*some_codes()])
def test_a_refusal_is_told_in_the_row(owner, browse, sandbox, method, begin, codes):
    client = browse(owner)
    for code in codes:
        job = begin(owner)
        refused(sandbox, method, code)
        queue.run_job.func(str(job.pk))
        change = Change.objects.get(job=job)
        assert (change.state, change.code) == (Change.State.REFUSED, code)
        # Credentials that Poster refused are not used again automatically; a stopped job keeps its lock.
        PosterCredentials.objects.update(refused_at=None)
        page = client.get(f"/jobs/{job.pk}/")
        job.refresh_from_db()
        if job.is_unfinished:
            queue.cancel(job, owner)
        assert page.status_code == 200
        # Poster's words about a client may name somebody, so the code alone is kept.
        told = f"Poster gave the code {code}" if change.client_id else WORDS
        assert told in text_of(page)
        assert "<b>Ні" not in page.content.decode()
        assert f'data-change="{change.pk}" data-state="refused"' in page.content.decode()
