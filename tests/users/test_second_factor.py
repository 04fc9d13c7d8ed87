"""Test the second factor: set up, requested, lost; and a key that is never readable."""

import re
from datetime import timedelta
from html import escape, unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.db import connection as database
from django.utils import timezone

from poster_admin.users import two_factor
from poster_admin.users.models import EventKind, Passkey, RecoveryCode, SecurityEvent, TOTPDevice
from tests.support.pages import text_of
from tests.support.people import PASSWORD
from tests.support.sign_in import CODE, SET, after_a_while, code_of, set_up, sign_in_by_form

pytestmark = pytest.mark.django_db


def test_an_app_is_set_up_by_its_first_code_and_then_asked_for(staff, browse):
    client = browse(staff)
    page = client.get(SET)
    html = page.content.decode()
    assert "<svg" in html
    assert escape(two_factor.app_address(TOTPDevice.objects.get())) in html
    assert not re.search(r'style=|fill="#|data:', html[html.index("qr-frame") :])
    assert client.post(SET, {"code": "000000"}).status_code == 422
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert len(set_up(client, staff)) == 10
    assert client.get("/groups/").status_code == 200
    half = sign_in_by_form(browse, "staff")
    assert half.get("/groups/?q=a")["Location"] == f"{CODE}?next=/groups/%3Fq%3Da"
    assert half.get("/accounts/sessions/").status_code == 302
    assert half.get(SET)["Location"].startswith(CODE)
    device = TOTPDevice.objects.get(user=staff)
    answer = half.post(CODE, {"code": code_of(device, steps=1), "next": "/groups/?q=a"})
    assert answer["Location"] == "/groups/?q=a"
    assert half.get("/groups/").status_code == 200
    assert {EventKind.FACTOR_SET, EventKind.FACTOR_USED} <= set(
        SecurityEvent.objects.values_list("kind", flat=True)
    )


def test_a_key_that_was_shown_a_while_ago_and_not_used_is_shown_no_more(staff, browse):
    client = browse(staff)
    client.get(SET)
    first = TOTPDevice.objects.get()
    client.get(SET)
    assert TOTPDevice.objects.get() == first
    TOTPDevice.objects.update(created_at=timezone.now() - timedelta(minutes=16))
    html = client.get(SET).content.decode()
    assert two_factor.key_in_groups(first) not in html
    assert two_factor.key_in_groups(TOTPDevice.objects.get()) in html


def test_an_app_that_an_owner_removes_meanwhile_is_not_confirmed(staff, rf):
    device = two_factor.prepare(staff)
    code = code_of(device)
    two_factor.remove(staff)
    request = rf.post(SET)
    request.user = staff
    assert two_factor.finish(request, device, code) == []


def test_who_has_no_password_here_confirms_by_a_code(staff, browse):
    staff.set_unusable_password()
    staff.save()
    client = browse(staff)
    set_up(client, staff)
    after_a_while(client)
    assert 'name="code"' in client.get("/accounts/confirm/").content.decode()
    code = code_of(TOTPDevice.objects.get(user=staff), steps=1)
    answer = client.post("/accounts/confirm/", {"code": code, "next": "/account/"})
    assert (answer.status_code, answer["Location"]) == (302, "/account/")


def test_a_code_works_once_and_wrong_ones_make_it_wait(staff, browse):
    set_up(browse(staff), staff)
    device = TOTPDevice.objects.get(user=staff)
    code = code_of(device, steps=1)
    assert sign_in_by_form(browse, "staff").post(CODE, {"code": code}).status_code == 302
    other = sign_in_by_form(browse, "staff")
    assert other.post(CODE, {"code": code}).status_code == 422
    device.refresh_from_db()
    assert device.throttling_failure_count == 1
    assert SecurityEvent.objects.filter(kind=EventKind.FACTOR_FAILED, user=staff).count() == 1


def test_guessing_at_codes_makes_even_the_right_one_wait_ever_longer(staff, browse):
    set_up(browse(staff), staff)
    device = TOTPDevice.objects.get(user=staff)
    half = sign_in_by_form(browse, "staff")
    for failures, seconds in ((7, 64), (8, 128), (10, 512)):
        device.throttling_failure_count = failures
        device.throttling_failure_timestamp = timezone.now() - timedelta(seconds=seconds / 2)
        device.save()
        right = {"code": code_of(device, steps=1)}
        assert half.post(CODE, right).status_code == 422
        assert half.get("/groups/").status_code == 302
    device.throttling_failure_timestamp = timezone.now() - timedelta(seconds=513)
    device.save()
    assert half.post(CODE, {"code": code_of(device, steps=1)}).status_code == 302


def test_guessing_at_codes_to_confirm_waits_too(staff, browse):
    staff.set_unusable_password()
    staff.save()
    client = browse(staff)
    set_up(client, staff)
    after_a_while(client)
    client.post("/accounts/confirm/", {"code": "000000"})
    device = TOTPDevice.objects.get(user=staff)
    assert device.throttling_failure_count == 1
    device.throttling_failure_timestamp = timezone.now() + timedelta(minutes=1)
    device.save()
    assert client.post("/accounts/confirm/", {"code": code_of(device, steps=1)}).status_code == 422


def test_a_recovery_code_works_once_and_is_kept_as_a_digest(staff, browse):
    codes = set_up(browse(staff), staff)
    kept = str(list(RecoveryCode.objects.values_list("digest", flat=True)))
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
    assert sign_in_by_form(browse, "staff").post(CODE, {"code": f" {codes[0].lower()} "}).status_code == 302
    assert sign_in_by_form(browse, "staff").post(CODE, {"code": codes[0]}).status_code == 422
    assert RecoveryCode.objects.filter(user=staff).count() == 9


