"""Scenes: every page in every designed state, for tests that check all of them.

A scene opens its page in `stage.page`. `stage.act()` sends a form as another user would, outside the browser.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.http import urlsafe_base64_encode

from groups.features.approvals.models import Breach, Limits
from groups.features.approvals.services import approvals
from groups.features.criteria.models import KIND, Criteria
from groups.features.criteria.services.run_work import RunScope
from groups.features.elsewhere.services import watch
from groups.features.insights.models import ClientCount
from groups.features.notices.models import Delivery
from groups.features.notices.services.telegram import set_chat
from groups.features.schedules.services import run_due
from groups.features.snapshots.models import Snapshot
from groups.models import Change, Job, Lock, PosterCredentials, WorkerHeartbeat
from groups.models.locks import members_key
from groups.services.groups import read_now
from groups.services.writes.commands import UpdateGroup
from poster_admin.common.encryption import Secret
from poster_admin.users.models import (
    Guardian,
    Invitation,
    Passkey,
    TOTPDevice,
    UserSession,
    new_key,
)
from poster_admin.users.pages.people import change
from poster_admin.users.sign_in import first_start, invitations
from tests.support.browser import new_group, open_row
from tests.support.changes import SEED, write_down
from tests.support.criteria import save as save_criteria
from tests.support.jobs import run, start
from tests.support.movements import put_movement, watched
from tests.support.pages import group_form, open_form
from tests.support.people import PASSWORD, make_user
from tests.support.schedules import at, planned
from tests.support.schemes import entry, scheme

SCENES = {}
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@dataclass
class Stage:
    page: Any
    browse: Any
    user: Any
    sandbox: Any
    language: str
    settings: Any

    def goto(self, path):
        self.page.goto(path)

    def act(self, path, **values):
        client = self.browse(self.user, language=self.language)
        return client.post(path, group_form(client, path, **SEED | values))

    def lose_an_edit(self):
        """Make an edit whose outcome stays unknown, and return its row."""
        self.sandbox.script("clients.updateGroup", "fin_before_headers", when="before")
        self.act("/groups/1/edit/", percent="15")
        self.sandbox.clear_faults()
        return Change.objects.get(state="unknown")

    def upload(self, text, address="/groups/import/"):
        """Choose a file with this text for an import, and send it."""
        self.goto(address)
        file = {"name": "groups.csv", "mimeType": "text/csv", "buffer": text.encode()}
        self.page.locator("#id_file").set_input_files(file)
        self.button()

    def fill(self, values):
        for name, value in values.items():
            self.page.fill(f"[name={name}]", value)

    def button(self, place="main"):
        self.page.locator(f"{place} form .button:not(.quiet, .plain, .danger-quiet)").first.click()


def scene(role="Owners", account="demo", shows="main h1"):
    """Declare a scene: role and account of the user, and the selector that must be there in the end."""

    def declare(function):
        SCENES[function.__name__] = (function, role, account, shows)
        return function

    return declare


def page(name, address, role="Owners", account="demo", shows="main h1"):
    """Declare a scene that is a page as it comes."""
    SCENES[name] = (lambda stage: stage.goto(address), role, account, shows)


def sent(name, address, values=None, role="Owners", account="demo", shows=".summary"):
    """Declare a scene in which the form of a page is filled in and sent."""

    def send(stage):
        stage.goto(address)
        stage.fill(values or {})
        stage.button()

    SCENES[name] = (send, role, account, shows)


def uploaded(name, text, address="/groups/import/", role="Owners", shows="main h1"):
    """Declare a scene in which a file with this text was sent."""
    SCENES[name] = (lambda stage: stage.upload(text, address), role, "demo", shows)


def signed_in(role, account, sandbox):
    if role is None:
        return None
    return make_user("olena", role=role or None, account=account, sandbox=sandbox)


# --- Before the sign-in ------------------------------------------------------------------------------------


page("login", "/accounts/login/", role=None)
sent(
    "login_refused", "/accounts/login/?next=/history/", {"username": "olena", "password": "not-it"}, role=None
)
page(
    "login_after_a_lost_form",
    "/accounts/login/?next=/groups/1/edit/&unsaved=1",
    role=None,
    shows="[data-unsaved]",
)


@scene(role=None, shows="[name=password2]")
def set_up(stage):
    stage.goto(urlsplit(first_start.new_link()).path)


@scene(role=None, shows=".summary")
def set_up_refused(stage):
    set_up(stage)
    stage.button()


page("first_steps", "/account/start/", shows="[data-step=protection]")
page("installation", "/account/installation/", shows="[data-part=backup]")


@scene(role=None, shows="[data-notice=error]")
def locked(stage):
    for _ in range(5):
        stage.browse().post("/accounts/login/", {"username": "olena", "password": "not-it"})
    stage.goto("/accounts/login/")
    stage.fill({"username": "olena", "password": "not-it"})
    stage.button()


# --- The list ----------------------------------------------------------------------------------------------


page("group_list", "/groups/?sort=-clients", shows="tr[data-group='5']")


@scene(shows="nav.pages")
def long_list(stage):
    for number in range(120):
        name = f"Гості & друзі № {number} з дуже довгою назвою, яку ніхто не скоротив, бо нащо"
        new_group(stage.sandbox, name, clients=number)
    stage.goto("/groups/?q=друзі&type=2&page=2")


@scene(shows=".field .error")
def row_refused(stage):
    stage.page.set_viewport_size({"width": 1280, "height": 900})
    stage.goto("/groups/")
    open_row(stage.page, 4)
    stage.page.locator("#row-4 [name=percent]").fill("101")
    stage.page.locator("#row-4 .button:not(.plain)").click()


@scene(shows=".empty")
def no_groups(stage):
    for group_id in list(stage.sandbox.accounts["demo"].groups):
        stage.sandbox.console().remove(group_id)
    stage.goto("/groups/")


@scene(shows=".empty")
def no_group_readable(stage):
    for group_id in stage.sandbox.accounts["demo"].groups:
        stage.sandbox.console().edit(group_id, client_groups_discount="150")
    stage.goto("/groups/")


page("no_match", "/groups/?q=нема", shows=".empty")


@scene(shows="[data-notice=stale]")
def stale_list(stage):
    stage.goto("/groups/")
    stage.sandbox.script("*", "fin_before_headers", times=None)
    stage.goto("/groups/?refresh=1")


@scene(shows="[data-notice=stale]")
def stale_detail(stage):
    stage.goto("/groups/")
    stage.sandbox.script("*", "fin_before_headers", times=None)
    stage.goto("/groups/4/")


# --- One group ---------------------------------------------------------------------------------------------


@scene(shows="#first-clients [data-client]")
def detail(stage):
    stage.act("/groups/1/edit/", percent="12")
    for ago, clients in ((30, 110), (12, 131), (0, 125)):
        day = timezone.localdate() - timedelta(days=ago)
        account = stage.user.credentials.account
        ClientCount.objects.create(account=account, group_id=1, day=day, clients=clients)
    stage.goto("/groups/1/")


@scene(shows=".more-menu[open] .menu-item")
def menu_of_a_group(stage):
    stage.goto("/groups/1/")
    stage.page.locator("main .more-menu summary").click()


@scene(shows="#effect p")
def chosen_clients_move(stage):
    stage.sandbox.console().edit_client(2, client_groups_id="5")
    stage.goto("/clients/move/?client=1-1,2-5,129-4")
    stage.page.select_option("#id_target", "4")


page("move_without_clients", "/clients/move/", shows="[data-notice=error]")
page("list_of_clients", "/clients/list/?target=4", shows="#id_text")


@scene(shows="tr[data-state=found]")
def listed_clients(stage):
    """Show a line in each state; a card with the number of another client fits both."""
    stage.sandbox.console().edit_client(2, card_number="129")
    stage.goto("/clients/list/?target=4")
    stage.page.fill("#id_text", "1\n129\n130\n1\n0509999999\n—")
    stage.button()


sent("list_of_clients_refused", "/clients/list/")


@scene(shows="[data-choice]")
def clients_of_all_groups(stage):
    stage.goto("/clients/")
    stage.page.fill("#q", "ко")
    stage.page.keyboard.press("Enter")
    stage.page.locator("[name=client]").first.check()


@scene(shows="[data-notice=unknown]")
def locked_detail(stage):
    stage.lose_an_edit()
    stage.goto("/groups/1/")


@scene(shows="[data-worker=away]")
def no_worker(stage):
    WorkerHeartbeat.objects.all().delete()
    stage.lose_an_edit()
    stage.goto("/groups/")


page("create", "/groups/new/", role="Staff", shows="#id_name")
sent("create_refused", "/groups/new/", role="Staff")
page("edit", "/groups/1/edit/", role="Staff", shows="#id_name")
page("percents", "/groups/edit/?type=2", role="Staff", shows=".percents")
sent(
    "percents_refused",
    "/groups/edit/",
    {"percent_1": "101", "percent_4": ""},
    role="Staff",
    shows=".percents .error",
)
sent("percents_planned", "/groups/edit/", {"percent_1": "50"}, role="Staff", shows=".plan .risk")
page("file_import", "/groups/import/", role="Staff", shows="#id_file")
uploaded("file_refused", "Відсоток\n10\n", role="Staff", shows=".summary")
uploaded(
    "file_of_another_account",
    "Id;Назва;Акаунт Poster\n1;Гості;example\n",
    role="Staff",
    shows="main .notice-actions",
)
page("scheme_compare", "/groups/compare/", role="Managers", shows="#id_file")
uploaded(
    "scheme_with_errors",
    scheme(entry("Нова", percent="5,5"), entry("Нова", percent="101")),
    "/groups/compare/",
    role="Managers",
    shows=".to-correct",
)


@scene(role="Managers", shows=".plan")
def scheme_looked_at(stage):
    rules = 'rules:\n- {group: "Гості", sum: 777.5}\n'
    stage.upload(scheme(entry("Нова"), entry(SEED["name"], percent=50), rules), "/groups/compare/")


@scene(role="Staff", shows=".plan")
def scheme_planned(stage):
    stage.upload(scheme(entry("Нова"), entry(SEED["name"], "bonus", 11, 50)), "/groups/compare/")
    stage.page.locator("main details summary").click()


uploaded(
    "scheme_that_is_so",
    scheme(entry(SEED["name"], "bonus", 10, 50)),
    "/groups/compare/",
    role="Managers",
    shows="[data-notice=success]",
)
uploaded(
    "file_with_errors",
    "ID;Назва;Тип;Відсоток;Коментар\n1;;;101;\n4;;;50;\n77;;;1;\n;Нова;Знижкова;3;\n;Ще;Хтозна;;\n",
    role="Staff",
    shows=".to-correct",
)
uploaded("file_without_a_change", "ID;Відсоток\n1;10\n", role="Staff", shows="[data-notice=success]")
uploaded(
    "file_planned",
    "ID;Назва;Тип;Відсоток;Коментар\n1;Інша назва;Знижкова;50;\n4;;;12,5;\n;Нова;Знижкова;3;\n",
    role="Staff",
    shows=".plan .risk",
)


@scene(role="Staff", shows="[data-notice=error]")
def edit_not_made(stage):
    stage.goto("/groups/1/edit/")
    stage.page.fill("#id_percent", "12")
    stage.sandbox.script("clients.updateGroup", "error_object", code=155, when="before")
    stage.button()


sent("check", "/groups/1/edit/", {"percent": "45"}, role="Staff", shows="[data-notice=conflict]")


@scene(role="Staff", shows="[data-notice=conflict]")
def check_of_a_name(stage):
    stage.goto("/groups/new/")
    stage.page.fill("#id_name", "Постоянный посетитель")
    stage.page.locator("label[for=id_loyalty_type_1]").click()
    stage.page.fill("#id_percent", "5")
    stage.button()


@scene(role="Staff", shows="[data-notice=conflict]")
def check_of_an_undo(stage):
    stage.sandbox.console().edit(1, client_groups_discount="45")
    stage.act("/groups/1/edit/", percent="10")
    stage.goto("/history/")
    stage.page.locator(".cell-undo button").first.click()


@scene(role="Staff", shows=".versions")
def draft(stage):
    stage.goto("/groups/1/edit/")
    stage.page.fill("#id_percent", "12")
    stage.sandbox.console().edit(1, client_groups_name="Хтось змінив", client_groups_discount="11")
    UserSession.objects.all().delete()
    stage.button()
    stage.page.wait_for_url("**/accounts/login/**")
    stage.fill({"username": "olena", "password": PASSWORD})
    stage.button()


@scene(role="Staff", shows="[data-notice=conflict] ~ form .data")
def conflict(stage):
    stage.goto("/groups/1/edit/")
    stage.page.fill("#id_percent", "12")
    stage.sandbox.console().edit(1, client_groups_name="Хтось змінив")
    stage.button()


@scene(role="Staff", shows="[data-notice=conflict]")
def busy(stage):
    stage.goto("/groups/1/edit/")
    stage.page.fill("#id_percent", "12")
    stage.lose_an_edit()
    stage.button()


page("remove", "/groups/1/delete/", shows="#id_confirm_name")


@scene(shows=".field .error")
def remove_refused(stage):
    stage.goto("/groups/1/delete/")
    stage.page.locator(".danger").click()


@scene(shows="[data-outcome=refused]")
def remove_refused_by_poster(stage):
    stage.goto("/groups/4/delete/")
    stage.page.fill("#id_confirm_name", "Скидочная система 10%")
    stage.sandbox.script("clients.removeGroup", "error_object", code=38, message="Ні", when="before")
    stage.page.locator(".danger").click()


page("remove_not_allowed", "/groups/1/delete/", role="Staff", shows="[data-notice=error]")


@scene(shows="dialog[open] .danger")
def remove_dialog(stage):
    stage.goto("/groups/1/")
    stage.page.locator("main .more-menu summary").click()
    stage.page.locator("a[data-dialog]").click()


# --- The loyalty scheme ------------------------------------------------------------------------------------


page("detail_with_dependents", "/groups/4/", role="Managers", shows="#dependents [data-rule]")
page("dependents_page", "/groups/4/dependents/", role="Staff", shows="#dependents [data-promotion]")


@scene(role="Staff", shows="[data-dependents=unread]")
def dependents_unread(stage):
    for method in ("clients.getPromotions", "clients.getLoyaltyRules"):
        stage.sandbox.script(method, "error_object", code=20, times=None)
    stage.goto("/groups/4/edit/")


page("ladder", "/groups/ladder/", role="Managers", shows="tr[data-rule]")


@scene(shows="[data-problem]")
def ladder_with_contradictions(stage):
    stage.sandbox.console().set_rules(
        {"rule_id": 1, "loyalty_type": 2, "value": 1000, "group_id": 5},
        {"rule_id": 2, "loyalty_type": 2, "value": 2000, "group_id": 4},
        {"rule_id": 3, "loyalty_type": 2, "value": 2000, "group_id": 77},
        {"rule_id": 4, "loyalty_type": 2, "value": 1000, "group_id": 1},
        {"rule_id": 5, "loyalty_type": 2, "value": "?", "group_id": 1},
    )
    stage.goto("/groups/ladder/")


@scene(shows="[data-dependents=unread]")
def ladder_unread(stage):
    stage.sandbox.script("clients.getLoyaltyRules", "error_object", code=20, times=None)
    stage.goto("/groups/ladder/")


@scene(role="Staff", shows="[data-audit=zero] [data-group]")
def audit(stage):
    for clients in (3, 0):
        new_group(stage.sandbox, "Гості & друзі", percent="0", clients=clients)
    stage.goto("/groups/audit/")


@scene(shows="progress")
def audit_under_way(stage):
    stage.sandbox.console().edit(1, count_groups_clients="3000")
    stage.goto("/groups/audit/")


@scene(role="Managers", shows=".stairs")
def chart(stage):
    name = "Дуже довга назва групи клієнтів, яку ніхто не скоротив, бо нащо"
    stage.sandbox.console().edit(5, client_groups_name=name)
    stage.goto("/groups/scheme/")


page("chart_with_turnover", "/groups/scheme/", shows="[data-turnover]")
page("members_with_an_own_percent", "/groups/1/clients/?own=above", role="Staff", shows=".chip")


# --- Sales and costs ---------------------------------------------------------------------------------------


page("cost", "/groups/1/cost/?percent=12.5", shows="[data-cost]")
page("cost_of_a_year", "/groups/1/cost/?percent=5&days=365", shows=".cost-months .saves")
page("cost_without_the_right", "/groups/1/cost/?percent=15", account="readonly", shows="#cost b")


@scene(shows="#cost .icon")
def cost_under_way(stage):
    new_group(stage.sandbox, "Гості", percent="5", clients=12_000)
    stage.goto("/groups/1/cost/?percent=15")


page("cost_of_no_percent", "/groups/1/cost/?percent=101", shows="#id_percent[aria-invalid=true]")


@scene(shows="[data-cost]")
def edit_with_a_cost(stage):
    stage.goto("/groups/1/edit/")
    stage.page.fill("#id_percent", "15")


sent(
    "percents_planned_with_a_cost",
    "/groups/edit/",
    {"percent_1": "12", "percent_4": "5"},
    shows="[data-cost]",
)


@scene(shows="table.sales td")
def list_with_sales(stage):
    stage.sandbox.console().put_client(4, lastname="Новий")
    stage.goto("/groups/?columns=sales&sort=-given")


@scene(shows="#sales .icon")
def list_with_sales_under_way(stage):
    new_group(stage.sandbox, "Гості", percent="5", clients=3000)
    stage.goto("/groups/?columns=sales")


@scene(shows=".difference.muted")
def history_with_a_cost(stage):
    stage.goto("/groups/1/cost/")
    stage.act("/groups/1/edit/", percent="15")
    stage.goto("/history/")


# --- Clients of a group ------------------------------------------------------------------------------------


@scene(role="Staff", shows="tr[data-client='45']")
def members(stage):
    stage.sandbox.console().edit_client(45, lastname="Дуже-Довге-Прізвище-Якого-Ніхто-Не-Скоротив")
    stage.goto("/groups/1/clients/?sort=-own")


@scene(role="Staff", shows="[data-notice=error]")
def members_unreadable(stage):
    stage.sandbox.script("clients.getClients", "row_percent_150")
    stage.goto("/groups/1/clients/?page=3")


@scene(role="Staff", shows=".chip")
def members_found(stage):
    stage.goto("/groups/1/clients/")
    stage.page.fill("#q", "ко")
    stage.page.keyboard.press("Enter")


@scene(role="Staff", shows=".empty")
def members_without_a_match(stage):
    stage.goto("/groups/1/clients/")
    stage.page.fill("#q", "нема")
    stage.page.keyboard.press("Enter")


@scene(role="Staff", shows=".empty")
def nobody_in_it(stage):
    stage.sandbox.console().edit(4, count_groups_clients="0")
    stage.goto("/groups/4/clients/")


@scene(role="Staff", shows="[data-notice=error]")
def members_504(stage):
    stage.sandbox.script("clients.getClients", "fin_before_headers", times=None)
    stage.goto("/groups/1/clients/")


# --- Planned changes ---------------------------------------------------------------------------------------


page("plan_a_change", "/groups/4/schedule/", role="Staff", shows="#id_starts_at")


@scene(role="Staff", shows=".summary")
def plan_a_change_refused(stage):
    stage.goto("/groups/4/schedule/")
    stage.page.locator("#form form .button:not(.plain)").click()


@scene(shows="#form [data-notice=conflict]")
def remove_planned(stage):
    planned(stage.user)
    stage.goto("/groups/4/delete/")


@scene(role="Staff", shows=".row-mark")
def planned_in_the_list(stage):
    planned(stage.user)
    run_due(at(2))
    stage.goto("/groups/")


@scene(role="Staff", shows="[data-state=held]")
def planned_and_held(stage):
    planned(stage.user)
    stage.sandbox.console().edit(4, client_groups_discount="13")
    run_due(at(2))
    stage.goto("/groups/4/")


@scene(role="Staff", shows="[data-state=active] .schedule-notes")
def planned_and_overtaken(stage):
    planned(stage.user)
    run_due(at(2))
    stage.sandbox.console().edit(4, client_groups_discount="13")
    stage.goto("/groups/4/?refresh=1")


@scene(role="Staff", shows=".percents .risk")
def percents_of_a_planned_group(stage):
    planned(stage.user)
    run_due(at(2))
    stage.goto("/groups/edit/")


@scene(role="Staff", shows=".editing [data-notice=unknown]")
def row_of_a_planned_group(stage):
    planned(stage.user)
    run_due(at(2))
    stage.page.set_viewport_size({"width": 1280, "height": 900})
    stage.goto("/groups/")
    open_row(stage.page, 4)


@scene(role="Staff", shows="[data-state=planned]")
def planned_changes(stage):
    planned(stage.user)
    planned(stage.user, group_id=1)
    run_due(at(2))
    run_due(at(4))
    planned(stage.user, starts=-timedelta(hours=1))
    stage.goto("/schedules/")


@scene(role="Staff", shows="form .button.danger")
def planned_and_cancelled(stage):
    schedule = planned(stage.user)
    stage.goto(f"/schedules/{schedule.pk}/cancel/")


@scene(role="Staff", shows="main:has([role=alert]) form .button.danger")
def planned_and_begun_before_it_is_cancelled(stage):
    schedule = planned(stage.user)
    stage.goto(f"/schedules/{schedule.pk}/cancel/")
    run_due(at(2))
    stage.page.locator("form .button.danger").click()


@scene(role="Staff", shows="[data-notice=conflict]")
def planned_twice(stage):
    planned(stage.user)
    stage.goto("/groups/4/schedule/")


def asked(stage):
    """Let staff ask for a change beyond the limits."""
    Limits.objects.create(account_id="demo", max_percent=12, max_clients=10)
    staff = make_user("staff", role="Staff", account="demo", sandbox=stage.sandbox)
    group = read_now(staff.credentials, 1).group
    command = UpdateGroup(
        operation=uuid.uuid4(),
        credentials=staff.credentials,
        group_id=1,
        loaded=group.values,
        intended=group.values.replace(percent=Decimal(25)),
    )
    breaches = (Breach("max_percent", 25, 12), Breach("max_rise", 15, 5), Breach("max_clients", 125, 10))
    return approvals.ask_for(command, staff, breaches)


@scene(shows="#id_max_clients")
def limits(stage):
    Limits.objects.create(account_id="demo", max_percent=20, set_by="olena")
    stage.goto("/account/limits/")


sent("limits_refused", "/account/limits/", {"max_percent": "101"})


@scene(shows="[data-theirs]")
def limits_set_by_two(stage):
    limits(stage)
    Limits.objects.update(max_percent=15, set_by="ivan")
    stage.fill({"max_percent": "25"})
    stage.button()


@scene(shows="tr[data-request]")
def requests(stage):
    asked(stage)
    stage.goto("/requests/")


page("no_requests", "/requests/", shows=".empty")


@scene(shows="[data-request][data-state=waiting]")
def request_to_decide(stage):
    request = asked(stage)
    stage.goto(f"/requests/{request.pk}/")


@scene(shows="[data-notice=conflict]")
def request_of_a_group_that_changed(stage):
    request = asked(stage)
    stage.goto(f"/requests/{request.pk}/")
    stage.sandbox.console().edit(1, client_groups_discount="11")
    stage.button()


@scene(shows="[data-request][data-state=refused]")
def request_refused(stage):
    request = asked(stage)
    approvals.refuse(request, user=stage.user, reason="100 %")
    stage.goto(f"/requests/{request.pk}/")


@scene(shows="[data-notice=unknown]")
def group_that_is_asked_about(stage):
    asked(stage)
    stage.goto("/groups/1/")


@scene(shows="[name=reason]")
def beyond_the_limits(stage):
    Limits.objects.create(account_id="demo", max_percent=12)
    stage.goto("/groups/1/edit/")
    stage.page.fill("[name=percent]", "15")
    stage.button()


# --- Jobs --------------------------------------------------------------------------------------------------


sent("move_refused", "/groups/4/clients/move/", role="Staff")
page("retire", "/groups/4/retire/", shows="[data-promotion]")


@scene(role="Staff", shows="[data-notice=unknown]")
def retire_while_a_job_is_at_it(stage):
    start(stage.user)
    stage.goto("/groups/4/retire/")


@scene(role="Staff", shows="#job[data-state=running]")
def job_running(stage):
    job = start(stage.user)
    run_some(job)
    stage.goto(f"/jobs/{job.pk}/")


@scene(role="Staff", shows="#ask #cancel")
def job_to_cancel(stage):
    job = start(stage.user)
    run_some(job)
    stage.goto(f"/jobs/{job.pk}/")
    stage.page.locator("#cancel").click()


@scene(role="Staff", shows="tr[data-state=refused]")
def job_stopped(stage):
    job = start(stage.user, client_ids=[129])
    stage.sandbox.script("clients.updateClient", "error_number_field", when="before")
    run(job)
    stage.goto(f"/jobs/{job.pk}/")


@scene(role="Staff", shows="#undo")
def job_to_undo(stage):
    stage.goto(f"/jobs/{run(start(stage.user, client_ids=[129])).pk}/")


@scene(role="Staff", shows="tr[data-job]")
def jobs(stage):
    run(start(stage.user, client_ids=[129]))
    start(stage.user)
    stage.goto("/jobs/")


@scene(role="Staff", shows="[data-outcome=applied]")
def client_moved(stage):
    run(start(stage.user, client_ids=[129]))
    stage.goto(f"/history/{Change.objects.get().pk}/")


def run_some(job):
    """Move a few clients, and leave the job as if it were running."""
    Job.objects.filter(pk=job.pk).update(wanted={"clients": [129, 130, 131]}, tested=True)
    run(job)
    Job.objects.filter(pk=job.pk).update(state="running", reason="", finished_at=None)


# --- Outcomes, and the history -----------------------------------------------------------------------------


@scene(shows="[data-outcome=unknown]")
def outcome_unknown(stage):
    change = stage.lose_an_edit()
    stage.goto(f"/history/{change.pk}/")


@scene(account="kopecks", shows="[data-outcome=differs]")
def outcome_differs(stage):
    answer = stage.act("/groups/1/edit/", birthday_bonus="70")
    stage.goto(answer["Location"])


@scene(shows="[data-outcome=review]")
def outcome_review(stage):
    change = stage.lose_an_edit()
    stage.sandbox.console().edit(1, client_groups_discount="77")
    super(type(Change.objects.all()), Change.objects.filter(pk=change.pk)).update(next_check_at=None)
    Change.objects.settle(
        Change.objects.get(pk=change.pk), state="review", reason="overwritten", after=change.before
    )
    stage.goto(f"/history/{change.pk}/")


@scene(shows="[data-notice=conflict]")
def undone_already(stage):
    stage.act("/groups/1/edit/", percent="12")
    url = f"/history/{Change.objects.get().pk}/undo/"
    stage.goto("/history/")
    stage.browse(stage.user, language=stage.language).post(url)
    stage.page.click(f"form[action='{url}'] button")


@scene(shows="tr[data-change]")
def history(stage):
    stage.act("/groups/1/edit/", percent="12", name="Дуже довга назва групи клієнтів, яку ніхто не скоротив")
    client = stage.browse(stage.user, language=stage.language)
    client.post(
        "/groups/4/delete/", open_form(client, "/groups/4/delete/", confirm_name="Скидочная система 10%")
    )
    stage.goto("/history/")


def find_elsewhere(stage):
    """Write down what a worker would have found: a change in Poster's console, five minutes ago."""
    old = {"name": "Гості", "loyalty_type": 1, "percent": "10", "birthday_bonus": "50"}
    seen_at = timezone.now() - timedelta(minutes=5)
    change = Change(
        account=stage.user.credentials.account,
        action="update",
        group_id=1,
        group_name="Гості",
        target="group:1",
        before=old,
        after=old | {"percent": "12.5", "name": "Дуже довга назва групи, яку дали їй у консолі Poster"},
        state="elsewhere",
        possible_since=seen_at - timedelta(minutes=5),
        created_at=seen_at,
        settled_at=timezone.now(),
    )
    change.save()
    return change


