"""Check that templates are readable: short lines, and rows of the list as plain text."""

import re

import pytest

from tests.support.documents import templates
from tests.support.environment import ROOT

LONGEST_LINE = 160
# Repeated fifty times, these took most of a page's time: the presenter does them once per list.
DONE_BY_THE_PRESENTER = re.compile(r"{%\s*(?:include|with|set|call)\b|(?:\b_|\burl)\(|\|")


def texts():
    return {path.relative_to(ROOT): path.read_text("utf-8") for path in templates()}


def long_lines(text):
    """Return the numbers of the lines that are too long."""
    return [number for number, line in enumerate(text.splitlines(), 1) if len(line) > LONGEST_LINE]


def loops(text, over):
    """Return the content of the loops over a variable, up to the end of each."""
    found = []
    for start in re.finditer(rf"{{%\s*for\s+[\w\s,]+\s+in\s+{re.escape(over)}\s*%}}", text):
        depth = 1
        for tag in re.finditer(r"{%\s*(for|endfor)\b", text[start.end() :]):
            depth += 1 if tag[1] == "for" else -1
            if not depth:
                found.append(text[start.end() : start.end() + tag.start()])
                break
    return found


def test_no_line_is_too_long_to_be_read():
    assert {str(name): numbers for name, text in texts().items() if (numbers := long_lines(text))} == {}


def test_a_row_of_the_list_is_plain_text():
    rows = [row for text in texts().values() for row in loops(text, "listing.rows")]
    assert rows, "nothing draws listing.rows any more: name here what does"
    assert [DONE_BY_THE_PRESENTER.findall(row) for row in rows] == [[]] * len(rows)


@pytest.mark.parametrize(
    "part",
    ['{{ _("Edit") }}', "{{ url('groups:detail', row.id) }}", "{{ row.n|round }}", '{% include "x.jinja" %}'],
)
def test_work_in_a_row_would_be_seen(part):
    text = (
        "{% for row in listing.rows %}{% for cell in row.cells %}{{ cell }}{% endfor %}"
        + part
        + "{% endfor %}"
    )
    [row] = loops(text, "listing.rows")
    assert DONE_BY_THE_PRESENTER.search(row)


def test_a_long_line_would_be_seen():
    assert long_lines("a\n" + "б" * (LONGEST_LINE + 1) + "\n" + "б" * LONGEST_LINE) == [2]