def test_a_second_factor_that_is_set_up_from_security_leads_back_there(staff, browse):
    client = browse(staff)
    address = re.search(r'href="(\?set=app[^"]*)"', client.get("/accounts/sessions/").text)[1]
    address = f"/accounts/sessions/{unescape(address)}"
    after_a_while(client)
    # The password is requested between the two pages.
    confirmation = urlsplit(client.get(address)["Location"])
    back = parse_qs(confirmation.query)["next"][0]
    answer = client.post(confirmation.path, {"password": PASSWORD, "next": back})
    assert answer["Location"] == address
    client.get(address)
    sent = {"code": code_of(TOTPDevice.objects.get(user=staff))}
    assert 'href="/accounts/sessions/">Saved them' in client.post(address, sent).text


def test_new_recovery_codes_replace_the_old(staff, browse):
    client = browse(staff)
    old = set_up(client, staff)
    page = client.post("/accounts/sessions/?set=codes")
    assert page.status_code == 200
    assert old[0] not in page.content.decode()
    assert sign_in_by_form(browse, "staff").post(CODE, {"code": old[0]}).status_code == 422


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("codes", "The present codes let nobody in any more"),
        ("no-app", "Your password alone is enough then. The recovery codes are deleted too."),
    ],
)
def test_what_ends_is_asked_before_it_ends(staff, browse, step, words):
    client, url = browse(staff), f"/accounts/sessions/?set={step}"
    set_up(client, staff)
    kept = set(RecoveryCode.objects.values_list("pk"))
    page = client.get("/accounts/sessions/").content.decode()
    assert f'href="?set={step}' in page
    assert words not in page
    assert words in text_of(client.get(url))
    assert set(RecoveryCode.objects.values_list("pk")) == kept
    assert TOTPDevice.objects.exists()
    client.post(url)
    assert not kept & set(RecoveryCode.objects.values_list("pk"))
    assert TOTPDevice.objects.exists() == (step == "codes")


def test_setting_it_up_ends_the_sessions_from_before(staff, browse):
    before = browse(staff)
    set_up(browse(staff), staff)
    assert before.get("/groups/").status_code == 302


def test_who_has_typed_the_password_again_removes_it(staff, browse):
    client = browse(staff)
    set_up(client, staff)
    after_a_while(client)
    client.post("/accounts/confirm/", {"password": PASSWORD})
    client.post("/accounts/sessions/?set=no-app")
    assert not TOTPDevice.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert SecurityEvent.objects.filter(kind=EventKind.FACTOR_REMOVED).exists()


def test_owners_need_one_where_it_is_required(owner, staff, browse, settings):
    settings.REQUIRE_2FA = True
    assert browse(staff).get("/groups/").status_code == 200
    client = browse(owner)
    assert client.get("/groups/")["Location"] == f"{SET}&next=/groups/"
    assert client.get("/admin/")["Location"] == f"{SET}&next=/admin/"
    assert "Owners of this dashboard need one" in text_of(client.get(SET))
    set_up(client, owner)
    assert client.get("/groups/").status_code == 200


@pytest.mark.parametrize("query", ["", "?set=password", "?set=codes", "?set=no-app", "?set=app&set=password"])
def test_where_one_is_required_the_page_opens_its_forms_and_nothing_else(owner, browse, settings, query):
    settings.REQUIRE_2FA = True
    client, there = browse(owner), browse(owner)
    for method in (client.get, client.post):
        answer = method(f"/accounts/sessions/{query}")
        assert answer["Location"].startswith(f"{SET}&next=/accounts/sessions/")
    assert there.get("/accounts/sessions/").status_code == 302  # not signed out
    page = client.get("/accounts/sessions/?set=passkey").text.partition("<main")[2]
    assert "Add the passkey" in page
    assert "Set it up" in page
    assert "Sign out everywhere" not in page
    assert "Change the password" not in page


def test_an_owner_who_removes_the_last_one_needs_another_at_once_where_it_is_required(
    owner, browse, settings
):
    settings.REQUIRE_2FA = True
    client = browse(owner)
    set_up(client, owner)
    passkey = Passkey.objects.create(user=owner, name="laptop", confirmed=True)
    client.post("/accounts/sessions/?set=no-app")
    assert client.get("/groups/").status_code == 200
    client.post(f"/accounts/passkeys/{passkey.pk}/remove/")
    assert client.get("/groups/")["Location"] == f"{SET}&next=/groups/"


def test_an_owner_takes_it_away_from_who_lost_the_phone(owner, staff, browse):
    set_up(browse(staff), staff)
    half = sign_in_by_form(browse, "staff")
    device = TOTPDevice.objects.get(user=staff)
    url = f"/admin/users/totpdevice/{device.pk}/"
    html = browse(owner).get(url + "change/").content.decode()
    assert device.key.reveal() not in html
    assert browse(owner).post(url + "delete/", {"post": "yes"}).status_code == 302
    assert sign_in_by_form(browse, "staff").get("/groups/").status_code == 200
    assert half.post(CODE, {"code": "1"}).status_code == 302
    assert half.get("/groups/").status_code == 200


def test_the_key_is_stored_as_the_tokens_are_and_rotates_with_them(staff, settings):
    from cryptography.fernet import Fernet

    device = two_factor.prepare(staff)
    key = device.key.reveal()
    with database.cursor() as cursor:
        cursor.execute("SELECT key FROM users_totpdevice")
        assert cursor.fetchone()[0].startswith("f1:")
    newest = Fernet.generate_key().decode()
    settings.POSTER_TOKEN_KEYS = [newest, *settings.POSTER_TOKEN_KEYS]
    call_command("rotate_tokens")
    settings.POSTER_TOKEN_KEYS = [newest]
    assert TOTPDevice.objects.get().key.reveal() == key
    assert key not in str(device)
