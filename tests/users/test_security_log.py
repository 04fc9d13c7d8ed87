"""Test the security log: its entries, their permanence, the right to read it, and the process's log."""

import json
import logging

import pytest
from django.contrib.auth.models import Group, Permission, User
from structlog.contextvars import bind_contextvars, clear_contextvars

from poster_admin.users.models import EventKind, Invitation, SecurityEvent
from poster_admin.users.security_log import record
from tests.support.pages import text_of
from tests.support.people import PASSWORD
from tests.support.sign_in import security_lines

pytestmark = pytest.mark.django_db
LOGIN, LIST, LOG = "/accounts/login/", "/people/", "/people/?log"


def test_a_sign_in_a_failure_a_lock_and_a_sign_out_are_written_down(staff, browse):
    client = browse(REMOTE_ADDR="10.1.2.3")
    answer = client.post(LOGIN, {"username": "staff", "password": PASSWORD})
    client.post("/accounts/logout/")
    event = SecurityEvent.objects.get(kind=EventKind.SIGNED_IN)
    assert (event.user, event.address, event.request_id) == (staff, "10.1.2.3", answer["X-Request-ID"])
    assert security_lines(EventKind.SIGNED_OUT) == [("staff", "", "")]
    for _ in range(5):
        client.post(LOGIN, {"username": "staff", "password": "wrong"})
    assert security_lines(EventKind.FAILED) == [("staff", "", "")] * 5
    assert security_lines(EventKind.LOCKED) == [("staff", "", "")]


def test_a_password_in_the_field_of_the_name_is_not_kept(browse):
    browse().post(LOGIN, {"username": "my-secret-password", "password": "x"})
    assert security_lines(EventKind.FAILED) == [("?", "", "")]


def test_a_change_of_rights_names_both_users_and_the_rights(owner, staff, browse):
    managers = Group.objects.get(name="Managers")
    data = {"username": "staff", "is_active": "on", "groups": [managers.pk],
            "date_joined_0": "2026-01-01", "date_joined_1": "10:00:00"}  # fmt: skip
    answer = browse(owner).post(f"/admin/auth/user/{staff.pk}/change/", data)
    assert answer.status_code == 302
    assert {("owner", "staff", "+Managers"), ("owner", "staff", "-Staff")} <= set(
        security_lines(EventKind.RIGHTS)
    )


def test_tokens_that_come_and_go_are_written_down(staff, newcomer, browse, sandbox):
    client = browse(newcomer)
    client.post("/account/", {"account": "demo", "token": sandbox.accounts["demo"].token})
    client.post("/account/disconnect/")
    assert security_lines(EventKind.TOKEN_SET) == [("newcomer", "", "demo")]
    assert security_lines(EventKind.TOKEN_REMOVED) == [("newcomer", "", "demo")]


def test_passwords_and_switches_of_users_are_written_down(staff):
    staff.set_password("another-one-entirely")
    staff.save()
    staff.is_active = False
    staff.save()
    staff.delete()
    assert security_lines(EventKind.PASSWORD) == [("", "staff", "")]
    assert security_lines(EventKind.USER_CHANGED) == [("", "staff", "is_active=False")]
    assert security_lines(EventKind.USER_REMOVED) == [("", "staff", "")]


def test_a_column_that_was_not_saved_has_not_changed(staff):
    # Read before an owner gave a new password and blocked the user, and saved after it, as by a sign-in.
    early = User.objects.get(pk=staff.pk)
    staff.set_password("another-one-entirely")
    staff.is_active = False
    staff.save()
    Invitation.objects.create(user=staff)
    before = SecurityEvent.objects.count()
    early.save(update_fields=["last_login"])
    assert SecurityEvent.objects.count() == before
    assert Invitation.objects.exists()


def test_nothing_is_changed_or_deleted(staff, admin_user, browse):
    event = SecurityEvent.objects.first()
    for forbidden in (event.save, event.delete, SecurityEvent.objects.all().delete,
                      lambda: SecurityEvent.objects.update(detail="")):  # fmt: skip
        with pytest.raises(TypeError):
            forbidden()
    client = browse(admin_user)
    url = f"/admin/users/securityevent/{event.pk}/"
    assert client.get("/admin/users/securityevent/").status_code == 200
    assert client.post(url + "change/", {"detail": "x"}).status_code == 403
    assert client.post(url + "delete/", {"post": "yes"}).status_code == 403


def test_owners_read_it(owner, browse):
    page = browse(owner).get(LOG)
    assert page.status_code == 200
    assert "Signed in" in text_of(page)
    for query in ("kind=rights", "kind=nonsense&page=NaN", "page=99"):
        assert browse(owner).get(f"/people/?log&{query}").status_code == 200


@pytest.mark.parametrize(
    ("right", "seen", "refused"), [("view_securityevent", LOG, LIST), ("change_user", LIST, LOG)]
)
def test_the_log_and_the_people_have_each_a_right_of_their_own(staff, browse, right, seen, refused):
    assert [browse(staff).get(url).status_code for url in (LIST, LOG)] == [403, 403]
    staff.user_permissions.add(Permission.objects.get(codename=right))
    page = browse(staff).get(seen)
    assert page.status_code == 200
    assert f'href="{refused}"' not in page.text
    assert browse(staff).get(refused).status_code == 403


def test_owners_read_it_in_their_language(owner, staff, browse):
    staff.groups.add(Group.objects.get(name="Managers"))
    staff.is_active = False
    staff.save()
    record(EventKind.CONFIRMED, user=owner, detail="passkey")
    text = text_of(browse(owner, language="uk").get(LOG))
    assert "+Менеджер" in text
    assert "заблоковано" in text
    assert "ключ входу" in text
    for english in ("Managers", "is_active", "passkey"):
        assert english not in text


def test_the_title_of_a_long_log_names_the_page(owner, staff, browse):
    for _ in range(51):
        record(EventKind.FAILED, name="staff")
    page = browse(owner).get("/people/?log&page=2")
    assert "page 2 of 2" in page.content.decode().partition("</title>")[0]


def test_a_line_of_json_has_the_request_and_no_token(sandbox, log_stream):
    stream, log = log_stream("json"), logging.getLogger("tests.json")
    bind_contextvars(request_id="12345678-1234-1234-1234-123456789abc")
    token = sandbox.accounts["demo"].token
    try:
        int("x" + token)
    except ValueError:
        log.exception("failed with %s", token, extra={"event": {"detail": token}})
    clear_contextvars()
    line = json.loads(stream.getvalue())
    assert token.rpartition(":")[2] not in stream.getvalue()
    assert (line["level"], line["request_id"]) == ("ERROR", "12345678-1234-1234-1234-123456789abc")
    assert "ValueError" in line["exception"]


def test_a_token_typed_as_a_name_is_masked(db):
    record(EventKind.FAILED, name="ab" * 16)
    assert security_lines(EventKind.FAILED) == [("[token]", "", "")]


def test_the_settings_lead_owners_to_the_log_and_nobody_else(owner, staff, browse):
    link = f'href="{LOG}"'
    assert link in browse(owner).get("/settings/?q=log").content.decode()
    assert link not in browse(staff).get("/settings/?q=log").content.decode()
