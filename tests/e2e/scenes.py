"""Scenes: the states of pages that nobody sees by opening an address, for the look at all of them.

A scene opens its page in `stage.page`. `stage.act()` sends a form as another user would, outside the browser.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from groups.features.approvals import services as approvals
from groups.features.approvals.models import Breach, Limits
from groups.features.notices.models import Delivery
from groups.features.notices.services import set_chat
from groups.features.saved_views.models import SavedView
from groups.features.schedules.services import run_due_plans
from groups.features.snapshots.models import Snapshot
from groups.models import Change, Job, WorkerHeartbeat
from poster_admin.users import first_start
from poster_admin.users.models import Passkey, UserSession
from poster_admin.users.people import change
from tests.support.browser import new_group, open_row
from tests.support.changes import SEED
from tests.support.commands import edit_of
from tests.support.criteria import save as save_criteria
from tests.support.jobs import run, start
from tests.support.movements import put_movement, watched
from tests.support.pages import GROUP_4, REMOVAL, group_form, open_form
from tests.support.people import PASSWORD, make_user
from tests.support.schedules import at, planned

SCENES = {}


@dataclass
class Stage:
    page: Any
    browse: Any
    user: Any
    sandbox: Any
    language: str

    def goto(self, path, **typed):
        self.page.goto(path)
        for name, value in typed.items():
            self.page.fill(f"[name={name}]", value)

    def act(self, path, **values):
        client = self.browse(self.user, language=self.language)
        return client.post(path, group_form(client, path, **SEED | values))

    def lose_an_edit(self):
        """Make an edit whose outcome stays unknown, and return its row."""
        self.sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
        self.act("/groups/1/edit/", percent="15")
        self.sandbox.clear_faults()
        return Change.objects.get(state="unknown")

    def button(self):
        self.page.locator("main form .button:not(.quiet, .plain, .danger-quiet)").first.click()

    def edit_in_a_row(self, group_id, percent):
        self.page.set_viewport_size({"width": 1280, "height": 900})
        self.page.goto("/groups/")
        open_row(self.page, group_id)
        self.page.locator(f"#row-{group_id} [name=percent]").fill(percent)

    def save_the_row(self):
        self.page.locator(".row-form .button:not(.plain)").click()


def scene(role="Owners", account="demo", shows="main h1"):
    """Declare a scene: role and account of the user, and the selector that must be there in the end."""

    def declare(function):
        SCENES[function.__name__] = (function, role, account, shows)
        return function

    return declare


def sent(name, address, shows=".summary", **typed):
    """Declare a scene in which the form of a page is filled in and sent."""

    def send(stage):
        stage.goto(address, **typed)
        stage.button()

    SCENES[name] = (send, "Owners", "demo", shows)


def opened(name, address, shows, *, role="Owners", account="demo"):
    """Declare a scene that is a page as it comes, with these parameters or for this person."""
    SCENES[name] = (lambda stage: stage.goto(address), role, account, shows)


# --- The sign-in -------------------------------------------------------------------------------------------


@scene(role=None, shows=".summary")
def set_up_refused(stage):
    stage.goto(urlsplit(first_start.new_link()).path)
    stage.button()


@scene(role=None, shows="[data-notice=error]")
def locked(stage):
    for _ in range(5):
        stage.browse().post("/accounts/login/", {"username": "olena", "password": "not-it"})
    stage.goto("/accounts/login/?next=/groups/1/edit/&unsaved=1", username="olena", password="not-it")
    stage.button()


opened("no_right", "/groups/", "[data-notice=error]", role="", account=None)
opened("account_not_connected", "/account/", ".steps", account=None)


# --- The list ----------------------------------------------------------------------------------------------


@scene(shows="nav.pages")
def long_list(stage):
    for number in range(120):
        name = f"Гості & друзі № {number} з дуже довгою назвою, яку ніхто не скоротив, бо нащо"
        new_group(stage.sandbox, name, clients=number)
    stage.goto("/groups/?q=друзі&type=2&page=2")


@scene(shows=".empty")
def no_groups(stage):
    for group_id in list(stage.sandbox.accounts["demo"].groups):
        stage.sandbox.console().remove(group_id)
    stage.goto("/groups/")


@scene(shows="[data-notice=stale]")
def stale_list(stage):
    stage.goto("/groups/")
    stage.sandbox.script("*", "fin_before_headers", times=None)
    stage.goto("/groups/?refresh=1")


@scene(shows="[data-notice=error]")
def no_answer(stage):
    stage.sandbox.script("*", "error_object", code=11, times=None)
    stage.goto("/groups/")


@scene(shows=".field .error")
def row_refused(stage):
    stage.edit_in_a_row(4, "101")
    stage.save_the_row()


@scene(shows="#dialog[open] h1")
def row_check(stage):
    stage.edit_in_a_row(4, "60")
    stage.save_the_row()


@scene(shows="#dialog[open] .versions")
def row_conflict(stage):
    stage.edit_in_a_row(1, "11")
    stage.sandbox.console().edit(1, client_groups_discount="12")
    stage.save_the_row()


@scene(shows="table.sales td")
def list_with_sales(stage):
    stage.sandbox.console().put_client(4, lastname="Новий")
    stage.goto("/groups/?columns=sales&sort=-given")


opened("chosen_groups", "/groups/?id=1,4", ".choice-bar output")


@scene(shows="dialog[open] .filters")
def filters_in_the_dialog(stage):
    stage.goto("/groups/")
    stage.page.locator(".results-bar a[data-dialog]").click()


sent("filters_with_mistakes", "/groups/filters/", percent_from="abc", share_to="200")


@scene(shows="#dialog[open] .places")
def go_to(stage):
    stage.goto("/groups/")
    stage.page.keyboard.press("Control+k")


@scene(shows=".narrowed details[open]")
def saved_view(stage):
    SavedView.objects.create(user=stage.user, name="Порожні гурти", query="?clients_to=0")
    stage.goto("/groups/?clients_to=0")
    stage.page.locator(".narrowed summary").click()


@scene(shows=".summary")
def saved_view_without_a_name(stage):
    stage.goto("/groups/?type=2&sort=-clients")
    stage.page.locator(".narrowed summary").click()
    stage.page.locator(".narrowed .button").click()


# --- One group ---------------------------------------------------------------------------------------------


@scene(shows="[data-worker=away]")
def no_worker(stage):
    WorkerHeartbeat.objects.all().delete()
    stage.lose_an_edit()
    stage.goto("/groups/1/")


@scene(shows="dialog[open] .danger")
def remove_dialog(stage):
    stage.goto("/groups/1/")
    stage.page.locator("main .more-menu summary").click()
    stage.page.locator("a[data-dialog]").click()


sent("check", "/groups/1/edit/", "[data-notice=conflict]", percent="45")


@scene(shows="[data-notice=conflict]")
def check_of_a_name(stage):
    stage.goto("/groups/new/", name=SEED["name"], percent="5")
    stage.page.locator("label[for=id_loyalty_type_1]").click()
    stage.button()


@scene(shows="[data-notice=conflict] ~ form .data")
def conflict(stage):
    stage.goto("/groups/1/edit/", percent="12")
    stage.sandbox.console().edit(1, client_groups_name="Хтось змінив")
    stage.button()


@scene(shows=".versions")
def draft(stage):
    stage.goto("/groups/1/edit/", percent="12")
    stage.sandbox.console().edit(1, client_groups_name="Хтось змінив", client_groups_discount="11")
    UserSession.objects.all().delete()
    stage.button()
    stage.page.wait_for_url("**/accounts/login/**")
    stage.page.fill("[name=username]", "olena")
    stage.page.fill("[name=password]", PASSWORD)
    stage.button()


@scene(shows="[name=reason]")
def beyond_the_limits(stage):
    Limits.objects.create(account_id="demo", max_percent=12)
    stage.goto("/groups/1/edit/", percent="15")
    stage.button()


@scene(shows="[data-theirs]")
def limits_set_by_two(stage):
    Limits.objects.create(account_id="demo", max_percent=20, set_by="olena")
    stage.goto("/account/limits/", max_percent="25")
    Limits.objects.update(max_percent=15, set_by="ivan")
    stage.button()


@scene(shows="[data-notice=conflict]")
def request_of_a_group_that_changed(stage):
    Limits.objects.create(account_id="demo", max_percent=12, max_clients=10)
    staff = make_user("staff", role="Staff", account="demo", sandbox=stage.sandbox)
    command = edit_of(staff, percent=Decimal(25))
    breaches = [Breach("max_percent", 25, 12), Breach("max_rise", 15, 5), Breach("max_clients", 125, 10)]
    request = approvals.ask_for(command, staff, breaches)
    stage.goto(f"/requests/{request.pk}/")
    stage.sandbox.console().edit(1, client_groups_discount="11")
    stage.button()


@scene(shows="[data-cost]")
def edit_with_a_cost(stage):
    stage.goto("/groups/1/edit/", percent="15")


opened("cost_of_a_year", "/groups/1/cost/?percent=5&days=365", ".cost-months .saves")


@scene(shows="[data-problem]")
def ladder_with_contradictions(stage):
    stage.sandbox.console().set_rules(
        {"rule_id": 1, "loyalty_type": 2, "value": 1000, "group_id": 5},
        {"rule_id": 2, "loyalty_type": 2, "value": 2000, "group_id": 4},
        {"rule_id": 3, "loyalty_type": 2, "value": 2000, "group_id": 77},
        {"rule_id": 5, "loyalty_type": 2, "value": "?", "group_id": 1},
    )
    stage.goto("/groups/ladder/")


@scene(shows="[data-audit=zero] summary")
def audit(stage):
    for clients in (3, 0):
        new_group(stage.sandbox, "Гості & друзі", percent="0", clients=clients)
    stage.goto("/groups/ladder/")


# --- Many groups, plans, files -----------------------------------------------------------------------------


sent("percents_refused", "/groups/edit/", ".percents .error", percent_1="101", percent_4="")
sent("percents_planned", "/groups/edit/", ".plan .risk", percent_1="50")


@scene(shows=".plan .risk")
def file_planned(stage):
    text = "ID;Назва;Тип;Відсоток;Коментар\n1;Інша назва;Знижкова;50;\n4;;;12,5;\n;Нова;Знижкова;3;\n"
    upload(stage, text)


@scene(shows=".to-correct")
def file_with_errors(stage):
    upload(stage, "ID;Назва;Тип;Відсоток\n1;;;101\n4;;;50\n77;;;1\n;Ще;Хтозна;\n")


def upload(stage, text):
    stage.goto("/groups/import/")
    file = {"name": "groups.csv", "mimeType": "text/csv", "buffer": text.encode()}
    stage.page.locator("#id_file").set_input_files(file)
    stage.button()


sent("plan_of_several_groups_refused", "/groups/schedule/?id=1,4", percent="20")


@scene(shows="[data-schedule]")
def planned_changes(stage):
    planned(stage.user)
    planned(stage.user, group_id=1)
    run_due_plans(at(2))
    run_due_plans(at(4))
    planned(stage.user, starts=-timedelta(hours=1))
    stage.goto("/schedules/")


# --- Clients and jobs --------------------------------------------------------------------------------------


@scene(shows="[data-choice]")
def clients_of_all_groups(stage):
    stage.goto("/clients/", q="ко")
    stage.page.keyboard.press("Enter")
    stage.page.locator("[name=client]").first.check()


@scene(shows="[data-notice=error]")
def members_without_an_answer(stage):
    stage.sandbox.script("clients.getClients", "fin_before_headers", times=None)
    stage.goto("/groups/1/clients/")


@scene(shows="tr[data-state=found]")
def listed_clients(stage):
    """Show a line in each state; a card with the number of another client fits both."""
    stage.sandbox.console().edit_client(2, card_number="129")
    stage.goto("/clients/list/?target=4", text="1\n129\n130\n1\n0509999999\n—")
    stage.page.check("[name=numbers]")
    stage.button()


@scene(shows="#effect p")
def chosen_clients_move(stage):
    stage.sandbox.console().edit_client(2, client_groups_id="5")
    stage.goto("/clients/move/?client=1-1,2-5,129-4")
    stage.page.select_option("#id_target", "4")


@scene(shows="#ask #cancel")
def job_to_cancel(stage):
    job = start(stage.user)
    Job.objects.filter(pk=job.pk).update(wanted={"clients": [129, 130, 131]}, tested=True)
    run(job)
    Job.objects.filter(pk=job.pk).update(state="running", reason="", finished_at=None)
    stage.goto(f"/jobs/{job.pk}/")
    stage.page.locator("#cancel").click()


@scene(shows="tr[data-state=refused]")
def job_stopped(stage):
    job = start(stage.user, client_ids=[129])
    stage.sandbox.script("clients.updateClient", "error_number_field", when="before")
    run(job)
    stage.goto(f"/jobs/{job.pk}/")


@scene(shows="#undo")
def job_to_undo(stage):
    stage.goto(f"/jobs/{run(start(stage.user, client_ids=[129])).pk}/#undo")


# --- The history -------------------------------------------------------------------------------------------


@scene(account="kopecks", shows="[data-outcome=differs]")
def outcome_differs(stage):
    answer = stage.act("/groups/1/edit/", birthday_bonus="70")
    stage.goto(answer["Location"])


@scene(shows="[data-notice=conflict]")
def undone_already(stage):
    stage.act("/groups/1/edit/", percent="12", name="Дуже довга назва групи, яку ніхто не скоротив")
    url = f"/history/{Change.objects.get().pk}/undo/"
    stage.goto("/history/")
    stage.browse(stage.user).post(url)
    stage.page.click(f"form[action='{url}'] button")


@scene(shows="[data-outcome=elsewhere]")
def outcome_elsewhere(stage):
    """Show a change in Poster's console, as a worker would have found it five minutes ago."""
    old = {"name": "Гості", "loyalty_type": 1, "percent": "10", "birthday_bonus": "50"}
    seen_at = timezone.now() - timedelta(minutes=5)
    found = Change(
        account=stage.user.credentials.account,
        action="update",
        group_id=1,
        group_name="Гості",
        target="group:1",
        before=old,
        after=old | {"percent": "12.5"},
        state="elsewhere",
        possible_since=seen_at - timedelta(minutes=5),
        created_at=seen_at,
        settled_at=timezone.now(),
    )
    found.save()
    stage.goto(f"/history/{found.pk}/")


