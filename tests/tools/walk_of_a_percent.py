"""Follow one saved percent through the code: from its form to the row of the list that comes back.

`tests.tools.figures` copies this into a checkout, and runs it there as a test.
"""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]


class Fields(HTMLParser):
    """The names and values of the inputs of a page."""

    def __init__(self, page):
        super().__init__()
        self.values = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        field = dict(attrs)
        if tag == "input" and "name" in field:
            self.values[field["name"]] = field.get("value") or ""


@pytest.mark.django_db
def test_walk(staff, browse):
    client = browse(staff)
    headers = {"HX-Request": "true", "HX-Target": "row-1"}
    page = client.get("/groups/1/edit/", headers=headers).content.decode()
    form = Fields(page).values | {"percent": "6"}
    visited = []

    def enter(frame, event, _argument):
        path = frame.f_code.co_filename
        is_ours = path.startswith(str(PROJECT)) and "/.venv/" not in path and "/tests/" not in path
        if event == "call" and is_ours and (not visited or visited[-1] != path):
            visited.append(path)

    sys.setprofile(enter)
    try:
        answer = client.post("/groups/1/edit/", form, headers=headers)
        client.get("/groups/", headers=headers)
    finally:
        sys.setprofile(None)
    assert "HX-Location" in answer.headers, answer.content.decode()[:300]
    print("WALK " + json.dumps({"stays": len(visited), "rooms": len(set(visited))}))
