"""Test connecting a Poster account: checked before it is stored, never shown again."""

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection as database
from django.utils import timezone

from groups.models import PosterAccount, PosterCredentials
from poster_admin.common.encryption import Secret, SecretUnreadable
from tests.support.pages import hidden, text_of

pytestmark = pytest.mark.django_db
URL = "/account/"


def connect(client, sandbox, account="demo", token=None):
    return client.post(URL, {"account": account, "token": token or sandbox.accounts["demo"].token})


def test_a_token_is_kept_once_poster_has_accepted_it(newcomer, browse, sandbox):
    client = browse(newcomer)
    answer = connect(client, sandbox, account=" DEMO ")
    assert (answer.status_code, answer["Location"]) == (302, "/account/check/")
    token = sandbox.accounts["demo"].token
    link = PosterCredentials.objects.get(user=newcomer)
    assert (link.account_id, link.token_hint, link.token.reveal()) == ("demo", token[-4:], token)
    page = client.get(URL)
    assert token[-4:] in text_of(page)
    assert token not in page.content.decode()
    assert client.get("/groups/").status_code == 200


def test_a_form_of_the_account_before_is_not_sent_to_the_new_one(staff, browse, sandbox):
    """Both accounts have the same groups, as two restaurants of one chain do."""
    tabs = browse(staff, enforce_csrf_checks=True)
    form = hidden(tabs.get("/groups/4/edit/"), "csrfmiddlewaretoken", "version", "operation")
    form |= {"name": "Скидочная система 10%", "loyalty_type": "2", "percent": "90", "confirmed": "1"}
    fields = hidden(tabs.get(URL), "csrfmiddlewaretoken")
    fields |= {"account": "kopecks", "token": sandbox.accounts["kopecks"].token}
    assert tabs.post(URL, fields).status_code == 302
    answer = tabs.post("/groups/4/edit/", form)
    assert answer.status_code == 403
    assert "The page was open too long" in text_of(answer)
    assert not sandbox.posts()
    fields = hidden(tabs.get("/groups/4/edit/"), "csrfmiddlewaretoken", "version", "operation")
    assert tabs.post("/groups/4/edit/", form | fields).status_code == 302


@pytest.mark.parametrize(
    ("account", "token_of"),
    [("kavarnia", "demo"), ("no-such-account", "demo")],
)
def test_a_token_that_poster_refuses_is_not_kept(newcomer, browse, sandbox, account, token_of):
    client = browse(newcomer)
    answer = connect(client, sandbox, account, sandbox.accounts[token_of].token)
    assert answer.status_code == 422
    assert f'value="{account}"' in answer.content.decode()
    assert sandbox.accounts[token_of].token not in answer.content.decode()
    assert not PosterCredentials.objects.exists()
    assert not PosterAccount.objects.exists()
    assert client.get("/groups/").status_code == 302


def test_while_poster_does_not_answer_nothing_is_kept(newcomer, browse, sandbox):
    sandbox.script("*", "fin_before_headers", times=None)
    answer = connect(browse(newcomer), sandbox)
    assert answer.status_code == 504
    assert 'value="demo"' in answer.content.decode()
    assert not PosterCredentials.objects.exists()


def test_a_hostile_account_never_leads_to_a_request(newcomer, browse, sandbox):
    assert connect(browse(newcomer), sandbox, "evil.com/?").status_code == 422
    assert not sandbox.calls()


def test_the_old_token_stays_while_a_new_one_is_refused(staff, browse, sandbox):
    assert connect(browse(staff), sandbox, token=sandbox.accounts["expired"].token).status_code == 422
    assert PosterCredentials.objects.get(user=staff).token.reveal() == sandbox.accounts["demo"].token


def test_a_token_that_is_refused_later_asks_to_connect_again(staff, browse, sandbox):
    sandbox.script("*", "error_object", code=11, times=None)
    client = browse(staff)
    page = client.get("/groups/")
    assert page.status_code == 424
    assert URL in page.content.decode()
    assert client.get("/history/").status_code == 424
    sandbox.clear_faults()
    assert client.get("/groups/").status_code == 200
    assert client.get("/history/").status_code == 200


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("/account/limits/", {"max_percent": "90"}),
        ("/account/bonus-unit/", {"bonus_unit": "kopecks"}),
        ("/account/watch/", {"watch": "off"}),
    ],
)
def test_who_has_a_refused_token_sets_nothing_of_the_account(owner, browse, url, form):
    client = browse(owner)
    client.post("/account/watch/", {"watch": "on"})
    before = PosterAccount.objects.get()
    PosterCredentials.objects.update(refused_at=timezone.now())
    assert client.post(url, form).status_code == 424
    assert PosterAccount.objects.filter(
        bonus_unit=before.bonus_unit, limits=None, watch__isnull=False
    ).exists()
    assert client.get("/account/limits/").status_code == 424


