"""Check that the sprite holds exactly the icons that templates draw."""

import re

import pytest
from django.templatetags.static import static

from groups.presenters.lists import SORT_ICONS
from groups.presenters.settings_pages import settings_pages
from poster_admin.common.templatetags.drawing import icon
from tests.support.documents import templates
from tests.support.environment import ROOT


def drawn():
    """Return the icon names in all templates, those passed to an include as `mark`, and the logo."""
    texts = [path.read_text(encoding="utf-8") for path in templates()]
    found = {name for text in texts for name in re.findall(r'{% icon (?:mark\|default:)?"(\w+)"', text)}
    found |= {name for text in texts for name in re.findall(r'{{ icon\("(\w+)"\)', text)}
    found |= {*SORT_ICONS.values(), "calendar"}  # the mark of a planned change
    found |= {name for text in texts for name in re.findall(r"'icons\.svg'(?: %|\) })}#(\w+)", text)}
    return found | {name for text in texts for name in re.findall(r'mark="(\w+)"', text)}


def sprite():
    return set(re.findall(r'<symbol id="(\w+)"', (ROOT / "static" / "icons.svg").read_text(encoding="utf-8")))


@pytest.mark.django_db
def test_what_is_drawn_is_in_the_sprite_and_nothing_else(owner):
    assert drawn() | {page.icon for page in settings_pages(owner)} == sprite()


def test_an_icon_points_into_the_sprite_and_says_nothing():
    assert icon("plus") == (
        f'<svg class="icon" aria-hidden="true"><use href="{static("icons.svg")}#plus"/></svg>'
    )
