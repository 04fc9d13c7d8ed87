"""A part of a page that is remembered: rendered once for equal values, without anybody's token."""

from pathlib import Path

import pytest
from django.template import Context, Engine, TemplateSyntaxError
from django.template.loader import get_template
from django.utils import translation

engine = Engine(
    libraries={"remembered": "groups.templatetags.remembered"}, builtins=["django.templatetags.i18n"]
)


def template(text):
    return engine.from_string("{% load remembered %}" + text)


def render(made, **values):
    return made.render(Context(values))


def test_it_is_rendered_once_for_equal_values():
    block = template("{% remembered a %}{{ a }}{{ other }}{% endremembered %}")
    assert render(block, a=1, other="x") == "1x"
    assert render(block, a=1, other="y") == "1x"
    assert render(block, a=2, other="y") == "2y"


def test_each_row_of_a_loop_is_remembered_by_itself():
    loop = template(
        "{% remembered_for row in rows a %}{{ row }}{{ a }}{{ other }},{% endremembered_for %}{{ row }}"
    )
    assert render(loop, rows=[1, 2], a="a", other="x") == "1ax,2ax,"
    assert render(loop, rows=[2, 3], a="a", other="y") == "2ax,3ay,"
    assert render(loop, rows=[2], a="b", other="y") == "2by,"


def test_each_language_is_remembered_by_itself():
    block = template("{% remembered %}{% get_current_language as code %}{{ code }}{% endremembered %}")
    for code in ("uk", "ru", "uk"):
        with translation.override(code):
            assert render(block) == code


@pytest.mark.parametrize(
    "text",
    [
        "{% remembered %}{form}{% endremembered %}",
        "{% remembered_for row in '12' %}{form}{% endremembered_for %}",
    ],
)
def test_a_form_has_the_token_of_who_asks(text):
    block = template(text.replace("{form}", "<form>{% csrf_token %}</form>"))
    for token in ("one", "another"):
        page = render(block, csrf_token=token)
        assert page.count(f'value="{token}"') == page.count("<form>") > 0


def test_what_is_shown_is_escaped_once():
    block = template("{% remembered a %}{{ a }}{% endremembered %}")
    assert render(block, a="<&") == render(block, a="<&") == "&lt;&amp;"


def test_only_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr("groups.templatetags.remembered.Remembered.most", 3)
    block = template("{% remembered a %}{{ a }}{% endremembered %}")
    assert [render(block, a=number) for number in range(10)] == [str(number) for number in range(10)]


def test_a_part_of_it_is_made_anew_each_time():
    block = template(
        "{% remembered a %}{{ a }}{% anew %}[{{ other }}]{% endanew %}-{% anew %}{{ a }}{% endanew %}"
        "{% endremembered %}"
    )
    assert render(block, a="<", other="x") == "&lt;[x]-&lt;"
    assert render(block, a="<", other="&") == "&lt;[&amp;]-&lt;"


def test_a_part_of_a_row_is_made_anew_too():
    loop = template(
        "{% remembered_for row in rows %}{{ other }}{% anew %}{{ other }}{% endanew %},"
        "{% endremembered_for %}"
    )
    assert render(loop, rows=[1, 2], other="x") == "xx,xx,"
    assert render(loop, rows=[2, 3], other="y") == "xy,yy,"


def test_what_is_made_anew_may_be_remembered_by_itself():
    block = template(
        "{% remembered %}{{ a }}{% anew %}{% remembered a %}{{ a }}{{ other }}{% endremembered %}"
        "{% endanew %}{% endremembered %}"
    )
    assert render(block, a=1, other="x") == "11x"
    assert render(block, a=2, other="y") == "12y"
    assert render(block, a=2, other="z") == "12y"


def test_a_page_fills_in_what_its_base_makes_anew():
    base = template(
        "{% remembered %}{{ a }}{% anew %}{% block head %}{% endblock %}{% endanew %}{% endremembered %}"
    )
    pages = [
        engine.from_string("{% extends base %}{% block head %}" + text + "{{ a }}{% endblock %}")
        for text in ("one", "two")
    ]
    assert [render(page, base=base, a=number) for number, page in enumerate(pages)] == ["0one0", "0two1"]


@pytest.mark.parametrize(
    "text",
    [
        "{% remembered %}{% block head %}{% endblock %}{% endremembered %}",
        "{% remembered %}{% if a %}{% remembered b %}{% endremembered %}{% endif %}{% endremembered %}",
        "{% anew %}{% endanew %}",
    ],
)
def test_what_cannot_be_told_apart_is_refused(text):
    with pytest.raises(TemplateSyntaxError):
        template(text)


def test_a_template_keeps_its_lines_and_loses_its_indentation():
    template = get_template("base.html").template
    lines = template.source.splitlines()
    assert not any(line.startswith(" ") for line in lines)
    written = Path(template.origin.name).read_text(encoding="utf-8")
    assert [line.strip() for line in written.splitlines()] == [line.strip() for line in lines]
