"""Check that both catalogues are complete: every text, each plural form, each placeholder."""

import functools
import re
from gettext import c2py
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.template import engines
from django.utils.translation.template import templatize

from poster_admin.devtools.management.commands.makemessages import calls_of, translated
from poster_admin.users.models import ChosenLanguage
from tests.support.documents import templates
from tests.support.environment import LOCALE, ROOT

LANGUAGES = sorted(translated())
# Functions that `makemessages` looks for.
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
COUNTED = re.compile(
    r"%\(\w+\)[sd] (?:\w+ )?(?:clients|changes|days|groups|hours|keys|lines|mails|points|rows|secrets)\b"
)
# Bounds of this program, none of which is 1.
OF_BOUNDS = re.compile("at most|more than|the first", re.IGNORECASE)
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z]|\{\w*\}")


@functools.cache
def texts():
    """Return every text to be translated, as (context, msgid), with its plural and its files."""
    found = {}
    for path in [*sorted((ROOT / "groups").rglob("*.py")), *sorted((ROOT / "poster_admin").rglob("*.py"))]:
        collect(found, path, path.read_bytes())
    for path in templates():
        if path.suffix == ".jinja":
            collect(found, path, "\n".join(calls_of(path)).encode())
            continue
        # Django's own conversion of a template to pseudo-Python, whose indentation means nothing.
        source = templatize(path.read_text(encoding="utf-8"), origin=str(path))
        collect(found, path, "\n".join(line.strip() for line in source.splitlines()).encode())
    return found


def collect(found: dict, path: Path, source: bytes):
    for _, message, _, context in extract("python", BytesIO(source), keywords=KEYWORDS):
        msgid, plural = message if isinstance(message, tuple) else (message, None)
        found.setdefault((context, msgid), (plural, str(path.relative_to(ROOT))))


def test_plurals_and_contexts_are_found_in_jinja_and_drawn_from_the_catalogue(tmp_path):
    """As `make messages` finds them; the engine draws the same texts, with what surrounds them trimmed."""
    template = tmp_path / "counted.jinja"
    template.write_text(
        """{% trans count=number %}
             {{ count }} group of 100 %
           {% pluralize %}
             {{ count }} groups of 100 %
           {% endtrans %} {{ _("Groups") }} {% trans "verb" %}Move{% endtrans %}"""
    )
    assert list(calls_of(template)) == [
        'ngettext("%(count)s group of 100 %%", "%(count)s groups of 100 %%")',
        '_("Groups")',
        'pgettext("verb", "Move")',
    ]
    drawn = engines["jinja2"].from_string(template.read_text())
    assert drawn.render({"number": 2}).split() == ["2", "groups", "of", "100", "%", "Groups", "Move"]


def catalogue(language):
    with (LOCALE / language / "LC_MESSAGES" / "django.po").open("rb") as file:
        return read_po(file, locale=language)


def placeholders(text):
    return sorted(set(PLACEHOLDER.findall(text)))


@pytest.fixture(scope="module", params=LANGUAGES)
def po(request):
    return catalogue(request.param)


def test_ukrainian_has_one_apostrophe():
    assert [each.id for each in catalogue("uk") if each.id and re.search(r"\w'\w", str(each.string))] == []


def test_there_are_no_other_catalogues():
    assert sorted(path.parts[-3] for path in LOCALE.glob("*/*/*.po")) == LANGUAGES


def test_every_text_is_translated(po):
    missing = {}
    for (context, msgid), (plural, where) in texts().items():
        message = po.get(msgid, context)
        forms = (
            message.string if message and isinstance(message.string, tuple) else (message and message.string,)
        )
        expected = po.num_plurals if plural else 1
        if not message or message.fuzzy or len(forms) != expected or not all(forms):
            missing[msgid] = where
    assert not missing, "Run `make messages`, and translate what is new."


def test_a_noun_that_is_counted_has_a_plural():
    """A text with a context may say why it has none: a part of a point is always «2.5 points»."""
    once = [msgid for (context, msgid), (plural, _where) in texts().items() if not (plural or context)]
    assert [each for each in once if COUNTED.search(each) and not OF_BOUNDS.search(each)] == []


def test_nothing_is_left_of_texts_that_are_gone(po):
    known = texts()
    assert [m.id for m in po if m.id and (m.context, m.id[0] if m.pluralizable else m.id) not in known] == []
    assert not po.obsolete


def test_nothing_is_fuzzy(po):
    assert not po.fuzzy  # the header: a catalogue with a fuzzy header is not compiled at all
    assert [message.id for message in po if message.fuzzy and message.id] == []


def test_placeholders_are_those_of_the_text(po):
    wrong = []
    for message in po:
        if not message.id:
            continue
        ids, forms = (
            (message.id, message.string) if message.pluralizable else ([message.id], [message.string])
        )
        wrong += [form for form in forms if placeholders(form) != placeholders(ids[-1])]
    assert wrong == []


def test_plural_rules_are_those_of_the_language(po):
    rule = c2py(po.plural_expr)
    assert len({rule(number) for number in (1, 2, 5)}) == 3
    assert all(rule(number) < po.num_plurals for number in range(200))


# "зробив(-ла)", "сделал(а)".
TWO_GENDERS = re.compile(r"\w\(-?[а-яёії]{1,3}\)")
TORN_PERCENT = re.compile(r"[\ds] %(?![(a-z])")


def test_no_text_asks_for_a_gender_or_lets_a_percent_sign_begin_a_line(po):
    texts = [
        form for message in po for form in (message.string if message.pluralizable else [message.string])
    ]
    assert [text for text in texts if TWO_GENDERS.search(text) or TORN_PERCENT.search(text)] == []


def test_a_language_is_one_line_of_the_settings_and_a_catalogue(settings, client, db):
    settings.LANGUAGES = [*settings.LANGUAGES, ("pl", "Polski")]
    assert translated() == [*LANGUAGES[::-1], "pl"]
    assert 'value="pl" lang="pl" aria-label="Polski"' in client.get("/accounts/login/").content.decode()
    assert ChosenLanguage._meta.get_field("language").choices is None
    assert "--locale" not in (ROOT / "Makefile").read_text()
