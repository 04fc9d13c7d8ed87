"""Test passkeys with the virtual authenticator of Chromium, which makes real keys and checks the address."""

from functools import partial

import pytest
from playwright.sync_api import expect

from poster_admin.users.models import Event, SecurityEvent
from tests.support.people import PASSWORD

NEW, LOGIN = "/accounts/passkeys/new/", "/accounts/login/"
DEVICE = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
          "isUserVerified": True, "automaticPresenceSimulation": True}  # fmt: skip


@pytest.fixture
def page_for(page_for):
    """Return a function that opens a page in a window without any device."""
    return partial(page_for, new=True)


class Device:
    """The virtual authenticator of one page."""

    def __init__(self, page, **options):
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE | options})[
            "authenticatorId"
        ]

    def credentials(self):
        return self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]

    def put(self, credential):
        self.cdp.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": credential})

    def verify(self, *, works):
        values = {"authenticatorId": self.id, "isUserVerified": works}
        self.cdp.send("WebAuthn.setUserVerified", values)


@pytest.fixture
def with_passkey(page_for):
    """Return a function that opens a page as a user, and makes a passkey there."""

    def with_passkey(user):
        page = page_for(user)
        device = Device(page)
        page.goto(NEW)
        page.fill("[name=name]", "My phone")
        page.get_by_role("button", name="Add the passkey").click()
        page.get_by_role("link", name="I have kept them").click()
        return page, device

    return with_passkey


def stranger(page_for, device):
    """Return the page of somebody who is not signed in, on a computer that has the same passkey."""
    page = page_for()
    other = Device(page)
    for credential in device.credentials():
        other.put(credential)
    page.goto(f"{LOGIN}?next=/groups/%3Fq%3Da")
    return page, other


def sign_out(page):
    """End the session of the page, and ask for the sign-in on the same computer."""
    page.context.clear_cookies()
    page.goto(f"{LOGIN}?next=/groups/%3Fq%3Da")


def by_passkey(page):
    page.get_by_role("button", name="Sign in with a passkey").click()


def test_it_signs_in_without_a_password_and_tells_when(staff, with_passkey, page_for):
    _, device = with_passkey(staff)
    page, _ = stranger(page_for, device)
    by_passkey(page)
    page.wait_for_url("**/groups/?q=a")
    page.goto("/accounts/sessions/")
    expect(page.locator("li", has_text="My phone")).to_contain_text("last used")


def test_it_is_the_second_factor_after_the_password(staff, with_passkey):
    page, _ = with_passkey(staff)
    sign_out(page)
    page.fill("[name=username]", "staff")
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Use a passkey instead").click()
    page.wait_for_url("**/groups/?q=a")


@pytest.mark.thorough
def test_without_verification_nobody_comes_in(staff, with_passkey):
    page, device = with_passkey(staff)
    sign_out(page)
    device.verify(works=False)
    by_passkey(page)
    expect(page.locator("[data-passkey-failed]")).to_be_focused()
    device.verify(works=True)
    by_passkey(page)
    page.wait_for_url("**/groups/?q=a")


@pytest.mark.thorough
def test_a_passkey_of_another_address_is_not_offered(staff, with_passkey, page_for):
    _, device = with_passkey(staff)
    page = page_for()
    other = Device(page)
    for credential in device.credentials():
        other.put(credential | {"rpId": "example.com"})
    page.goto(LOGIN)
    by_passkey(page)
    expect(page.locator("[data-passkey-failed]")).to_be_focused()


@pytest.mark.thorough
def test_a_copy_of_the_key_is_refused(staff, with_passkey, page_for):
    _, device = with_passkey(staff)
    page, _ = stranger(page_for, device)
    copied, _ = stranger(page_for, device)
    by_passkey(page)
    page.wait_for_url("**/groups/?q=a")
    by_passkey(copied)
    expect(copied.get_by_role("heading", name="The passkey was not accepted")).to_be_visible()
    assert SecurityEvent.objects.filter(kind=Event.PASSKEY_FAILED).count() == 1


@pytest.mark.thorough  # as without a browser: tests/users/sign_in/test_passkeys.py
@pytest.mark.parametrize("address", ["without a name", "without JavaScript"])
def test_where_there_are_none_a_sentence_says_so(staff, page_for, live, address):
    page = page_for(staff, javascript=address != "without JavaScript")
    host = live.replace("localhost", "127.0.0.1") if address == "without a name" else live
    cookies = [{**each, "domain": "127.0.0.1"} for each in page.context.cookies()]
    page.context.add_cookies(cookies)
    page.goto(f"{host}{NEW}")
    expect(page.get_by_text("This browser offers no passkeys here")).to_be_visible()
    expect(page.get_by_role("button", name="Add the passkey")).to_be_hidden()
    page.context.clear_cookies()
    page.goto(f"{host}{LOGIN}")
    expect(page.locator("[data-passkey]")).to_be_hidden()