@scene(shows="[data-outcome=elsewhere]")
def outcome_elsewhere(stage):
    stage.goto(f"/history/{find_elsewhere(stage).pk}/")


@scene(shows="li[data-state=elsewhere]")
def what_is_new(stage):
    find_elsewhere(stage)
    stage.goto("/history/new/")


page("nothing_is_new", "/history/new/", shows=".empty")


@scene(shows="[data-watch=on]")
def account_with_a_watch(stage):
    stage.goto("/account/")
    stage.page.locator("[name=watch]").click()


@scene(shows="[data-watch=on] [data-notice=error]")
def account_with_a_watch_that_stopped(stage):
    partner = make_user("ivan", role="Owners", account="demo", sandbox=stage.sandbox)
    watch.switch_on(partner.credentials)
    partner.groups.clear()
    stage.goto("/account/")


def remove_with_clients(stage):
    client = stage.browse(stage.user, language=stage.language)
    url = "/groups/4/delete/"
    client.post(url, open_form(client, url, confirm_name="Скидочная система 10%"))
    return Snapshot.objects.get(group_id=4)


@scene(shows="tr[data-snapshot]")
def snapshots(stage):
    remove_with_clients(stage)
    stage.goto("/history/snapshots/")


page("snapshots_empty", "/history/snapshots/", shows=".empty")


