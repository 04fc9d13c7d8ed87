"""Properties of what people type and what addresses hold: never a 500, never a wrong byte on the wire.

Fifty inputs of each of ten kinds here; PROPERTY_INPUTS=1000 makes it ten thousand for a long run.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pages import group_form

pytestmark = pytest.mark.django_db
INPUTS = int(os.environ.get("PROPERTY_INPUTS", "50"))
many = settings(
    max_examples=INPUTS,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
ANY = st.text(max_size=60) | st.sampled_from(
    ["\0", "١٢", "-1", "1e3", "<script>", "../..", "%00", "\u202e", "'\"", "NaN"]
)
ADDRESSES = ("/groups/", "/groups/export.csv", "/history/", "/accounts/security-log/", "/accounts/login/")


@pytest.mark.parametrize("url", ADDRESSES)
def test_no_query_string_breaks_a_page(owner, browse, sandbox, url):
    client = browse(owner)

    @many
    @given(
        st.dictionaries(
            st.sampled_from(["q", "type", "sort", "page", "next", "kind", "user", "group", "since"]), ANY
        )
    )
    def check(query):
        assert client.get(url, query).status_code in {200, 302, 400}

    check()
    assert not sandbox.posts()


def test_no_id_breaks_a_page(owner, browse, sandbox):
    client = browse(owner)

    @many
    @given(
        st.integers().map(str) | st.text("0123456789-+eE.٠١", min_size=1, max_size=40),
        st.sampled_from(["", "edit/", "delete/"]),
    )
    def check(group_id, what):
        assert client.get(f"/groups/{group_id}/{what}").status_code in {200, 404}

    check()
    assert not sandbox.posts()


@pytest.mark.parametrize("field", ["name", "percent", "birthday_bonus"])
def test_nothing_is_sent_from_a_form_that_was_not_opened_here(owner, browse, sandbox, field):
    client = browse(owner)
    form = group_form(client, "/groups/1/edit/")

    @many
    @given(ANY | st.decimals(allow_nan=True, allow_infinity=True).map(str))
    def check(value):
        before = len(sandbox.posts())
        answer = client.post("/groups/1/edit/", {**form, field: value, "version": "x"})
        assert answer.status_code in {200, 302, 404, 409, 422}
        assert len(sandbox.posts()) == before

    check()


def test_no_account_name_breaks_the_page(newcomer, browse, sandbox):
    client = browse(newcomer)

    @many
    @given(ANY)
    def check(account):
        assert client.post("/account/", {"account": account, "token": "ab" * 16}).status_code in {422, 504}

    check()
    assert not sandbox.posts()
