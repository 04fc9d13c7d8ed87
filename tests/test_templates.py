"""Test rules that hold in all templates."""

import re

import pytest
from django.template import Context, Origin, Template, engines

from tests.support.environment import ROOT

FORM = re.compile(r"""(<form\b(?:"[^"]*"|[^">])*>)(.*?)</form>""", re.DOTALL)
LINK = re.compile(r"""<a\b(?:"[^"]*"|[^">])*>""")
INCLUDED = re.compile(r"""\{% include ["']([^"']+)["'][^%]*%\}""")
# Parts that a browser would judge: fields, questions of features in forms of others, rules of elements.
JUDGED = re.compile(
    r"""forms/field\.html|\{\{[ ]\w*field[ ]\}\}|\{%[ ]include[ ]question[ ]%\}
    |<(?:input|select|textarea)\b[^>]*\s(?:required|pattern=|min=|max=|step=|minlength=)
    |type="(?:email|url|number|date|time|datetime-local|month|week)\"""",
    re.VERBOSE,
)


def templates():
    """Return the text of each template of the product by its name."""
    features = ROOT / "groups/features"
    folders = [ROOT / "templates", *features.glob("*/templates"), *features.glob("*/jinja2")]
    files = [(folder, path) for folder in folders for path in folder.rglob("*.*")]
    return {str(path.relative_to(folder)): path.read_text() for folder, path in files}


def test_the_server_judges_every_form_in_the_language_of_the_page():
    """A browser would say in its own language what it does not accept, and keep the form from the server."""
    texts = templates()

    def whole(text):
        return INCLUDED.sub(lambda found: found[0] + whole(texts.get(found[1], "")), text)

    forms = [(name, *form) for name, text in texts.items() for form in FORM.findall(text)]
    judged = [(name, tag) for name, tag, inside in forms if JUDGED.search(whole(inside))]
    assert len(judged) > 30
    assert [name for name, tag in judged if not re.search(r"\snovalidate\b", tag)] == []


def test_no_link_saves_a_page_that_comes_instead_of_its_file():
    """`download` saves whatever comes: the sign-in, an error. A `data:` address has its file in itself."""
    links = [(name, tag) for name, text in templates().items() for tag in LINK.findall(text)]
    assert len(links) > 100
    assert [(name, tag) for name, tag in links if re.search(r"\sdownload\b(?!.*data:)", tag)] == []


def drawn(text, name):
    """Draw a text as if it were a template of this name."""
    return Template(text, Origin(str(name)), engine=engines["django"].engine).render(Context({"one": {}}))


@pytest.mark.parametrize(
    "text",
    [
        "{{ nobody }}",
        "{{ one.name }}",
        "{{ nobody|upper }}",
        "{% with name=nobody %}{% endwith %}",
        "{% load i18n %}{% blocktranslate %}{{ nobody }}{% endblocktranslate %}",
    ],
)
def test_a_variable_that_nobody_has_passed_fails_the_test(text):
    with pytest.raises(AssertionError, match="is undefined in"):
        drawn(text, ROOT / "templates/page.html")
    assert drawn(text, "admin/page.html") == ""


@pytest.mark.parametrize(
    "text",
    ["{% if nobody %}{{ nobody }}{% endif %}", "{% firstof nobody %}", '{{ one.name|default:"" }}'],
)
def test_a_variable_may_be_missing_where_the_template_asks_for_that(text):
    assert drawn(text, ROOT / "templates/page.html") == ""