@scene(shows=".facts")
def restore_a_group_that_is_gone(stage):
    snapshot = remove_with_clients(stage)
    stage.goto(f"/history/snapshots/{snapshot.pk}/restore/")


@scene(shows=".origins")
def restore_into_a_group_that_is_there(stage):
    snapshot = remove_with_clients(stage)
    group_id = new_group(stage.sandbox, snapshot.group_name, percent="10")
    Snapshot.objects.update(group_id=group_id)
    for part in snapshot.parts.all():
        part.rows = Secret(json.dumps([stage.sandbox.accounts["demo"].clients.row(7)]))
        part.save()
    stage.goto(f"/history/snapshots/{snapshot.pk}/restore/")


@scene(shows="[data-notice=error]")
def snapshot_without_its_key(stage):
    snapshot = remove_with_clients(stage)
    snapshot.parts.update(rows=Secret(sealed="f1:lost"))
    stage.goto(f"/history/snapshots/{snapshot.pk}/restore/")


page("history_without_a_match", "/history/?group=нема", shows=".filters")
page("history_empty", "/history/", shows=".empty")


# --- Credentials -------------------------------------------------------------------------------------------


page("account", "/account/", shows=".pairs")
page("account_not_connected", "/account/", account=None, shows=".steps")


@scene(account=None, shows=".summary")
def account_refused(stage):
    stage.goto("/account/")
    stage.page.fill("#id_account", "demo")
    stage.page.fill("#id_token", stage.sandbox.accounts["expired"].token)
    stage.page.locator(".steps .button").click()


