"""Open every address of the site's configuration as every kind of user."""

import itertools
import re
import uuid
from urllib.parse import quote

import pytest
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone

from groups.models import Change, PosterCredentials
from poster_admin.users.models import Passkey, SecurityEvent, TOTPDevice, UserSession, new_key
from tests.support.addresses import (
    ADMIN,
    CHANGE,
    EVERY,
    JOB,
    ONLY_HERE,
    ONLY_POST,
    PRIVATE,
    PUBLIC,
    SCHEDULE,
    SNAPSHOT,
    WALK,
    rows_of,
    taken_back,
    urls,
    with_their_ids,
)
from tests.support.pages import fragment, group_form
from tests.support.people import PASSWORD
from tests.support.sign_in import after_a_while

pytestmark = pytest.mark.django_db
# Pages of the user's own account, open to every role.
OWN = {
    *("/accounts/login/code/", "/accounts/confirm/", "/accounts/sessions/", "/help/", "/settings/"),
    *("/accounts/passkeys/new/options/", "/accounts/passkeys/1/remove/"),
}
LOGINS = ("/accounts/login/?next=", "/admin/login/?next=")
TURNS = (("get", "post"), ("post", "get"))
# These go on to another page that they are given.
FOLLOW = ("/accounts/", "/admin/login/", "/language/")
# Addresses that each right opens; one that is in none of these lists fails the test below.
NEEDS = {
    "view_group": {"/go/", "/groups/", "/groups/filters/", "/groups/export.csv", "/groups/1/", "/account/",
                   "/criteria/", "/groups/1/dependents/", "/groups/ladder/",
                   "/groups/1/movements/", "/groups/export.yaml",
                   "/account/disconnect/", "/history/", "/history/export.csv",
                   f"/history/{CHANGE}/", f"/history/{CHANGE}/undo/", f"/jobs/{JOB}/",
                   f"/jobs/{JOB}/undo/",
                   "/schedules/", "/requests/", f"/requests/{CHANGE}/",
                   f"/requests/{CHANGE}/withdraw/", "/account/notices/",
                   "/account/notices/telegram/", "/account/notices/telegram/trial/",
                   "/account/notices/telegram/remove/",
                   "/account/views/", "/account/views/1/", "/account/check/"},
    # The preview takes the right to see clients too: tests/groups/features/criteria/test_preview.py.
    "view_sales": {"/groups/1/cost/", "/criteria/preview/", "/criteria/spread/", "/groups/bonuses/",
                   "/groups/bonuses.csv", "/groups/figures.csv", "/groups/1/figures.csv"},
    "view_client": {"/clients/", "/groups/1/clients/", "/groups/1/clients/first/",
                    "/groups/1/clients/export.csv"},
    # An import takes the right to change groups too: tests/groups/features/bulk/test_imports.py.
    "add_group": {"/groups/new/", "/groups/import/"},
    "change_group": {"/groups/1/edit/", "/groups/1/retire/", "/groups/edit/", f"/groups/plan/{JOB}/",
                     "/groups/1/schedule/", "/groups/schedule/", f"/schedules/{SCHEDULE}/cancel/"},
    "move_client": {"/groups/1/clients/move/", "/groups/move/", "/clients/move/", "/clients/list/",
                    "/clients/list/unknown/", "/upload/",
                    "/criteria/pins/", "/criteria/pins/1/remove/"},
    "change_criteria": {"/criteria/run/"},
    "view_cards": {"/cards/", "/cards.csv", "/cards/receipts/1/", "/cards/1/exempt/", "/cards/1/count/"},
    "delete_group": {"/groups/1/delete/"},
    "view_snapshot": {"/history/snapshots/", f"{SNAPSHOT}/download/", f"{SNAPSHOT}/restore/"},
    "set_bonus_unit": {"/account/bonus-unit/", "/account/check/write/"},
    "exceed_limits": {"/account/limits/", f"/requests/{CHANGE}/approve/", f"/requests/{CHANGE}/refuse/"},
    "watch_account": {"/account/watch/"},
    "change_user": {"/account/installation/", "/account/start/",
                    "/people/", "/people/new/", "/people/1/", "/people/1/invite/"},
}  # fmt: skip
# Which of these rights somebody in a role, or in none, has; owners have all.
ROLES = {
    "nobody": set(),
    "manager": {"view_group"},
    "staff": {"view_group", "view_client", "add_group", "change_group", "move_client", "delete_group"},
}


