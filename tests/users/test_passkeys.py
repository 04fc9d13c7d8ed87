"""Test passkeys over HTTP with an authenticator in software; tests/e2e/test_passkeys.py has a browser's."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY

from poster_admin.users import passkeys
from poster_admin.users.models import EventKind, Passkey, RecoveryCode, SecurityEvent, UserSession
from tests.support.people import PASSWORD
from tests.support.sign_in import CODE, after_a_while, set_up, sign_in_by_form
from tests.users.authenticator import PRESENT, Authenticator, encode

pytestmark = pytest.mark.django_db
NEW, NEW_OPTIONS = "/accounts/sessions/?set=passkey", "/accounts/passkeys/new/options/"
USE, OPTIONS = "/accounts/passkeys/use/", "/accounts/passkeys/options/"


def options_of(client, url=OPTIONS):
    answer = client.post(url)
    assert answer.status_code == 200, answer
    return json.loads(answer.content)


def register(client, device, name="Phone"):
    answer = device.create(options_of(client, NEW_OPTIONS))
    return client.post(NEW, {"name": name, "credential": answer})


def use(client, device, back="/groups/?q=a", **other):
    return client.post(USE, {"credential": device.get(options_of(client), **other), "next": back})


def is_signed_in(client):
    return SESSION_KEY in client.session


def kinds():
    return list(SecurityEvent.objects.order_by("pk").values_list("kind", "user_name", "detail"))


@pytest.fixture
def device(staff, browse):
    """Return a device with a passkey of `staff`."""
    device = Authenticator()
    assert register(browse(staff), device).status_code == 200
    return device


def test_the_first_one_comes_with_recovery_codes_and_ends_earlier_sessions(staff, browse):
    before, client = browse(staff), browse(staff)
    page = register(client, Authenticator())
    assert "Recovery codes" in page.content.decode()
    assert RecoveryCode.objects.filter(user=staff).count() == 10
    assert before.get("/groups/").status_code == 302
    assert client.get("/groups/").status_code == 200
    passkey = Passkey.objects.get(user=staff)
    assert (passkey.name, passkey.last_used_at) == ("Phone", None)
    assert (EventKind.FACTOR_SET, "staff", "passkey") in kinds()
    assert register(client, Authenticator(number=2))["Location"] == "/accounts/sessions/"
    assert Passkey.objects.filter(user=staff).count() == 2
    assert len(set(Passkey.objects.values_list("handle", flat=True))) == 1


def test_no_device_is_asked_for_a_second_one(staff, browse, device):
    client = browse(staff)
    client.post(USE, {"credential": device.get(options_of(client))})
    excluded = options_of(client, NEW_OPTIONS)["excludeCredentials"]
    assert [each["id"] for each in excluded] == [encode(device.credential_id)]
    assert register(client, device).status_code == 422


def test_a_passkey_is_the_second_factor_after_the_password(browse, device):
    half = sign_in_by_form(browse, "staff")
    assert half.get("/groups/")["Location"] == f"{CODE}?next=/groups/"
    assert "data-passkey" in half.get(CODE).content.decode()
    assert half.get(NEW)["Location"].startswith(CODE)
    assert half.post(NEW_OPTIONS)["Location"].startswith(CODE)
    options = options_of(half)
    assert [each["id"] for each in options["allowCredentials"]] == [encode(device.credential_id)]
    key = half.session.session_key
    answer = half.post(USE, {"credential": device.get(options), "next": "/groups/?q=a"})
    assert answer["Location"] == "/groups/?q=a"
    assert half.get("/groups/").status_code == 200
    assert half.session.session_key != key
    assert Passkey.objects.get().last_used_at is not None
    assert kinds()[-1] == (EventKind.FACTOR_USED, "staff", "passkey")


def test_a_recovery_code_stands_in_for_a_lost_passkey(staff, browse):
    codes = register(browse(staff), Authenticator()).context["codes"]
    half = sign_in_by_form(browse, "staff")
    assert half.post(CODE, {"code": "000000"}).status_code == 422
    assert half.post(CODE, {"code": codes[0]}).status_code == 302
    assert half.get("/groups/").status_code == 200


def test_a_passkey_signs_in_without_name_and_password(staff, browse, device):
    client = browse()
    options = options_of(client)
    assert (options["allowCredentials"], options["userVerification"]) == ([], "required")
    key = client.session.session_key
    answer = client.post(USE, {"credential": device.get(options), "next": "/groups/?q=a"})
    assert answer["Location"] == "/groups/?q=a"
    assert client.get("/groups/").status_code == 200
    assert client.session.session_key != key
    row = UserSession.objects.get(pk=client.session.session_key)
    assert (row.user, row.address) == (staff, "127.0.0.1")
    assert [kind for kind, *_ in kinds()[-2:]] == [EventKind.SIGNED_IN, EventKind.FACTOR_USED]
    # It counts as a fresh sign-in, and stands for the second factor that owners may need.
    assert client.get(NEW).status_code == 200
    staff.refresh_from_db()
    assert staff.last_login is not None


def test_where_a_second_factor_is_required_it_is_one(owner, browse, settings):
    settings.REQUIRE_2FA = True
    client, device = browse(owner), Authenticator()
    assert client.get("/groups/")["Location"].startswith("/accounts/sessions/?set=app")
    assert register(client, device).status_code == 200
    assert client.get("/groups/").status_code == 200
    other = browse()
    use(other, device)
    assert other.get("/groups/").status_code == 200


def test_a_passkey_confirms_instead_of_the_password(staff, browse, device):
    client = browse()
    use(client, device)
    after_a_while(client)
    assert client.get(NEW)["Location"].startswith("/accounts/confirm/")
    assert "data-passkey" in client.get("/accounts/confirm/").content.decode()
    assert client.post(NEW_OPTIONS).status_code == 403
    refused = use(client, device, signature=encode(b"forged"))
    assert refused.status_code == 422
    assert "/accounts/confirm/?next=%2Fgroups%2F%3Fq%3Da" in refused.content.decode()
    assert client.get(NEW).status_code == 302
    assert use(client, device, NEW)["Location"] == NEW
    assert client.get(NEW).status_code == 200
    assert kinds()[-1] == (EventKind.CONFIRMED, "staff", "passkey")


def test_a_user_without_a_password_here_uses_it_beside_the_company_not_instead(staff, browse, device):
    staff.set_unusable_password()
    staff.save()
    client = browse()
    assert use(client, device).status_code == 422
    assert not is_signed_in(client)
    client = browse(staff)
    after_a_while(client)
    assert use(client, device)["Location"] == "/groups/?q=a"
    assert client.get("/groups/").status_code == 200


def test_a_blocked_user_is_refused(staff, browse, device):
    staff.is_active = False
    staff.save()
    client = browse()
    answer = use(client, device)
    assert answer.status_code == 422
    assert "/accounts/login/?next=%2Fgroups%2F%3Fq%3Da" in answer.content.decode()
    assert not is_signed_in(client)
    assert kinds()[-1] == (EventKind.PASSKEY_FAILED, "?", "")


def test_a_passkey_of_somebody_else_is_no_second_factor(owner, browse, device):
    register(browse(owner), Authenticator(number=2))
    half = sign_in_by_form(browse, "owner")
    assert f"{CODE}?next=" in use(half, device).content.decode()
    assert half.get("/groups/").status_code == 302


def test_a_challenge_counts_once_and_for_five_minutes(browse, device, monkeypatch):
    client = browse()
    answer = device.get(options_of(client))
    assert client.post(USE, {"credential": answer})["Location"] == "/"
    other = browse()
    assert other.post(USE, {"credential": answer}).status_code == 422
    # The challenge of a failed try is used up as well.
    options = options_of(other)
    other.post(USE, {"credential": device.get(options, signature=encode(b"forged"))})
    assert other.post(USE, {"credential": device.get(options)}).status_code == 422
    late = device.get(options_of(other))
    monkeypatch.setattr(passkeys, "CHALLENGE_LIFE", timedelta())
    assert other.post(USE, {"credential": late}).status_code == 422
    monkeypatch.undo()
    assert use(other, device).status_code == 302


LIES = {
    "at another origin": {"origin": "https://testserver.example"},
    "for another host": {"rp_id": "example"},
    "without verification": {"flags": PRESENT},
    "without presence": {"flags": 0},
    # Another device has used a copy of the key, so the counter falls back.
    "by a copy": {"sign_count": 0},
    "with another key": {"key": Authenticator().key},
    "unknown": {"credential_id": b"unknown"},
    "of another user": {"handle": encode(b"somebody else")},
    "of nobody": {"handle": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_is_not_right_lets_nobody_in(browse, device, lie):
    client, right = browse(), dict(vars(device))
    vars(device).update(LIES[lie])
    assert use(client, device).status_code == 422
    assert not is_signed_in(client)
    vars(device).update(right)
    assert use(client, device).status_code == 302


@pytest.mark.parametrize("rubbish", [
    "", "null", "[]", "{", "[" * 30_000, '{"id": "a"}', "\0", "ї",
    ('{"id": "ї", "rawId": "ї", "type": "public-key", "response": {"clientDataJSON": "ї", '
     '"authenticatorData": "a", "signature": "a", "attestationObject": "a"}}'),
    ('{"id": "YWFh", "rawId": "YWFh", "type": "public-key", "response": {"clientDataJSON": "bnVsbA", '
     '"authenticatorData": "YWFh", "signature": "YWFh", "attestationObject": "YWFh", "userHandle": 5}}'),
    ('{"id": "YWFh", "rawId": "YWFh", "type": "public-key", "response": {"clientDataJSON": "W10", '
     '"authenticatorData": "YWFh", "signature": "YWFh", "attestationObject": "gICA"}}'),
])  # fmt: skip
def test_no_rubbish_is_an_error_of_the_server(staff, browse, rubbish):
    stranger, client = browse(), browse(staff)
    for _time in range(2):  # without a challenge, and with one
        assert stranger.post(USE, {"credential": rubbish}).status_code == 422
        assert client.post(USE, {"credential": rubbish}).status_code == 422
        assert client.post(NEW, {"name": "Phone", "credential": rubbish}).status_code == 422
        options_of(stranger), options_of(client, NEW_OPTIONS)
    assert not Passkey.objects.exists()


def test_a_registration_without_verification_or_at_another_origin_is_refused(staff, browse):
    careless, elsewhere = Authenticator(), Authenticator("https://testserver.example")
    careless.flags = PRESENT
    client = browse(staff)
    assert register(client, careless).status_code == 422
    assert register(client, elsewhere).status_code == 422
    assert not Passkey.objects.exists()


def test_an_origin_of_csrf_trusted_origins_counts_for_its_own_host_alone(browse, device, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://testserver:8443", "https://other.example"]
    device.origin = "https://testserver:8443"
    assert use(browse(), device).status_code == 302
    device.origin = "https://other.example"
    assert use(browse(), device).status_code == 422


def test_to_remove_one_the_password_is_asked_for_and_the_codes_go_with_the_last_factor(staff, browse):
    client, first, second = browse(staff), Authenticator(), Authenticator(number=2)
    register(client, first, "First"), register(client, second, "Second")
    page = client.get("/accounts/sessions/").content.decode()
    assert "First" in page
    assert "not used yet" in page
    url = f"/accounts/passkeys/{Passkey.objects.get(name='First').pk}/remove/"
    after_a_while(client)
    assert client.post(url)["Location"] == "/accounts/confirm/?next=%2Faccounts%2Fsessions%2F"
    client.post("/accounts/confirm/", {"password": PASSWORD})
    assert client.post(url)["Location"] == "/accounts/sessions/"
    assert client.post(url)["Location"] == "/accounts/sessions/"
    assert [each.name for each in Passkey.objects.all()] == ["Second"]
    assert RecoveryCode.objects.filter(user=staff).count() == 10
    assert use(browse(), first).status_code == 422
    client.post(f"/accounts/passkeys/{Passkey.objects.get().pk}/remove/")
    assert not RecoveryCode.objects.exists()
    assert sign_in_by_form(browse, "staff").get("/groups/").status_code == 200
    removed = SecurityEvent.objects.filter(kind=EventKind.FACTOR_REMOVED, user=staff, detail="passkey")
    assert removed.count() == 2


def test_nobody_removes_the_passkey_of_somebody_else(owner, browse, device):
    assert browse(owner).post(f"/accounts/passkeys/{Passkey.objects.get().pk}/remove/").status_code == 302
    assert Passkey.objects.exists()


def test_without_the_app_the_passkey_and_the_codes_stay(staff, browse, device):
    client = browse()
    use(client, device)
    set_up(client, staff)
    client.post("/accounts/sessions/?set=no-app")
    assert RecoveryCode.objects.filter(user=staff).count() == 10
    assert sign_in_by_form(browse, "staff").get("/groups/")["Location"].startswith(CODE)


def test_an_owner_resets_it_and_nothing_signs_in_by_it_any_more(owner, staff, browse, device):
    session = browse()
    use(session, device)
    client = browse(owner)
    assert "Reset the second factor" in client.get(f"/people/{staff.pk}/").content.decode()
    client.post(f"/people/{staff.pk}/?step=second-factor")
    assert not Passkey.objects.exists()
    assert not RecoveryCode.objects.exists()
    assert session.get("/groups/").status_code == 302
    assert use(browse(), device).status_code == 422
    assert (EventKind.FACTOR_REMOVED, "owner", "passkey") in kinds()


def test_an_owner_sees_passkeys_in_the_admin_without_their_keys(owner, browse, device):
    passkey = Passkey.objects.get()
    page = browse(owner).get(f"/admin/users/passkey/{passkey.pk}/change/").content.decode()
    assert "Phone" in page
    assert passkey.credential_id not in page
    url = f"/admin/users/passkey/{passkey.pk}/delete/"
    assert browse(owner).post(url, {"post": "yes"}).status_code == 302
    assert not Passkey.objects.exists()
    assert EventKind.FACTOR_REMOVED in [kind for kind, *_ in kinds()]