@scene(shows="[data-notice=error]")
def account_withdrawn(stage):
    PosterCredentials.objects.update(refused_at="2026-01-01T00:00Z")
    stage.goto("/account/")


@scene(account="kopecks", shows="[name=bonus_unit]")
def account_bonus_block(stage):
    stage.act("/groups/1/edit/", birthday_bonus="70")
    stage.goto("/account/")


# --- Errors ------------------------------------------------------------------------------------------------


def refused(name, fault, **options):
    """Declare a scene in which each call of Poster has this fault."""

    def show(stage):
        stage.sandbox.script("*", fault, times=None, **options)
        stage.goto("/groups/")

    SCENES[name] = (show, "Owners", "demo", "[data-notice=error]")


refused("poster_424", "error_object", code=11)
refused("poster_502", "empty")
refused("poster_504", "fin_before_headers")
page("no_right", "/groups/", role="", account=None, shows="[data-notice=error]")


@scene(shows="[data-notice=error]")
def not_found(stage):
    stage.goto(f"/history/{uuid.uuid4()}/")


# --- Dialogs and menus -------------------------------------------------------------------------------------


@scene(shows=".menu-panel")
def menu(stage):
    stage.goto("/groups/")
    stage.page.locator("details.menu summary").click()


page("help_page", "/help/")


