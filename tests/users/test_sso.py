"""Test signing in through the company by OpenID Connect, over real HTTP."""

import time
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User

from poster_admin.users.models import CompanyIdentity, CompanyLink, EventKind, Guardian, SecurityEvent
from tests.support.openid_provider import DISCOVERY, Provider, new_key
from tests.support.pages import fragment
from tests.support.sign_in import ROLES, after_a_while, roles

pytestmark = pytest.mark.django_db
REFUSED = "/accounts/login/?company=refused"
BEGIN, BACK = "/accounts/company/", "/accounts/company/back/"


@pytest.fixture(scope="module")
def provider_server():
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def provider(provider_server, settings):
    provider = provider_server
    provider.claims = {"sub": "subject-1", "preferred_username": "olena", "groups": ["loyalty-staff"]}
    provider.lies, provider.userinfo, provider.broken, provider.signed_with = {}, {}, "", provider.key
    provider.metadata = {}
    for name, value in provider.settings().items():
        setattr(settings, name, value)
    settings.COMPANY_ROLES = ROLES
    settings.AUTHENTICATION_BACKENDS = [
        *settings.AUTHENTICATION_BACKENDS,
        "poster_admin.users.sso.CompanyBackend",
    ]
    return provider


def through(client, provider, back="/groups/", **changes):
    answer = client.get(BEGIN, {"next": back})
    assert answer["Location"].startswith(f"{provider.url}/authorize?")
    provider.parameters = dict(parse_qsl(urlsplit(answer["Location"]).query))
    return client.get(BACK, {"code": "the-code", "state": provider.parameters["state"], **changes})


def test_the_company_signs_a_user_in_with_roles_from_a_claim(provider, browse, sandbox):
    client = browse()
    answer = through(client, provider, "/history/")
    assert answer["Location"] == "/history/"
    assert provider.parameters["code_challenge_method"] == "S256"
    assert client.get("/groups/")["Location"] == "/account/"
    assert roles("olena") == {"Staff"}
    provider.claims |= {"preferred_username": "olena-new-name"}
    provider.userinfo = {"groups": ["loyalty-owners", "x"]}
    through(browse(), provider)
    assert roles("olena") == {"Owners"}
    assert User.objects.count() == 1


LIES = {
    "another issuer": {"iss": "https://evil.example"},
    "for somebody else": {"aud": "another-client"},
    "too old": {"exp": 1},
    "without an end": {"exp": None},
    "another nonce": {"nonce": "x"},
    "no subject": {"sub": None},
    "no name": {"preferred_username": None},
    "a name that is none": {"preferred_username": "a b<script>"},
    "a subject that is none": {"sub": ["x"]},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_right_lets_nobody_in(provider, browse, lie):
    provider.lies = LIES[lie]
    client = browse()
    assert through(client, provider)["Location"] == "/accounts/login/?company=refused"
    assert client.get("/groups/").status_code == 302
    assert not User.objects.exists()
    assert SecurityEvent.objects.filter(kind=EventKind.REFUSED, detail="oidc").exists()


def test_a_signature_of_somebody_else_lets_nobody_in(provider, browse):
    provider.signed_with = new_key("one")
    assert through(browse(), provider)["Location"] == "/accounts/login/?company=refused"
    assert not User.objects.exists()


def test_keys_that_the_provider_has_changed_are_taken_at_once(provider, browse):
    through(browse(), provider)
    provider.key = provider.signed_with = new_key("two")
    assert through(browse(), provider)["Location"] == "/groups/"


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"id_token_signing_alg_values_supported": ["HS256", "none"]}],
    ids=["another issuer", "signatures without a key of the provider"],
)
def test_a_provider_that_publishes_what_is_not_right_signs_nobody_in(provider, browse, metadata):
    client = browse()
    client.get(BEGIN)
    provider.metadata = metadata
    answer = client.get(BEGIN)
    if answer["Location"] != REFUSED:
        provider.parameters = dict(parse_qsl(urlsplit(answer["Location"]).query))
        answer = client.get(BACK, {"code": "the-code", "state": provider.parameters["state"]})
    assert answer["Location"] == REFUSED
    assert not User.objects.exists()


