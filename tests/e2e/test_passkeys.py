"""Test passkeys with the virtual authenticator of Chromium, which makes real keys and checks the address."""

from functools import partial

import pytest
from playwright.sync_api import expect

NEW, LOGIN = "/accounts/sessions/?set=passkey", "/accounts/login/"
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
        page.get_by_role("link", name="Saved them").click()
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


def test_a_passkey_signs_in_without_a_password_and_the_page_shows_when(staff, with_passkey, page_for):
    _, device = with_passkey(staff)
    page, _ = stranger(page_for, device)
    by_passkey(page)
    page.wait_for_url("**/groups/?q=a")
    page.goto("/accounts/sessions/")
    expect(page.locator("li", has_text="My phone")).to_contain_text("last used")


def test_without_verification_nobody_comes_in(staff, with_passkey):
    page, device = with_passkey(staff)
    sign_out(page)
    device.verify(works=False)
    by_passkey(page)
    expect(page.locator("[data-passkey-failed]")).to_be_focused()
    device.verify(works=True)
    by_passkey(page)
    page.wait_for_url("**/groups/?q=a")