@scene(shows="#dialog[open] #help")
def shortcuts(stage):
    stage.goto("/groups/")
    stage.page.keyboard.press("?")


@scene(shows="#dialog[open] h1")
def row_check(stage):
    stage.page.set_viewport_size({"width": 1280, "height": 900})
    stage.goto("/groups/")
    open_row(stage.page, 4)
    stage.page.locator("#row-4 [name=percent]").fill("60")
    stage.page.locator("#row-4 .button:not(.plain)").click()


@scene(shows="#dialog[open] .versions")
def row_conflict(stage):
    stage.page.set_viewport_size({"width": 1280, "height": 900})
    stage.goto("/groups/")
    open_row(stage.page, 1)
    stage.page.locator("#row-1 [name=percent]").fill("11")
    stage.sandbox.console("demo").edit(1, client_groups_discount="12")
    stage.page.locator("#row-1 .button:not(.plain)").click()


page("disconnect", "/account/disconnect/", shows="main form .danger")


# --- People ------------------------------------------------------------------------------------------------


def goto_a_step_of_ivan(stage, step):
    ivan = make_user("ivan", role="Staff", account="demo", sandbox=stage.sandbox)
    stage.goto(f"/people/{ivan.pk}/{step}/")


@scene(shows="tr[data-user=ivan]")
def people(stage):
    ivan = make_user("ivan", role="Staff", account="demo", sandbox=stage.sandbox)
    ivan.first_name, ivan.last_name = "Іван", "Сірко-Дуже-Довге-Прізвище"
    ivan.is_active = False
    ivan.save()
    stage.goto("/people/")


