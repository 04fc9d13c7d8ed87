"""Test `manage.py scheme` against the sandbox: what it says, what it sends, and how it ends."""

import json
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission

from groups.features.approvals.models import ApprovalRequest, Limits
from groups.features.bulk.management.commands import scheme as command
from groups.models import Change, Job, WorkerHeartbeat
from groups.services.writes.execute import execute
from tests.support.commands import BARISTA, command_of, edit_of
from tests.support.people import make_user
from tests.support.refusals import refused
from tests.support.schemes import entry, run_scheme, scheme, worker_beside

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("settled_at_once")]
SEED = "Скидочная система 10%"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(command, "INTERVAL", 0.02)


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a file of these groups, and returns its path."""

    def file(*entries):
        path = tmp_path / "scheme.yaml"
        path.write_text(scheme(*entries), encoding="utf-8")
        return path

    return file


def exported(user):
    ended = run_scheme("export", "--user", user)
    assert ended.code == 0, ended
    return ended.out


def groups_of(sandbox, account="demo"):
    return {
        row["client_groups_name"]: row["client_groups_discount"]
        for row in sandbox.accounts[account].groups.values()
    }


# --- Export and plan ---------------------------------------------------------------------------------------


def test_an_export_goes_to_standard_output_and_its_plan_is_empty(manager, sandbox, tmp_path):
    text = exported("manager")
    assert text.splitlines()[:5] == [
        "groups:",
        '- name: "Постоянный посетитель"',
        "  type: bonus",
        "  percent: 10",
        "  birthday_bonus: 50",
    ]
    saved = tmp_path / "saved.yaml"
    assert run_scheme("export", saved, "--user", "manager").out == ""
    assert saved.read_text() == text
    plan = run_scheme("plan", saved, "--user", "manager")
    assert (plan.code, plan.out, plan.err) == (0, "0 to create, 0 to change, 3 as they are\n", "")
    assert run_scheme("plan", saved, "--user", "manager", "--json").out == "[]\n"


def test_a_plan_reads_as_a_diff_and_sends_no_write(manager, sandbox, file):
    path = file(
        entry("Нова", "bonus", "7", "0.50"),
        entry("Ще одна", "discount", "3"),
        entry("Знижка", percent="12.5", was=SEED),
        entry("Постоянный посетитель", "discount", "10.00"),
    )
    plan = run_scheme("plan", path, "--user", "manager")
    assert (plan.code, plan.err) == (2, "")
    assert plan.out.splitlines() == [
        '+ "Нова"',
        "+   type: bonus",
        "+   percent: 7",
        "+   birthday_bonus: 0.5",
        '+ "Ще одна"',
        "+   type: discount",
        "+   percent: 3",
        '~ "Знижка"',
        f'-   name: "{SEED}"',
        '+   name: "Знижка"',
        "-   percent: 10",
        "+   percent: 12.5",
        '~ "Постоянный посетитель"',
        "-   type: bonus",
        "+   type: discount",
        "-   birthday_bonus: 50",
        "+   birthday_bonus: 0",
        '  "Скидочная система 20%" is not in the file, and stays as it is',
        "2 to create, 2 to change, 0 as they are",
    ]
    _first, second, third, _last = json.loads(run_scheme("plan", path, "--user", "manager", "--json").out)
    assert second["changes"] == {"type": [None, "discount"], "percent": [None, 3]}
    changes = {"name": [SEED, "Знижка"], "percent": [10, 12.5]}
    assert third == {"action": "update", "name": "Знижка", "changes": changes}
    assert {call.verb for call in sandbox.calls()} == {"GET"}
    assert not Job.objects.exists()


def test_what_cannot_be_read_is_reported_and_nothing_new_is_planned_beside_it(owner, sandbox, file):
    sandbox.console().edit(4, client_groups_discount="багато")
    ended = run_scheme("export", "--user", "owner")
    assert (ended.code, ended.out.count("- name")) == (0, 2)
    assert "could not be read" in ended.err
    assert run_scheme("plan", file(entry("Скидочная система 20%", percent=20)), "--user", "owner").code == 0
    ended = run_scheme("plan", file(entry("Нова")), "--user", "owner")
    assert (ended.code, ended.out) == (1, "")
    assert "scheme.yaml:2:9: " in ended.err


# --- Who may -----------------------------------------------------------------------------------------------


def test_who_may_not_hears_it_in_one_line(manager, nobody, newcomer, sandbox, file):
    gone = make_user("gone", role="Owners", account="demo", sandbox=sandbox)
    gone.is_active = False
    gone.save()
    path = file(entry(SEED, percent=11))
    lines = {}
    for user in ("gone", "stranger", "nobody", "newcomer"):
        ended = run_scheme("plan", path, "--user", user)
        assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 0), ended
        lines[user] = ended.err
    assert lines["gone"].replace("gone", "stranger") == lines["stranger"]
    assert "not connected" in lines["newcomer"]
    ended = run_scheme("apply", path, "--user", "manager", "--yes")
    assert (ended.code, ended.out, ended.err) == (
        1,
        "",
        "manager does not have the right groups.change_group.",
    )
    assert not sandbox.calls()


def test_a_creation_takes_the_right_to_it_and_a_change_does_not(sandbox, file, work_queue):
    user = make_user("editor", role="Managers", account="demo", sandbox=sandbox)
    user.user_permissions.add(
        Permission.objects.get(codename="change_group", content_type__app_label="groups")
    )
    new, changed = entry("Нова"), entry(SEED, percent=11)
    ended = run_scheme("apply", file(new, changed), "--user", "editor", "--yes")
    assert (ended.code, ended.err) == (1, "editor does not have the right groups.add_group.")
    with worker_beside(work_queue):
        assert run_scheme("apply", file(changed), "--user", "editor", "--yes").code == 0
    assert groups_of(sandbox)[SEED] == "11"


def test_a_poster_that_fails_is_one_line(manager, sandbox, file):
    sandbox.script("clients.getGroups", "status_500", times=None)
    ended = run_scheme("plan", file(entry(SEED)), "--user", "manager")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 0), ended


# --- Apply -------------------------------------------------------------------------------------------------


def test_a_scheme_goes_to_another_account(owner, outsider, sandbox, tmp_path, work_queue):
    path = tmp_path / "scheme.yaml"
    path.write_text(exported("owner"), encoding="utf-8")
    assert run_scheme("plan", path, "--user", "outsider").code == 2
    with worker_beside(work_queue):
        ended = run_scheme("apply", path, "--user", "outsider", "--yes")
    assert ended.code == 0, ended
    assert sorted(ended.out.splitlines()[-3:]) == sorted(f'applied: "{name}"' for name in groups_of(sandbox))
    assert "All 3 applied." in ended.err
    assert groups_of(sandbox).items() <= groups_of(sandbox, "kavarnia").items()
    assert len(groups_of(sandbox, "kavarnia")) == 9
    assert run_scheme("plan", path, "--user", "outsider").code == 0
    again = run_scheme("apply", path, "--user", "outsider")
    assert (again.code, again.err) == (0, "There is nothing to change.\n")
    job = Job.objects.get()
    assert (job.kind, job.user, job.state, job.total) == ("import", outsider, Job.State.DONE, 3)
    assert f"/jobs/{job.pk}/" in ended.err


@pytest.mark.parametrize("answer", ["y", None])
def test_anything_but_yes_sends_nothing(owner, sandbox, file, answer):
    ended = run_scheme("apply", file(entry(SEED, percent=11)), "--user", "owner", answer=answer)
    assert (ended.code, ended.err) == (1, 'Apply this? Type "yes": Nothing was sent.')
    assert ended.out.startswith(f'~ "{SEED}"')
    assert not sandbox.posts()
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda console: console.edit(4, client_groups_discount="12"),
        lambda console: console.edit(4, client_groups_name="Інша"),
        lambda console: console.remove(5),
    ],
    ids=["another percent", "another name", "a group that the file does not have"],
)
def test_nothing_is_sent_for_another_plan_than_was_shown(owner, sandbox, file, meanwhile):
    ended = run_scheme(
        "apply", file(entry(SEED, percent=11)), "--user", "owner",
        answer="yes", during=lambda: meanwhile(sandbox.console()),
    )  # fmt: skip
    assert ended.code == 1
    assert not sandbox.posts()
    assert not Job.objects.exists()


def test_clients_who_come_meanwhile_are_no_other_plan(owner, sandbox, file, work_queue):
    with worker_beside(work_queue):
        ended = run_scheme(
            "apply", file(entry(SEED, percent=11)), "--user", "owner",
            answer="yes", during=lambda: sandbox.console().edit(4, count_groups_clients="7"),
        )  # fmt: skip
    assert ended.code == 0, ended


def test_a_refusal_is_reported_and_ends_with_1(owner, sandbox, file, work_queue):
    refused(sandbox, "clients.updateGroup", 42)
    path = file(entry(SEED, percent=11), entry("Скидочная система 20%", percent=21))
    with worker_beside(work_queue):
        ended = run_scheme("apply", path, "--user", "owner", "--yes")
    assert ended.code == 1
    (not_taken,) = [line for line in ended.out.splitlines() if line.startswith("refused")]
    (applied,) = [line for line in ended.out.splitlines() if line.startswith("applied")]
    assert "1 of 2 applied." in ended.err
    assert f"/jobs/{Job.objects.get().pk}/" in ended.err
    assert {SEED, "Скидочная система 20%"} == {line.split('"')[1] for line in (not_taken, applied)}


def test_without_a_worker_the_job_waits(owner, sandbox, file):
    WorkerHeartbeat.objects.all().delete()
    ended = run_scheme("apply", file(entry(SEED, percent=11)), "--user", "owner", "--yes")
    job = Job.objects.get()
    assert (ended.code, job.state) == (1, Job.State.WAITING)
    assert f"No worker runs, so the job waits for one: /jobs/{job.pk}/" in ended.err


def test_what_was_made_here_counts_though_poster_does_not_show_it_yet(owner, sandbox, file):
    assert execute(edit_of(owner, 4, percent=Decimal(12))).state == "applied"
    execute(command_of(owner, Change.Action.CREATE, intended=BARISTA))
    sandbox.lag("behind", writes=2)  # so Poster still shows 10%, and no group of the baristas
    path = file(
        entry(SEED, percent=10), entry(BARISTA.name, "bonus", BARISTA.percent, BARISTA.birthday_bonus)
    )
    ended = run_scheme("plan", path, "--user", "owner")
    assert ended.code == 2
    assert "0 to create, 1 to change, 1 as they are" in ended.out
    assert "percent: 12\n" in exported("owner")


def test_ctrl_c_leaves_the_job_to_a_worker(owner, sandbox, file, work_queue, monkeypatch):
    def interrupted(_seconds):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command.time, "sleep", interrupted)
        ended = run_scheme("apply", file(entry(SEED, percent=11)), "--user", "owner", "--yes")
    job = Job.objects.get()
    assert (ended.code, job.state) == (1, Job.State.WAITING)
    assert f"A worker goes on with the job: /jobs/{job.pk}/" in ended.err
    work_queue()
    assert groups_of(sandbox)[SEED] == "11"


# --- Limits ------------------------------------------------------------------------------------------------


def test_beyond_the_limits_it_becomes_a_request(staff, owner, sandbox, file, work_queue):
    Limits.objects.create(account_id="demo", max_percent=12)
    path = file(entry(SEED, percent=15), entry("Нова"))
    ended = run_scheme("apply", path, "--user", "staff", "--yes", "--reason", "no right to one")
    request = ApprovalRequest.objects.get()
    assert ended.code == 3
    assert f"/requests/{request.pk}/" in ended.err
    assert request.job.state == Job.State.REQUESTED
    assert not sandbox.posts()


def test_who_may_exceed_the_limits_gives_a_reason(owner, sandbox, file, work_queue):
    Limits.objects.create(account_id="demo", max_percent=12, max_clients=1)
    path = file(entry(SEED, percent=15))
    ended = run_scheme("apply", path, "--user", "owner", "--yes")
    assert ended.code == 1
    assert "--reason" in ended.err
    assert not ApprovalRequest.objects.exists()
    assert not sandbox.posts()
    with worker_beside(work_queue):
        ended = run_scheme("apply", path, "--user", "owner", "--yes", "--reason", "a holiday")
    assert ended.code == 0, ended
    assert Change.objects.get().limit_reason == "a holiday"


# --- Arguments ---------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_and_one_that_is_missing(manager, sandbox, tmp_path):
    assert run_scheme("plan", "--user", "manager").err == "plan needs a file."
    for action in ("plan", "export"):
        ended = run_scheme(action, tmp_path / "nowhere" / "a.yaml", "--user", "manager")
        assert (ended.code, "No such file" in ended.err) == (1, True)


@pytest.mark.parametrize(
    "words", [("plan", "a.yaml", "--odd"), ("plan", "a.yaml"), ("destroy", "--user", "a")]
)
def test_wrong_arguments_do_not_end_as_a_plan_with_changes(words, capsys):
    with pytest.raises(SystemExit) as end:
        command.Command().run_from_argv(["manage.py", "scheme", *words])
    assert end.value.code == 1
    assert capsys.readouterr().out == ""


def test_a_name_does_not_speak_to_the_terminal(manager, sandbox, file):
    sandbox.console().edit(5, client_groups_name="a\x1b[31mb\u202e")
    plan = run_scheme("plan", file(entry(SEED, percent=9)), "--user", "manager")
    assert '"a\\x1b[31mb\\u202e"' in plan.out
    assert "\x1b" not in plan.out
    sandbox.console().edit(4, client_groups_name="a\x1b[31mb\u202e")
    ended = run_scheme("plan", file(entry(SEED)), "--user", "manager")
    assert (ended.code, "\x1b" in ended.err, "a\\x1b[31mb" in ended.err) == (1, False, True)