def test_an_address_without_tls_is_not_asked(provider, browse, settings, monkeypatch):
    issuer = "https://company.example"
    monkeypatch.setattr(
        "authlib.integrations.django_client.DjangoOAuth2App.load_server_metadata",
        lambda _self: provider.discovery() | {"issuer": issuer},
    )
    settings.OIDC_ISSUER = issuer
    assert browse().get(BEGIN)["Location"] == REFUSED


def test_a_provider_that_takes_the_secret_in_the_form_alone_gets_it_there(provider, browse):
    provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert through(browse(), provider)["Location"] == "/groups/"


def test_a_refusal_of_the_company_is_no_500(provider, browse):
    answer = browse().get(BACK, {"error": "access_denied", "state": "x"})
    assert answer["Location"] == REFUSED


def test_a_user_who_is_blocked_here_stays_outside(provider, browse):
    through(browse(), provider)
    User.objects.update(is_active=False)
    assert through(browse(), provider)["Location"] == REFUSED


def test_a_provider_that_is_away_is_no_500_at_the_beginning_either(provider, browse):
    provider.broken = DISCOVERY
    assert browse().get(BEGIN)["Location"] == REFUSED


@pytest.mark.parametrize("broken", ["/token", "/keys", "/user"])
def test_a_provider_that_fails_is_no_500(provider, browse, broken):
    provider.broken = broken
    assert through(browse(), provider)["Location"] == "/accounts/login/?company=refused"


def test_two_answers_of_two_people_let_nobody_in(provider, browse):
    provider.userinfo = {"sub": "subject-2"}
    assert through(browse(), provider)["Location"] == "/accounts/login/?company=refused"


def test_a_state_of_another_browser_is_refused(provider, browse):
    victim, thief = browse(), browse()
    assert through(thief, provider, state="made-up")["Location"] == REFUSED
    answer = thief.get(BEGIN)
    state = dict(parse_qsl(urlsplit(answer["Location"]).query))["state"]
    assert victim.get(BACK, {"code": "the-code", "state": state}).status_code == 302
    assert victim.get("/groups/").status_code == 302


LINKS = "/admin/users/companylink/"


def test_a_name_of_our_own_is_not_given_away(provider, browse, owner, nobody):
    nobody.set_unusable_password()
    nobody.save()
    for name in ("owner", "nobody"):
        provider.claims["preferred_username"] = name
        assert through(browse(), provider)["Location"] == REFUSED
        assert SecurityEvent.objects.filter(kind=EventKind.REFUSED, about=name, detail="oidc").count() == 1
    assert not CompanyIdentity.objects.exists()


def test_an_owner_allows_a_link_by_the_name_and_it_is_used_up(provider, browse, owner, nobody):
    assert browse(owner).post(f"{LINKS}add/", {"user": nobody.pk}).status_code == 200
    Guardian.objects.create(user=nobody, guardian=owner, invited=True)
    assert browse(owner).post(f"{LINKS}add/", {"user": nobody.pk})["Location"] == LINKS
    provider.claims["preferred_username"] = "nobody"
    assert through(browse(), provider)["Location"] == "/groups/"
    identity = CompanyIdentity.objects.get()
    assert (identity.user, identity.issuer, identity.subject) == (nobody, provider.url, "subject-1")
    assert not CompanyLink.objects.exists()
    allowed, linked = SecurityEvent.objects.filter(
        kind__in=(EventKind.LINK_ALLOWED, EventKind.LINKED)
    ).order_by("at")
    assert (allowed.kind, allowed.user, allowed.about) == (EventKind.LINK_ALLOWED, owner, "nobody")
    assert (linked.kind, linked.user) == (EventKind.LINKED, nobody)
    # From now on the subject decides: the name alone admits nobody else, and another name is the same user.
    provider.claims = {"sub": "subject-2", "preferred_username": "nobody"}
    provider.userinfo = {"sub": "subject-2"}
    assert through(browse(), provider)["Location"] == REFUSED
    provider.claims, provider.userinfo = {"sub": "subject-1", "preferred_username": "somebody"}, {}
    assert through(browse(), provider)["Location"] == "/groups/"
    assert CompanyIdentity.objects.get() == identity