def views(resolver=None):
    for entry in (resolver or get_resolver()).url_patterns:
        yield from views(entry) if isinstance(entry, URLResolver) else (entry.callback,)


def stored(rows):
    """Return the rows as the database has them now."""
    return [type(row).objects.filter(pk=row.pk).values().first() for row in rows.values()]


def test_every_address_is_known_to_these_tests():
    assert set(PRIVATE) == {"/"} | OWN | set().union(*NEEDS.values())
    assert len(ADMIN) > 40


def test_no_view_is_exempt_from_csrf_and_few_are_open_to_strangers():
    assert not [view for view in views() if getattr(view, "csrf_exempt", False)]
    # The sign-in of the admin is the one that is not in PUBLIC.
    assert len([view for view in views() if not getattr(view, "login_required", True)]) == len(PUBLIC)


DEVELOPERS = {"/styleguide/", "/styleguide/no-groups/", "/styleguide/no-right/", "/styleguide/play/stale/"}


@pytest.mark.parametrize("url", sorted(DEVELOPERS))
def test_nobody_finds_what_is_for_developers(owner, browse, url):
    assert url not in EVERY
    for client in (browse(), browse(owner)):
        for method in ("get", "post"):
            assert getattr(client, method)(url).status_code == 404


def test_with_debug_it_is_there_for_people_with_a_role(nobody, browse, sandbox, styleguide):
    assert set(urls()) - {*PRIVATE, *PUBLIC, *ADMIN} == DEVELOPERS
    for url in DEVELOPERS:
        for method in ("get", "post"):
            answer = getattr(browse(), method)(url)
            assert answer["Location"] == f"/accounts/login/?next={url}"
            assert getattr(browse(nobody), method)(url).status_code in {403, 405}
    assert not sandbox.calls()


def test_who_is_not_signed_in_gets_nothing_and_is_led_back(owner, browse, sandbox, subtests):
    """This is a stranger, somebody whose session was ended, and somebody who owes the second factor.

    One middleware asks all of them: they take turns at the methods.
    """
    stranger, ended, turns = browse(), browse(owner), itertools.cycle(TURNS)
    UserSession.objects.all().delete()
    TOTPDevice.objects.create(user=owner, name="phone", key=new_key(), confirmed=True)
    half = browse()
    half.post("/accounts/login/", {"username": "owner", "password": PASSWORD})
    without_code = {"/accounts/login/code/", "/accounts/confirm/", "/admin/login/", "/admin/logout/"}
    for url in WALK:
        if url in PUBLIC or url == "/admin/login/":
            continue
        led = f"/accounts/login/?next={url}"
        with subtests.test(url=url), taken_back(half):
            one, other = next(turns)
            for method, client in ((one, stranger), (other, ended)):
                where = getattr(client, method)(url)["Location"]
                assert where.startswith(LOGINS) if url in ADMIN else where == led
            if url not in without_code:
                assert getattr(half, one)(url)["Location"].startswith("/accounts/login/code/?next=")
            if url not in ADMIN:
                htmx = getattr(ended, other)(url, headers=fragment("rows", "/groups/?q=a"))
                assert htmx.status_code == 401
                assert htmx["HX-Redirect"] == "/accounts/login/?next=%2Fgroups%2F%3Fq%3Da"
    assert not sandbox.calls()


@pytest.mark.parametrize("role", ROLES)
def test_no_address_is_open_to_a_role_without_its_right(role, request, browse, sandbox, subtests):
    client = browse(request.getfixturevalue(role))
    for url in set().union(*(opened for right, opened in NEEDS.items() if right not in ROLES[role])):
        with subtests.test(url=url):
            for method in ("get", "post"):
                answer = getattr(client, method)(url, {"name": "x", "operation": uuid.uuid4()})
                assert answer.status_code in {403, 405}
    assert not sandbox.calls()


