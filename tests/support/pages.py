"""Read pages and forms from HTML in tests."""

import re
from html import unescape


def text_of(response):
    """Return the text of a page as a reader sees it."""
    html = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", response.content.decode())
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).replace("\N{NO-BREAK SPACE}", " ")


def hidden(response, *names):
    """Return the values of a form's hidden inputs, and of those that are chosen among several."""
    html = response.content.decode()
    return {name: _value(html, name) for name in names}


def _value(html, name):
    inputs = re.findall(rf'<input[^>]*name="{name}"[^>]*>', html)
    assert inputs, f"there is no input {name}"
    chosen = next((each for each in inputs if re.search(r"\bchecked\b", each)), inputs[0])
    value = re.search(r'value="([^"]*)"', chosen)
    return unescape(value[1]) if value else ""


def group_ids(response):
    """Return the ids of the rows of a list of groups, in their order."""
    return [int(group_id) for group_id in re.findall(r'<tr data-group="(\d+)"', response.content.decode())]


def client_ids(response):
    """Return the ids of the rows of a list of clients, in their order."""
    return [int(found) for found in re.findall(r'<tr data-client="(\d+)"', response.content.decode())]


def open_form(client, url, **values):
    """Open a form and return the fields that a browser would send: hidden fields and these values."""
    page = client.get(url)
    assert page.status_code == 200, page.content.decode()
    return {**hidden(page, "version", "operation"), **values}


def group_form(client, url, **values):
    """Open the form of a group and fill it in; omitted values become those of a plausible bonus group."""
    filled = {"name": "Нова група", "loyalty_type": "1", "percent": "10", "birthday_bonus": "50"}
    return open_form(client, url, **(filled | values))


HTMX = {"HX-Request": "true"}


def fragment(target, path="/groups/"):
    """Return the headers with which HTMX requests a fragment."""
    return {**HTMX, "HX-Target": target, "HX-Current-URL": f"http://testserver{path}"}


REMOVAL = "/groups/4/delete/"
GROUP_4 = "Скидочная система 10%"
