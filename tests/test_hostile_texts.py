"""Post 2 MB of texts that a careless pattern or loop would be slow at into every form of the site."""

import re
import time
from html.parser import HTMLParser

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.support import pairwise
from tests.support.addresses import EVERY, ONLY_POST, WALK, taken_back

pytestmark = pytest.mark.django_db
SIZE = 2 * 2**20 - 1024
SECONDS = 2
REPEATED = ["1", "a1 ", " ", "\n", "1\n", ";", "'=", '"', "[", "{a: ", "1 000 ", "&#1;", "e\u0323\u0301"]
SHAPES = [
    *(text * (SIZE // len(text.encode())) for text in REPEATED),
    "1" * (SIZE - 1) + "!",
    ",".join(map(str, range(1, 290_000))),
    ",".join(f"{number}-4" for number in range(1, 230_000)),
]
FOR_LISTS = [SHAPES[REPEATED.index(text)] for text in ("1\n", ";", '"')]


class Forms(HTMLParser):
    """The forms of a page: `found` has the address, the method, the filled fields and the kinds of texts."""

    def __init__(self, html):
        super().__init__()
        self.found = []
        self.select = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        name, kind = attributes.get("name"), attributes.get("type", tag)
        if tag == "form":
            self.found.append((attributes.get("action"), attributes.get("method"), {}, {}))
        elif (
            self.found
            and tag in ("input", "textarea", "select")
            and name
            and kind not in ("checkbox", "submit")
        ):
            _action, _method, fields, kinds = self.found[-1]
            fields[name] = attributes.get("value", "")
            kinds[name] = kind
            self.select = name
        elif self.found and tag == "option":
            self.found[-1][2][self.select] = attributes.get("value", "")


def forms_of(client, urls):
    """Return the fields of all forms by their address and name, of those that are alike one."""
    found = {}
    for url in urls:
        with taken_back(client):
            page = client.get(url)
        if page.status_code == 200 and page["Content-Type"].startswith("text/html"):
            for action, method, fields, kinds in Forms(page.content.decode()).found:
                for name, kind in kinds.items() if method == "post" else ():
                    there = (action or url, re.sub(r"\d+", "0", name))
                    found.setdefault(
                        there, (name, kind, {key: fields[key] for key in fields if key != "file"})
                    )
    return found


def test_no_text_of_two_megabytes_takes_long(owner, browse, subtests):
    for client in (browse(owner), browse()):
        every = EVERY if pairwise.takes_all else WALK
        urls = [url for url in every if url not in ONLY_POST and "logout" not in url]
        cases = list(forms_of(client, urls).items())
        if not pairwise.takes_all:
            cases = pairwise.covering(cases, lambda case: set(case[0]))  # each form, and each name of a field
        for number, ((url, _), (name, kind, fields)) in enumerate(cases):
            # Whole lists are read from files and long texts alone.
            few = FOR_LISTS if kind in ("file", "textarea") else [SHAPES[number % len(SHAPES)]]
            for shape in SHAPES if pairwise.takes_all else few:
                text = SimpleUploadedFile("a.csv", shape.encode()) if kind == "file" else shape
                with subtests.test(url=url, name=name, shape=shape[:8]), taken_back(client):
                    began = time.thread_time()
                    answer = client.post(url, fields | {name: text})
                    assert time.thread_time() - began < SECONDS
                    assert answer.status_code < 500
