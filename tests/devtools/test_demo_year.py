"""The year behind the demo ends today, and Poster has what its history says."""

import pytest
from django.core.management import call_command

from groups.models import Change, Job
from poster_admin.devtools import demo_year
from poster_admin.devtools.management.commands.demo import CLIENTS, GROUPS, SEED
from poster_admin.devtools.sandbox import Sandbox
from tests.support.people import make_user


@pytest.mark.django_db(transaction=True)
def test_the_history_of_the_demo_is_alive_and_agrees_with_poster(monkeypatch, settings, capsys):
    # The figures and cards take long, and change nothing in the journal.
    monkeypatch.setattr(demo_year, "nights_of", lambda *_arguments: [])
    monkeypatch.setattr(demo_year, "judge_cards", lambda *_arguments: None)
    with Sandbox(groups=GROUPS, clients=CLIENTS, seed=SEED, stories=True) as poster:
        settings.POSTER_API_URL = poster.url
        owner = make_user("owner", role="Owners", account="demo", sandbox=poster)
        demo_year.remember(owner, poster.accounts["demo"])
        call_command("audit_history")
    assert capsys.readouterr().out.splitlines() == ["demo: 0 not explained by the history"]
    job = Job.objects.get()
    assert (job.state, job.changes.filter(state=Change.State.APPLIED).count()) == (Job.State.DONE, 3)
    undo = Change.objects.get(undo_of__isnull=False)
    assert undo.state == undo.undo_of.state == Change.State.APPLIED
    assert Change.objects.count() == len(demo_year.CHANGES) + 3 + 3
