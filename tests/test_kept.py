"""Pages that are kept: packed once, shown again while nothing they depend on has changed."""

import gzip
import re

import brotli
import pytest

from groups.kept import ENCODINGS
from tests.test_canary import _unpacked

UNPACK = {None: bytes, "br": brotli.decompress, "gzip": gzip.decompress}
pytestmark = pytest.mark.django_db


def text(page):
    """Return what a page says, without the token of its forms."""
    whole = UNPACK[page.get("Content-Encoding")](page.content).decode()
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", whole)


def test_an_unchanged_list_is_304_to_who_asks_with_its_mark(staff, browse, sandbox):
    client = browse(staff)
    client.get("/groups/")  # brings the cookie for forms
    first = client.get("/groups/")
    again = client.get("/groups/", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "no-store" in again["Cache-Control"]
    sandbox.console("demo").edit(1, client_groups_name="Інша")
    assert client.get("/groups/?refresh=1", headers={"If-None-Match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=1.0, gzip;q=0.8", "br"),
        ("gzip, br;q=0", "gzip"),
        ("br; q=0.000, gzip;q=0.5", "gzip"),
        ("zstd, *", None),
        ("", None),
    ],
)
def test_a_packed_page_is_the_same_page(staff, browse, accepted, encoding):
    client = browse(staff)
    client.get("/groups/")  # brings the cookie for forms
    packed = client.get("/groups/", headers={"Accept-Encoding": accepted})
    assert packed.get("Content-Encoding") == encoding
    assert "Accept-Encoding" in packed["Vary"]
    assert text(packed) == text(client.get("/groups/"))


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_what_is_packed_has_no_certain_length(encoding):
    body = b"x" * 1000
    packed = [ENCODINGS[encoding](body) for _ in range(50)]
    assert len(set(map(len, packed))) > 10
    assert {UNPACK[encoding](each) for each in packed} == {body}


def test_a_right_that_is_taken_shows_at_once(staff, browse):
    client = browse(staff)
    assert "/groups/1/edit/" in client.get("/groups/").content.decode()
    staff.groups.clear()
    assert client.get("/groups/").status_code == 403


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_the_search_for_secrets_sees_into_what_is_packed(encoding):
    assert _unpacked(ENCODINGS[encoding]("<p>таємниця</p>".encode())) == "<p>таємниця</p>"