# --- At rest -----------------------------------------------------------------------------------------------


def test_the_database_holds_ciphertext(staff, sandbox):
    with database.cursor() as cursor:
        cursor.execute("SELECT token FROM groups_postercredentials")
        (stored,) = cursor.fetchone()
    assert sandbox.accounts["demo"].token not in stored
    assert stored.startswith("f1:")


def test_rotation_encrypts_with_the_newest_key_and_older_ones_may_go(staff, sandbox, settings, capsys):
    newest = Fernet.generate_key().decode()
    settings.POSTER_TOKEN_KEYS = [newest, *settings.POSTER_TOKEN_KEYS]
    assert PosterCredentials.objects.get().token.reveal() == sandbox.accounts["demo"].token
    call_command("rotate_tokens")
    settings.POSTER_TOKEN_KEYS = [newest]
    assert PosterCredentials.objects.get().token.reveal() == sandbox.accounts["demo"].token
    assert "1 tokens" in capsys.readouterr().out


def test_a_lost_key_asks_for_the_token_again_and_calls_nobody(staff, browse, sandbox, settings, caplog):
    settings.POSTER_TOKEN_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SecretUnreadable):
        PosterCredentials.objects.get().token.reveal()
    page = browse(staff).get("/groups/")
    assert page.status_code == 424
    assert "cannot be read" in text_of(page)
    assert not sandbox.calls()
    pk = PosterCredentials.objects.get().pk
    (record,) = [each for each in caplog.records if each.name == "groups.poster"]
    assert record.getMessage() == f"No key of POSTER_TOKEN_KEYS opens the token of credentials {pk}"
    assert record.exc_info is None
    with pytest.raises(CommandError, match=rf"No key opens these; .* again: groups\.postercredentials {pk}$"):
        call_command("rotate_tokens")


def test_a_secret_shows_itself_to_nobody():
    secret = Secret("c4" * 16)
    assert "c4c4" not in f"{secret} {secret!r} {secret:>40} {[secret]}"
    with pytest.raises(TypeError):
        __import__("pickle").dumps(secret)


# --- Accounts that are not in Poster's address -------------------------------------------------------------


@pytest.fixture
def bare(sandbox, settings):
    settings.POSTER_API_URL = sandbox.bare_url


def test_the_name_of_a_foreign_account_opens_nothing(staff, outsider, browse, sandbox, bare):
    """The name of another company with the user's own token: Poster goes by the token."""
    token = sandbox.accounts["demo"].token
    assert connect(browse(staff), sandbox, "demo", token).status_code == 302
    client = browse(outsider)
    page = connect(client, sandbox, "demo", sandbox.accounts["kavarnia"].token)
    assert page.status_code == 422
    assert "not known to be of this account" in text_of(page)
    assert PosterCredentials.objects.get(user=outsider).account_id == "kavarnia"
    assert connect(client, sandbox, "demo", token).status_code == 302


def test_a_company_that_is_known_gets_no_second_name(staff, browse, sandbox, bare):
    """Under another name it would have no limits, and changes of the other one would not lock its groups."""
    client = browse(staff)
    assert connect(client, sandbox, "demo").status_code == 302
    page = connect(client, sandbox, "other")
    assert page.status_code == 422
    assert "not known to be of this account" in text_of(page)
    assert PosterCredentials.objects.get(user=staff).account_id == "demo"
    assert connect(client, sandbox, "kavarnia", sandbox.accounts["kavarnia"].token).status_code == 302


def test_a_token_that_does_not_say_its_company_opens_no_account_that_is_known(
    staff, outsider, browse, sandbox, bare
):
    sandbox.script("settings.getAllSettings", "error_object", code=20, times=None)
    assert connect(browse(staff), sandbox).status_code == 302
    assert connect(browse(outsider), sandbox).status_code == 422
    sandbox.clear_faults()
    assert connect(browse(outsider), sandbox).status_code == 422
    assert connect(browse(staff), sandbox).status_code == 302
    assert connect(browse(outsider), sandbox).status_code == 302


def test_only_who_changes_groups_reads_in_which_unit_bonuses_are_sent(manager, staff, browse):
    words = "Birthday bonuses are sent in hryvnia"
    assert words in text_of(browse(staff).get("/account/"))
    assert words not in text_of(browse(manager).get("/account/"))