def test_managers_change_nothing_of_others_where_they_may_read(manager, staff, browse, sandbox, subtests):
    rows = rows_of(staff, browse)
    before = stored(rows)
    sandbox.log.clear()
    client = browse(manager)
    for url in NEEDS["view_group"]:
        there = with_their_ids(url, rows)
        with subtests.test(url=there), taken_back(client):
            for decision in ("pause", "cancel"):
                answer = client.post(there, {"name": "x", "operation": uuid.uuid4(), "decision": decision})
                if there != url:
                    assert answer.status_code in {403, 404, 405}
            assert stored(rows) == before
            assert Change.objects.count() == 1
    assert not sandbox.posts()


def test_a_manager_can_look(manager, browse):
    client = browse(manager)
    for url in ("/groups/", "/groups/1/", "/account/", "/history/"):
        assert client.get(url).status_code == 200
    html = client.get("/groups/").content.decode() + client.get("/groups/1/").content.decode()
    assert not re.search(r'href="/groups/(new|\d+/edit|\d+/delete)/', html)


def test_a_superuser_may_do_all(admin_user, browse, sandbox):
    client = browse(admin_user)
    token = sandbox.accounts["demo"].token
    assert client.post("/account/", {"account": "demo", "token": token}).status_code == 302
    assert client.get("/groups/4/delete/").status_code == 200


def test_a_form_without_a_csrf_token_is_refused(owner, admin_user, browse, sandbox, subtests):
    # The owner may open a part of Django's admin, the superuser all of it.
    for user, those in ((owner, WALK), (admin_user, [url for url in WALK if url in ADMIN])):
        client = browse(user, enforce_csrf_checks=True)
        for url in those:
            with subtests.test(url=url, user=user):
                answer = client.post(url, headers=fragment("form", "/groups/"))
                assert answer.status_code in {403, 405}
                if answer.status_code == 403:
                    assert answer["HX-Refresh"] == "true"
    assert not sandbox.posts()


@pytest.mark.parametrize("host", ["evil.com", "app.corp@evil.com", "demo.joinposter.com"])
def test_a_foreign_host_is_refused(manager, browse, host):
    assert browse(manager).get("/groups/", headers={"Host": host}).status_code == 400


# --- Every address, on its own ------------------------------------------------------------------------------


KEY = "0123456789abcdefghijklmnopqrstuv"


def test_every_address_keeps_others_out(owner, browse, sandbox, settings, subtests):
    """Look at its headers, at what it says of a foreign host and of a made-up session, and at HEAD and TRACE.

    Each page of an owner has the way out too, and an address that changes something refuses GET.
    """
    turns, made_up = itertools.cycle(TURNS), browse()
    for user in (None, owner):
        client = browse(user)
        for url in WALK:
            with subtests.test(url=url, user=user), taken_back(client, made_up):
                one, other = next(turns)
                assert getattr(client, one)(url, headers={"Host": "evil.com"}).status_code == 400
                answer = client.get(url)
                has_the_headers(answer, url)
                if user is None:
                    made_up.cookies[settings.SESSION_COOKIE_NAME] = KEY
                    getattr(made_up, other)(url)
                    assert not UserSession.objects.filter(session_key=KEY).exists()
                    continue
                traced = client.trace(url, headers={"X-Mark": "a-mark-of-mine"})
                assert "a-mark-of-mine" not in traced.content.decode()
                if url in ADMIN:
                    continue
                assert (answer.status_code == 405) == (url in ONLY_POST)
                assert url not in ONLY_POST or client.head(url).status_code == 405
                is_page = answer.status_code == 200 and answer["Content-Type"].startswith("text/html")
                assert not is_page or url in PUBLIC or 'action="/accounts/logout/"' in answer.content.decode()
    assert not sandbox.posts()


def has_the_headers(answer, url):
    assert answer["X-Frame-Options"] == "DENY"
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer["Cache-Control"]
    assert uuid.UUID(answer["X-Request-ID"])
    assert "Access-Control-Allow-Origin" not in answer
    kind = answer.get("Content-Type", "")
    assert not kind.startswith("text/") or "charset=utf-8" in kind.replace('"', "").lower()
    html = answer.content.decode()
    if url not in ADMIN:
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=", html)