def test_a_link_of_before_holds_and_an_owner_can_replace_it(provider, browse, nobody):
    identity = CompanyIdentity.objects.create(user=nobody, issuer=provider.url, subject="subject-1")
    provider.claims["preferred_username"] = "anyone who"
    assert through(browse(), provider)["Location"] == "/groups/"
    assert User.objects.count() == 1
    # The company has another provider now, and with it other subjects.
    CompanyIdentity.objects.update(issuer="https://former.example")
    provider.claims["preferred_username"] = "nobody"
    assert through(browse(), provider)["Location"] == REFUSED
    CompanyLink.objects.create(user=nobody)
    assert through(browse(), provider)["Location"] == "/groups/"
    identity.refresh_from_db()
    assert identity.issuer == provider.url


def test_only_owners_allow_a_link_and_of_a_superuser_no_owner(owner, staff, admin_user, browse):
    assert browse(staff).post(f"{LINKS}add/", {"user": staff.pk}).status_code == 302
    refused = browse(owner).post(f"{LINKS}add/", {"user": admin_user.pk})
    assert refused.status_code == 200
    assert not CompanyLink.objects.exists()
    assert browse(admin_user).post(f"{LINKS}add/", {"user": admin_user.pk})["Location"] == LINKS
    link = CompanyLink.objects.get()
    browse(owner).post(f"{LINKS}{link.pk}/delete/", {"post": "yes"})
    assert CompanyLink.objects.exists()
    browse(admin_user).post(f"{LINKS}{link.pk}/delete/", {"post": "yes"})
    assert not CompanyLink.objects.exists()


@pytest.mark.parametrize("evil", ["//evil.com/", "https://evil.com/", "javascript:alert(1)"])
def test_the_sign_in_of_the_company_leads_back_to_this_site_alone(provider, browse, evil):
    assert through(browse(), provider, evil)["Location"] == "/"


def test_confirming_asks_the_company_for_a_fresh_sign_in(provider, browse):
    client = browse()
    through(client, provider)
    after_a_while(client)
    answer = client.get("/accounts/confirm/", {"next": "/account/"})
    assert answer["Location"] == f"{BEGIN}?next=%2Faccount%2F"
    provider.lies = {"auth_time": time.time() - 3600}
    assert through(client, provider)["Location"] == "/accounts/login/?company=refused"
    assert (provider.parameters["prompt"], provider.parameters["max_age"]) == ("login", "0")
    provider.lies = {}
    assert through(client, provider, "/account/")["Location"] == "/account/"


def test_a_sign_in_at_which_the_company_has_asked_for_nothing_confirms_nothing(provider, browse):
    provider.lies = {"auth_time": time.time() - 3600}
    client = browse()
    assert through(client, provider)["Location"] == "/groups/"
    answer = client.get("/accounts/sessions/?set=app")
    assert answer["Location"] == "/accounts/confirm/?next=%2Faccounts%2Fsessions%2F%3Fset%3Dapp"
    provider.lies = {}
    through(client, provider)
    assert client.get("/accounts/sessions/?set=app").status_code == 200


def test_a_sign_in_counts_where_the_company_does_not_say_when_it_has_asked(provider, browse):
    provider.lies = {"auth_time": None}
    client = browse()
    through(client, provider)
    assert client.get("/accounts/sessions/?set=app").status_code == 200


def test_a_failed_answer_in_between_does_not_lift_the_need_for_a_fresh_sign_in(provider, browse):
    client = browse()
    through(client, provider)
    after_a_while(client)
    begun = client.get(BEGIN, {"next": "/account/"})
    provider.parameters = dict(parse_qsl(urlsplit(begun["Location"]).query))
    assert client.get(BACK, {"code": "none", "state": "another"})["Location"] == REFUSED
    provider.lies = {"auth_time": time.time() - 3600}
    answer = client.get(BACK, {"code": "the-code", "state": provider.parameters["state"]})
    assert answer["Location"] == REFUSED


def test_the_sign_in_of_the_company_is_off_by_default_and_offered_when_on(browse, settings):
    assert browse().get(BEGIN).status_code == browse().get(BACK).status_code == 404
    assert BEGIN not in browse().get("/accounts/login/").content.decode()
    assert browse().get(BEGIN, headers=fragment("rows")).status_code == 404