@scene(shows=".facts")
def restore_a_group_that_is_gone(stage):
    client = stage.browse(stage.user)
    client.post(REMOVAL, open_form(client, REMOVAL, confirm_name=GROUP_4))
    stage.goto("/history/snapshots/")
    stage.goto(f"/history/snapshots/{Snapshot.objects.get().pk}/restore/")


# --- People, and the own account ---------------------------------------------------------------------------


@scene(shows="[data-theirs]")
def person_changed_by_two(stage):
    ivan = make_user("ivan", role="Staff", account="demo", sandbox=stage.sandbox)
    stage.goto(f"/people/{ivan.pk}/", full_name="Іван Дмитрович Сірко")
    change(ivan, "Іван Сірко", "", "Staff")
    stage.button()


@scene(shows="button.danger")
def question_before_a_block(stage):
    ivan = make_user("ivan", role="Staff", account="demo", sandbox=stage.sandbox)
    stage.goto(f"/people/{ivan.pk}/?step=block")


@scene(shows="table.journal")
def security_log(stage):
    make_user("ivan", role="Staff", account="demo", sandbox=stage.sandbox)
    stage.goto("/people/?log")


@scene(shows="[data-password]")
def new_person(stage):
    stage.goto("/people/new/", full_name="Марія Заньковецька", username="maria")
    stage.page.locator("label[for=id_role_1]").click()
    stage.button()