def test_a_file_is_in_no_frame_and_not_for_other_sites(browse):
    answer = browse().get("/static/js/forms.js")
    assert b"import" in answer.getvalue()
    answer.close()
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"] == 'text/javascript; charset="utf-8"'
    assert "Access-Control-Allow-Origin" not in answer
    for folder in ("/static/", "/static/css/", "/.git/config", "/static/../manage.py"):
        assert browse().get(folder).status_code in {302, 404}


EVIL = ("//evil.com/", "https://evil.com/", "/\\evil.com/", "javascript:alert(1)")
EVIL_PAGES = ("//evil.com/", "////evil.com/", "/\\evil.com/")


def test_no_address_sends_anybody_to_another_site(owner, browse, subtests):
    """Each is given one evil address, those that follow what they are given all; HTMX names one to each.

    Strangers get no further than the sign-in from all that is not public, as a test above holds.
    """
    evils = itertools.cycle(EVIL)
    of_htmx = itertools.cycle(itertools.product(("rows", "row-1"), EVIL_PAGES))
    open_to_all = {*PUBLIC, "/admin/login/"}
    for client, those in ((browse(), open_to_all), (browse(owner), open_to_all.union(PRIVATE))):
        for url in sorted(those):
            given = EVIL if url.startswith(FOLLOW) else [next(evils)]
            with subtests.test(url=url), taken_back(client):
                for evil in given:
                    stays_here(client.get(url, {"next": evil}))
                    stays_here(client.post(url, {"next": evil, "password": PASSWORD}))
                for where in stays_here(client.post(url, headers=fragment(*next(of_htmx)))):
                    assert "evil.com" not in where


def stays_here(answer):
    """Return where a response leads: to no other site."""
    places = [answer[name] for name in ("Location", "HX-Redirect", "HX-Location") if name in answer]
    for where in places:
        assert where.startswith("/")
        assert not where.startswith(("//", "/\\"))
    return places


@pytest.mark.parametrize("url", ["/no-such-page/", "/accounts/confirm/", "/groups/new/", "/help/"])
def test_no_page_shows_open_changes_without_the_right(owner, nobody, staff, browse, url):
    the_lost = {"account": staff.credentials.account, "user": staff, "action": "update", "state": "unknown"}
    Change.objects.create(**the_lost, group_id=1, group_name=ONLY_HERE, sent_at=timezone.now())
    assert ONLY_HERE in browse(owner).get(url).content.decode()
    PosterCredentials.objects.filter(user=staff).update(user=nobody)
    TOTPDevice.objects.create(user=owner, name="phone", key=new_key(), confirmed=True)
    half = browse()
    half.post("/accounts/login/", {"username": "owner", "password": PASSWORD})
    for client in (browse(nobody), half):
        html = client.get(url).content.decode()
        assert ONLY_HERE not in html
        assert "demo" not in html


# --- One account shows nothing of another ------------------------------------------------------------------


def test_no_address_shows_or_touches_another_account(staff, outsider, browse, sandbox, subtests):
    rows = rows_of(staff, browse)
    before = stored(rows)
    ids = [str(row.pk) for row in rows.values() if isinstance(row.pk, uuid.UUID)]
    sandbox.log.clear()
    other = browse(outsider)
    for url in WALK:
        there = with_their_ids(url, rows)
        with subtests.test(url=there), taken_back(other):
            for method in ("get", "post"):
                answer = getattr(other, method)(there, {"operation": uuid.uuid4()})
                assert ONLY_HERE not in answer.content.decode()
                if url.startswith(tuple(rows)):
                    assert answer.status_code in {404, 405, *({302, 403} if url in ADMIN else ())}
                elif url not in ADMIN:
                    assert not [each for each in ids if each in answer.content.decode()]
            assert stored(rows) == before
    assert {call.account for call in sandbox.calls()} <= {"kavarnia"}


def test_a_typed_account_name_shows_nothing_of_it(staff, newcomer, browse, sandbox):
    client = browse(staff)
    client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", name="Тільки тут"))
    stranger = browse(newcomer)
    answer = stranger.post("/account/", {"account": "demo", "token": "ab" * 16})
    assert answer.status_code == 422
    assert "Тільки тут" not in answer.content.decode()
    assert stranger.get("/history/").status_code == 302


