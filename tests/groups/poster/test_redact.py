"""Test redaction: no token remains in a text, and a text without one is unchanged."""

import hashlib
import html
import json
import re
import secrets
import uuid
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groups.poster.errors import MASK, TOKEN, redact

DIGITS = st.text("0123456789abcdef", min_size=32, max_size=32)
NUMBERS = st.integers(1, 10**12 - 1).map(str)
TOKENS = DIGITS | st.builds("{}:{}".format, NUMBERS, DIGITS)
# Next to a token these characters would make it part of something longer, or begin a token themselves.
WORDS = st.text(st.characters(exclude_characters="0123456789abcdefABCDEF=%\\", exclude_categories=["Cs"]))

FORMS = {
    "plain": "{}".format,
    "upper case": str.upper,
    "parameter": "token={}".format,
    "query": lambda token: urlencode({"format": "json", "token": token}),
    "quoted": lambda token: quote(token, safe=""),
    "quoted query in a query": lambda token: urlencode({"next": "/api/?" + urlencode({"token": token})}),
    "quoted JSON": lambda token: quote(json.dumps({"token": token})),
    "quoted space before": lambda token: quote(f" {token} "),
    "twice quoted": lambda token: quote(quote(f"={token}=", safe=""), safe=""),
    "JSON": lambda token: json.dumps({"token": token}),
    "JSON with everything escaped": lambda token: token.replace(":", "\\u003a"),
    "JSON in JSON": lambda token: json.dumps(json.dumps({"t": token})).replace('\\"', "\\u0022"),
    "repr of bytes": lambda token: repr(b"\x00" + token.encode() + b"\xd0"),
    "HTML": lambda token: f"<b>{html.escape(token)}</b>",
    "HTML with a hexadecimal colon": lambda token: token.replace(":", "&#x3a;"),
    "HTML with a decimal colon": lambda token: token.replace(":", "&#58;"),
    "path": "/{}/".format,
    "address": "https://demo.joinposter.com/api/clients.getGroups?format=json&token={}&group_id=1".format,
    "words": "Bad access token {}, sorry".format,
    "underscores": "_{}_".format,
    "Cyrillic": "жетон{}є".format,
}


def bare(token):
    return token.rpartition(":")[2]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(token=TOKENS)
def test_a_token_is_masked_in_each_form(form, token):
    text = redact(form(token))
    assert bare(token) not in text.lower()
    assert MASK in text


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_number_of_the_account_goes_with_the_token(form):
    text = form(f"687409:{secrets.token_hex(16)}")
    assert "687409" not in redact(text)


@given(token=TOKENS, before=WORDS, after=WORDS)
def test_a_token_is_masked_and_the_words_around_it_stay(token, before, after):
    assert redact(f"{before}{token}{after}") == f"{before}{MASK}{after}"


@given(text=st.text().filter(lambda text: "token=" not in text.lower()))
def test_a_text_without_a_token_stays_as_it_is(text):
    assert redact(text) == text


@given(text=st.text(st.sampled_from("0123456789abcdefABCDEF:%=&tokenx\\u "), max_size=200))
def test_what_is_masked_is_masked_for_good(text):
    once = redact(text)
    assert redact(once) == once
    # Digits left over from 32 in a row belong to a longer row.
    assert not re.search("(?<![0-9a-fA-F])[0-9a-fA-F]{32}(?![0-9a-fA-F])", once)


@pytest.mark.parametrize(
    "text",
    [
        str(uuid.UUID(int=2**127)),
        hashlib.sha256(b"1").hexdigest(),
        hashlib.sha1(b"1", usedforsecurity=False).hexdigest(),
        hashlib.sha256(b"2").hexdigest()[:31],
        "clients.updateGroup: refused: code 42: Wrong value 50.00",
        "12:30:45",
        "https://demo.joinposter.com/api/clients.getGroup?format=json&group_id=12",
        "кав&#39;ярні",
    ],
)
def test_what_only_looks_a_little_like_a_token_stays(text):
    assert redact(text) == text


@pytest.mark.parametrize("value", ["short", "with%20space", "687409", "зовсім-не-жетон"])
def test_what_is_called_a_token_is_masked_whatever_its_shape(value):
    assert redact(f"/api/x?token={value}&format=json") == f"/api/x?token={MASK}&format=json"
    assert redact(f'<a href="/?Token={value}">') == f'<a href="/?Token={MASK}">'


@given(TOKENS)
def test_both_forms_of_a_token_are_tokens(token):
    assert TOKEN.fullmatch(token)


NO_TOKENS = {
    "too short": lambda token: token[:-1],
    "too long": "{}0".format,
    "upper case": str.upper,
    "too long a number": "0123456789012:{}".format,
    "no number": ":{}".format,
    "a word for the number": "x:{}".format,
    "a line": "{}\n".format,
    "a space": " {}".format,
    "another letter": lambda token: "g" + token[1:],
    "a digit of another script": lambda token: "٣" + token[1:],
}


@pytest.mark.parametrize("change", NO_TOKENS.values(), ids=NO_TOKENS)
def test_nothing_else_is_a_token(change):
    assert not TOKEN.fullmatch(change(f"abcdef{secrets.token_hex(13)}"))