@scene()
def person(stage):
    ivan = make_user("ivan", role="Staff", account="demo", sandbox=stage.sandbox)
    TOTPDevice.objects.create(user=ivan, name="phone", key=new_key(), confirmed=True)
    stage.goto(f"/people/{ivan.pk}/")


@scene(shows="[data-theirs]")
def person_changed_by_two(stage):
    ivan = make_user("ivan", role="Staff", account="demo", sandbox=stage.sandbox)
    stage.goto(f"/people/{ivan.pk}/")
    change(ivan, "Іван Сірко", "", "Staff")
    stage.fill({"full_name": "Іван Дмитрович Сірко"})
    stage.button()


for name, step in {
    "block_a_person": "block",
    "new_password_for_a_person": "password",
    "sign_a_person_out": "sign-out",
    "second_factor_of_a_person": "second-factor",
}.items():
    SCENES[name] = (partial(goto_a_step_of_ivan, step=step), "Owners", "demo", "main form .danger")


@scene(shows="main [value='1']")
def blocked_person(stage):
    ivan = make_user("ivan", role="Staff", account="demo", sandbox=stage.sandbox)
    ivan.is_active = False
    ivan.save()
    stage.goto(f"/people/{ivan.pk}/")


sent("new_person_refused", "/people/new/", {"email": "no-address"})