# --- Sign in and out ---------------------------------------------------------------------------------------


def test_five_failures_lock_the_name_from_this_address_for_a_while(staff, browse):
    client = browse()
    for _ in range(4):
        assert client.post("/accounts/login/", {"username": "staff", "password": "wrong"}).status_code == 200
    locked = client.post("/accounts/login/", {"username": "staff", "password": "wrong"})
    assert locked.status_code == 429
    assert "locked until" in locked.content.decode()
    assert client.post("/accounts/login/", {"username": "staff", "password": PASSWORD}).status_code == 429
    other = browse(REMOTE_ADDR="10.1.2.3")
    assert other.post("/accounts/login/", {"username": "staff", "password": PASSWORD}).status_code == 302


def test_a_sign_in_leads_back_and_never_elsewhere(staff, browse):
    for back, location in (
        ("/groups/?q=a", "/groups/?q=a"),
        ("//evil.com", "/"),
        ("https:evil.com", "/"),
        ("/\\evil.com", "/"),
        ("javascript:alert(1)", "/"),
        ("http:///evil.com", "/"),
    ):
        answer = browse().post("/accounts/login/", {"username": "staff", "password": PASSWORD, "next": back})
        assert (answer.status_code, answer["Location"]) == (302, location)


def test_a_session_gets_a_new_key_at_the_sign_in(staff, browse, settings):
    client = browse()
    client.get("/accounts/login/")
    client.cookies[settings.SESSION_COOKIE_NAME] = "fixed-by-somebody"
    client.post("/accounts/login/", {"username": "staff", "password": PASSWORD})
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != "fixed-by-somebody"


def test_signing_out_ends_it(staff, browse):
    client = browse(staff)
    assert client.post("/accounts/logout/")["Location"] == reverse("login")
    assert client.get("/groups/").status_code == 302


# Where the password is requested again.
PROVEN = (
    *(
        (method, f"/accounts/sessions/?set={form}")
        for form in ("app", "passkey")
        for method in ("get", "post")
    ),
    *(("post", f"/accounts/sessions/?set={form}") for form in ("no-app", "codes")),
    *(("post", "/account/"), ("get", "/account/disconnect/"), ("post", "/account/disconnect/")),
    ("post", "/account/notices/telegram/"),
    *(
        ("get", "/people/new/"),
        ("post", "/people/new/"),
        ("post", "/people/1/?step=block"),
        ("post", "/people/1/?step=unlock"),
    ),
    *(("get", f"{SNAPSHOT}/download/"), ("get", f"{SNAPSHOT}/restore/"), ("post", f"{SNAPSHOT}/restore/")),
)
# Where its page leads back to, if not to the same address: it would stay after a download.
BACK = {
    ("get", f"{SNAPSHOT}/download/"): "/history/snapshots/",
}


def test_the_password_is_asked_for_again(owner, staff, browse, sandbox, subtests):
    rows = rows_of(staff, browse)
    before = stored(rows)
    sandbox.log.clear()
    client = after_a_while(browse(owner))
    TOTPDevice.objects.create(user=owner, name="phone", key=new_key(), confirmed=True)
    lines = SecurityEvent.objects.count()
    for method, url in PROVEN:
        there, back = with_their_ids(url, rows), with_their_ids(BACK.get((method, url), url), rows)
        with subtests.test(method=method, url=there):
            answer = getattr(client, method)(there)
            assert answer["Location"] == f"/accounts/confirm/?next={quote(back, safe='')}"
    assert stored(rows) == before
    assert SecurityEvent.objects.count() == lines
    assert not sandbox.calls()


# --- Admin -------------------------------------------------------------------------------------------------


CLOSED = sorted({*WALK} & {*ADMIN} - {"/admin/login/", "/admin/logout/"})


def test_nobody_but_owners_gets_into_the_admin_and_they_by_their_password(
    owner, admin_user, staff, manager, nobody, browse, subtests
):
    others = [browse(user) for user in (None, staff, manager, nobody)]
    owners = [after_a_while(browse(user)) for user in (owner, admin_user)]
    turns = itertools.cycle(("get", "post", "post", "get", "get"))
    for url in CLOSED:
        with subtests.test(url=url):
            for client in others:
                assert getattr(client, next(turns))(url)["Location"].startswith(LOGINS)
            for client in owners:
                assert getattr(client, next(turns))(url)["Location"].startswith("/accounts/confirm/?next=")


