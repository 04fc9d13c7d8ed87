"""Open, find and hold what the tests of several pages need."""

from playwright.sync_api import expect

from tests.support.people import PASSWORD

# The first group of the sandbox.
SEED = "Постоянный посетитель"
OVERFLOW = """() => document.documentElement.scrollWidth - document.documentElement.clientWidth"""
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def new_group(sandbox, name, *, loyalty_type="2", percent="3", birthday_bonus="0", clients=0):
    """Add a group in Poster's console, and return its id."""
    return sandbox.console().put(
        {
            "client_groups_name": name,
            "loyalty_type": loyalty_type,
            "client_groups_discount": percent,
            "birthday_bonus": birthday_bonus,
            "count_groups_clients": str(clients),
        }
    )


def row(page, group_id):
    return page.locator(f"[data-group='{group_id}']")


def rows(page):
    return page.locator("#rows tr[data-group]")


def heading(page, text):
    expect(page.get_by_role("heading", level=1, name=text, exact=True)).to_be_visible()
    # A key pressed before the scripts run has no effect.
    page.wait_for_load_state()


def show_list(page, path="/groups/"):
    page.goto(path)
    expect(page.locator("#rows")).to_be_visible()


def row_is_ready(page):
    """Wait until HTMX has processed the open row: before that it is sent as a page."""
    expect(page.locator(".row-form [name=percent]")).to_be_focused()
    expect(page.locator("tr.editing:not(.htmx-added):not(.htmx-settling)")).to_be_visible()


def open_row(page, group_id):
    page.locator(f"[data-group='{group_id}'] .row-edit").click()
    row_is_ready(page)


def from_the_menu(page, name):
    """Open the menu of a group, and return the entry of this name."""
    page.locator("main .more-menu summary").click()
    return page.get_by_role("link", name=name, exact=True)


def sign_in_when_asked(page, name="staff"):
    """Wait for the sign-in that a page leads to, and sign in there."""
    page.wait_for_url("**/accounts/login/?**")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(lambda url: "/accounts/login/" not in url)
    page.wait_for_load_state()


def hold_back(page, address, **options):
    """Delay the requests for an address; `caught` returns the first of them."""
    held = []
    page.route(address, lambda route, _: held.append(route), **options)
    return held


def caught(page, held):
    """Wait until a request is held back, and return it."""
    while not held:
        page.wait_for_timeout(10)
    return held[0]