@scene(shows="[data-password]")
def new_person(stage):
    stage.goto("/people/new/")
    stage.fill({"full_name": "Марія Заньковецька", "username": "maria"})
    stage.page.locator("label[for=id_role_1]").click()
    stage.button()


def _invited(stage):
    """Return a person who has an address and an invitation, and no password yet."""
    stage.settings.EMAIL_ENABLED = True
    maria = make_user("maria", role="Staff")
    maria.email = "maria.zankovetska@example.com"
    maria.save()
    Invitation.objects.create(user=maria)
    Guardian.objects.create(user=maria, guardian=stage.user, invited=True)
    return maria


@scene(shows="form[action$='/invite/']")
def person_invited(stage):
    stage.goto(f"/people/{_invited(stage).pk}/")


@scene(shows="[data-notice=error]")
def invitation_not_sent(stage):
    # The discard port: no mail server is there.
    stage.settings.MAILERS = {"default": {"BACKEND": SMTP, "OPTIONS": {"host": "127.0.0.1", "port": 9}}}
    stage.settings.EMAIL_ENABLED = True
    stage.goto("/people/new/")
    stage.fill({"full_name": "Марія Заньковецька", "username": "maria", "email": "maria@example.com"})
    stage.page.locator("label[for=id_role_1]").click()
    stage.button()


@scene(role=None, shows="[name=new_password1]")
def invitation(stage):
    maria = _invited(stage)
    uid = urlsafe_base64_encode(str(maria.pk).encode())
    stage.goto(f"/accounts/invitation/{uid}/{invitations.tokens.make_token(maria)}/")


@scene(role="Staff", account=None, shows="[name=new_password1]")
def connected_elsewhere(stage):
    """A person made by the owner of another account connects this one, and chooses another password."""
    elsewhere = make_user("elsewhere", role="Owners", account="kavarnia", sandbox=stage.sandbox)
    Guardian.objects.create(user=stage.user, guardian=elsewhere, invited=True)
    stage.goto("/account/")
    stage.fill({"account": "demo", "token": stage.sandbox.accounts["demo"].token})
    stage.button()


@scene(role=None, shows="[data-notice=error]")
def invitation_too_old(stage):
    stage.settings.EMAIL_ENABLED = True
    stage.goto("/accounts/invitation/MQ/a-token/")


# --- Security, and notices ---------------------------------------------------------------------------------


page("passkey_new", "/accounts/passkeys/new/", shows="[data-passkey-new] [name=name]")


@scene(shows="[data-no-passkey]")
def no_passkeys_here(stage):
    # Browsers offer no passkeys at a number, so the session moves to the number of the same server.
    stage.goto("/help/")
    url = stage.page.url.replace("localhost", "127.0.0.1").replace("/help/", "/accounts/passkeys/new/")
    cookies = [{"name": each["name"], "value": each["value"]} for each in stage.page.context.cookies()]
    stage.page.context.add_cookies([each | {"url": url} for each in cookies])
    stage.goto(url)


@scene(shows="form[action$='/remove/']")
def security(stage):
    Passkey.objects.create(
        user=stage.user, name="iPhone", credential_id="a", public_key=b"b", handle="c", confirmed=True
    )
    stage.goto("/accounts/sessions/")


@scene(shows="form .button.danger")
def recovery_codes_are_replaced(stage):
    Passkey.objects.create(
        user=stage.user, name="iPhone", credential_id="a", public_key=b"b", handle="c", confirmed=True
    )
    stage.goto("/accounts/second-factor/codes/")


page("notices", "/account/notices/", shows="[data-telegram=none]")


@scene(shows="[data-telegram=failing]")
def notices_that_did_not_arrive(stage):
    set_chat(stage.user, token="1:invented", chat="1")
    Delivery.objects.create(user=stage.user, failure="chat", detail="403", tried_at=timezone.now())
    stage.goto("/account/notices/")


sent("telegram_refused", "/account/notices/telegram/", {"token": "invented", "chat": "1"})


@scene(shows="#dialog[open] .places")
def go_to(stage):
    stage.goto("/groups/")
    stage.page.keyboard.press("Control+k")


@scene(shows="#found[data-text] a")
def go_page(stage):
    stage.goto("/go/")
    stage.page.fill("#go-q", "Постоян")


@scene(shows="#found[data-text] a[href$='percent=5']")
def go_to_an_action(stage):
    stage.goto("/go/")
    stage.page.fill("#go-q", "5 % Постоян")


page("settings", "/settings/", shows="#found a[href='/people/new/']")
page("no_such_setting", "/settings/?q=xyz", shows="#found p.section a")


def _save_view(stage, name, query):
    stage.goto(f"/account/views/?{query}")
    stage.page.fill("[name=name]", name)
    stage.button()


@scene(shows=".tabs [aria-current]")
def view_tabs(stage):
    _save_view(stage, "Великі знижки", "type=2&percent_from=10")
    _save_view(stage, "Порожні гурти", "clients_to=0")
    stage.goto("/groups/?clients_to=0")


page("filters", "/groups/filters/?percent_from=5&bonus=yes&columns=percent", shows=".filters")
sent("filters_with_mistakes", "/groups/filters/", {"percent_from": "abc", "share_to": "200"})


@scene(shows="dialog[open] .filters")
def filters_in_the_dialog(stage):
    stage.goto("/groups/")
    stage.page.locator(".results-bar a[data-dialog]").click()


page("chosen_groups", "/groups/?id=1,4", shows=".choice-bar output")
page("plan_of_several_groups", "/groups/schedule/?id=1,4", shows="#form [name=percent]")
sent(
    "plan_of_several_groups_held",
    "/groups/schedule/?id=1,4",
    {"percent": "10", "starts_at": "2099-12-04T18:00"},
    shows="[data-notice=conflict]",
)


page("move_of_several_groups", "/groups/move/?id=1,4", shows="#form [name=target]")


@scene(shows="[data-view] details[open]")
def saved_views(stage):
    _save_view(stage, "Порожні гурти", "only=empty")
    stage.goto("/account/views/?type=2&sort=-clients")
    stage.page.locator("[data-view] button[value=start]").click()
    stage.page.locator("[data-view] summary").click()