@scene(shows="form[action$='/remove/']")
def security(stage):
    Passkey.objects.create(
        user=stage.user, name="iPhone", credential_id="a", public_key=b"b", handle="c", confirmed=True
    )
    stage.goto("/accounts/sessions/")


@scene(shows="[data-telegram=failing]")
def notices_that_did_not_arrive(stage):
    set_chat(stage.user, token="1:invented", chat="1")
    Delivery.objects.create(user=stage.user, failure="chat", detail="403", tried_at=timezone.now())
    stage.goto("/account/notices/")


opened("no_such_setting", "/settings/?q=xyz", "#found p.section a")


# --- Criteria and movements --------------------------------------------------------------------------------


def _save_criteria(stage, **options):
    rows = (
        {"group_id": 5, "days": 30, "bought_min": 20_000_00},
        {"group_id": 4, "days": 30, "receipts_min": 10, "registered_min": 30, "birthday_in": 120},
    )
    return save_criteria(stage.user, *rows, otherwise=1, **options)


@scene(shows=".spread rect.in")
def criteria(stage):
    _save_criteria(stage, nightly=True)
    stage.browse(stage.user).post("/criteria/pins/", {"client": "129", "reason": "Сусід"})
    stage.browse(stage.user).post("/criteria/preview/")
    stage.goto("/criteria/")


@scene(shows="[data-theirs] [data-criterion]")
def criteria_saved_by_two(stage):
    _save_criteria(stage)
    stage.goto("/criteria/", max_moves="8")
    _save_criteria(stage, max_moves=7)
    stage.page.locator("#table .actions .button:not([form])").click()


@scene(shows="[data-from] [data-client]")
def criteria_preview(stage):
    _save_criteria(stage)
    stage.goto("/criteria/")
    stage.page.locator("button[form=look]").click()
    stage.page.locator("[data-from] .button").last.click()


@scene(shows="[data-movement=out]")
def movements(stage):
    watched(stage.user, days=60)
    for number in range(24):
        came = (4, 5, "rule") if number % 3 else (None, 5, "new")
        put_movement(stage.user, 129 + number, *came, days_ago=2 * number)
    put_movement(stage.user, 140, 5, 4, days_ago=1)
    put_movement(stage.user, 141, 5, None, "removed", days_ago=9)
    stage.goto("/groups/5/movements/")