def test_an_owner_sees_of_the_admin_what_is_an_owners_business(owner, browse):
    client = browse(owner)
    open_pages = {url for url in ADMIN if "/1/" not in url and client.get(url).status_code == 200}
    assert open_pages == {
        *("/admin/", "/admin/auth/", "/admin/jsi18n/", "/admin/password_change/done/"),
        *("/admin/auth/user/", "/admin/auth/user/add/", "/admin/groups/change/"),
        *("/admin/users/securityevent/", "/admin/users/passkey/", "/admin/users/totpdevice/"),
        *("/admin/users/companylink/", "/admin/users/companylink/add/"),
    }


def test_the_own_password_has_one_page_alone(owner, browse):
    assert browse(owner).get("/admin/password_change/")["Location"] == "/accounts/sessions/?set=password"


def test_an_owner_manages_users_but_makes_no_superuser(owner, staff, browse):
    client = browse(owner)
    page = client.get(f"/admin/auth/user/{staff.pk}/change/")
    assert page.status_code == 200
    html = page.content.decode()
    assert 'name="groups"' in html
    assert 'name="is_superuser"' not in html
    assert 'name="user_permissions"' not in html


def test_an_owner_cannot_touch_a_superuser(owner, admin_user, browse):
    assert browse(owner).get(f"/admin/auth/user/{admin_user.pk}/change/").status_code == 302


def test_an_owner_takes_no_second_factor_from_a_superuser(owner, admin_user, browse):
    own = {"user": admin_user, "name": "phone"}
    factors = TOTPDevice.objects.create(**own, key=new_key(), confirmed=True), Passkey.objects.create(**own)
    client = browse(owner)
    for factor in factors:
        table = f"/admin/users/{factor._meta.model_name}/"
        assert f"{table}{factor.pk}/" not in client.get(table).content.decode()
        client.post(f"{table}{factor.pk}/delete/", {"post": "yes"})
        assert type(factor).objects.exists()


def test_an_owner_sees_in_the_admin_the_journal_of_the_own_account_alone(staff, owner, outsider, browse):
    client = browse(staff)
    client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", name=ONLY_HERE))
    url = f"/admin/groups/change/{Change.objects.get().pk}/change/"
    assert ONLY_HERE in browse(owner).get(url).content.decode()
    assert browse(outsider).get(url).status_code == 302
    PosterCredentials.objects.filter(user=owner).update(refused_at=timezone.now())
    assert browse(owner).get(url).status_code == 302


def test_the_admin_never_shows_a_token(staff, admin_user, browse, sandbox):
    client = browse(admin_user)
    for page in ("", f"{staff.credentials.pk}/change/"):
        answer = client.get(f"/admin/groups/postercredentials/{page}")
        assert answer.status_code == 200
        assert "staff" in answer.content.decode()
        assert sandbox.accounts["demo"].token not in answer.content.decode()
        assert "f1:" not in answer.content.decode()


def test_the_journal_cannot_be_changed_in_the_admin(staff, admin_user, browse, sandbox):
    client = browse(staff)
    client.post("/groups/1/edit/", group_form(client, "/groups/1/edit/", name="Нова"))
    change = Change.objects.get()
    admin = browse(admin_user)
    assert admin.get("/admin/groups/change/").status_code == 200
    assert admin.get("/admin/groups/change/add/").status_code == 403
    assert admin.post(f"/admin/groups/change/{change.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin.post(f"/admin/groups/change/{change.pk}/change/", {"state": "failed"}).status_code == 403
    assert Change.objects.get() == change


def test_a_user_without_a_role_reads_so_and_is_led_in_no_circle(nobody, browse):
    page = browse(nobody).get("/groups/")
    assert page.status_code == 403
    assert "<h1>You have no role here yet</h1>" in page.text
    assert "<title>You have no role here yet · Poster Admin</title>" in page.text
    assert not re.search(r'href="/(groups|history)/"', page.text)
    assert 'href="/settings/"' in page.text