sent("view_without_a_name", "/account/views/?type=2")


# --- Criteria ----------------------------------------------------------------------------------------------


def _save_criteria(stage, **options):
    rows = (
        {"group_id": 5, "days": 30, "bought_min": 20_000_00},
        {"group_id": 4, "days": 30, "receipts_min": 10, "registered_min": 30, "birthday_in": 120},
    )
    return save_criteria(stage.user, *rows, otherwise=1, **options)


page("criteria_that_nobody_has_set", "/criteria/", role="Managers", shows=".empty")


@scene(role="Managers", shows="[data-criterion]")
def criteria_to_read(stage):
    owner = make_user("boss", role="Owners", account="demo", sandbox=stage.sandbox)
    _save_criteria(Stage(None, None, owner, stage.sandbox, "", None))
    stage.goto("/criteria/")


@scene(shows=".spread rect.in")
def criteria(stage):
    _save_criteria(stage, nightly=True)
    stage.browse(stage.user).post("/criteria/pins/", {"client": "129", "reason": "Сусід"})
    stage.browse(stage.user).post("/criteria/preview/")
    stage.goto("/criteria/")


@scene(shows=".danger")
def pin_is_removed(stage):
    stage.browse(stage.user).post("/criteria/pins/", {"client": "129", "reason": "Сусід"})
    stage.goto("/criteria/")
    stage.page.click("[data-pin] summary")


@scene(shows=".summary")
def criteria_with_mistakes(stage):
    _save_criteria(stage)
    stage.goto("/criteria/")
    stage.page.fill("#id_rows-0-days", "999")
    stage.page.fill("#id_rows-1-registered_max", "2")
    stage.page.fill("[name=max_moves]", "")
    stage.page.locator("#table .actions .button").click()


@scene(shows="[data-theirs] [data-criterion]")
def criteria_saved_by_two(stage):
    _save_criteria(stage)
    stage.goto("/criteria/")
    _save_criteria(stage, max_moves=7)
    stage.page.fill("[name=max_moves]", "8")
    stage.page.locator("#table .actions .button").click()


@scene(shows="#table > .risk")
def criteria_without_sales(stage):
    _save_criteria(stage)
    stage.sandbox.script("dash.getClientsSales", "error_object", times=None, code=54, message="No right")
    stage.browse(stage.user).post("/criteria/preview/")
    stage.goto("/criteria/")


@scene(shows="[data-held]")
def criteria_held_at_night(stage):
    row = _save_criteria(stage, nightly=True)
    Criteria.objects.update(held=Criteria.Held.GROUP_GONE, held_at=row.saved_at)
    stage.goto("/criteria/")


@scene(shows=".notice a[href^='/jobs/']")
def criteria_whose_nights_are_left_out(stage):
    row = _save_criteria(stage, nightly=True)
    wanted = RunScope(row.fingerprint, (1, 4, 5)).to_json()
    common = {"account": row.account, "user": stage.user, "kind": KIND, "wanted": wanted}
    Job.objects.create(**common, state=Job.State.DONE)
    Job.objects.create(**common, state=Job.State.STOPPED, reason=Job.Stop.UNREACHABLE)
    Criteria.objects.update(left_out_at=timezone.now())
    stage.goto("/criteria/")


@scene(shows=".notice a[href^='/history/']")
def criteria_that_a_removal_held_at_night(stage):
    row = _save_criteria(stage, nightly=True)
    wanted = RunScope(row.fingerprint, (1, 4, 5)).to_json()
    Job.objects.create(account=row.account, user=stage.user, kind=KIND, wanted=wanted, state=Job.State.DONE)
    removal = write_down(stage.user, action="remove", group_id=5, group_name="Друзі закладу", state="review")
    Lock.objects.take(row.pk, [members_key(5)], change_id=removal.pk)
    Criteria.objects.update(left_out_at=timezone.now())
    stage.goto("/criteria/")


@scene(shows="[data-from] [data-client]")
def criteria_preview(stage):
    _save_criteria(stage)
    stage.goto("/criteria/")
    stage.page.locator("form[action='/criteria/preview/'] .button").click()
    stage.page.locator("[data-from] .button").last.click()


@scene(shows=".spread rect.in")
def where_clients_lie(stage):
    _save_criteria(stage)
    stage.browse(stage.user).post("/criteria/preview/")
    stage.goto("/criteria/spread/?rows-0-days=30&rows-0-bought_min=20000")


@scene(shows="[name=reason]")
def criteria_beyond_the_limits(stage):
    _save_criteria(stage, max_moves=1000)
    Limits.objects.create(account_id="demo", max_clients=1)
    stage.goto("/criteria/")
    stage.page.locator("form[action='/criteria/preview/'] .button").click()
    stage.page.locator("form[action='/criteria/run/'] .button").click()


# --- Movements ---------------------------------------------------------------------------------------------


def _put_movements(stage):
    owner = make_user("boss", role="Owners", account="demo", sandbox=stage.sandbox)
    watched(owner, days=60)
    for number in range(24):
        came = (4, 5, "rule") if number % 3 else (None, 5, "new")
        put_movement(owner, 129 + number, *came, days_ago=2 * number)
    put_movement(owner, 140, 5, 4, days_ago=1)
    put_movement(owner, 141, 5, None, "removed", days_ago=9)


@scene(role="Staff", shows="[data-movement=out]")
def movements(stage):
    _put_movements(stage)
    stage.goto("/groups/5/movements/")


@scene(role="Managers", shows=".over-time polyline")
def came_and_left(stage):
    _put_movements(stage)
    stage.goto("/groups/5/")


page("movements_without_the_watch", "/groups/5/movements/", shows=".empty .button")


@scene(role="Managers", shows=".empty")
def movements_before_the_first_look(stage):
    watched(make_user("boss", role="Owners", account="demo", sandbox=stage.sandbox), days=None)
    stage.goto("/groups/5/movements/")
