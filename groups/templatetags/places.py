"""`{% place "group.cards" group %}`: draw the parts that features have for this place.

`{% settings_nav %}`: draw the pages of the settings next to one of them.
"""

from typing import Any

from django.template import Engine, Library
from django.template.context import Context
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from groups.presenters.places import Parts, parts_of
from groups.presenters.settings_pages import by_section, settings_pages, without_parts

register = Library()


@register.simple_tag(takes_context=True)
def place(context: Context, name: str, *things: Any) -> SafeString:
    return parts(context, parts_of(name, context["request"], *things))


@register.simple_tag(takes_context=True)
def parts(context: Context, found: Parts) -> SafeString:
    drawn = []
    for template_name, variables in found:
        template = Engine.get_default().get_template(template_name)
        with context.push(**variables):
            drawn.append((template.render(context),))
    return format_html_join("", "{}", drawn)


@register.inclusion_tag("components/frame/settings_nav.html", takes_context=True)
def settings_nav(context: Context) -> dict[str, Any]:
    request = context["request"]
    address, pages = request.get_full_path(), settings_pages(request.user)
    # An address belongs to the page with its longest beginning.
    beginnings = [page for page in pages if address.startswith(page.url)]
    here = max(beginnings, key=lambda page: len(page.url), default=None)
    whole = (here.part_of or here.url) if here else ""
    return {
        "sections": by_section(without_parts(pages)),
        "here": here,
        "whole": whole,
        "parts": [page for page in pages if whole and page.part_of == whole],
        "current": "page" if here and here.url in {request.path, address} else "true",
    }
