"""`{% history_tabs %}`, `{% settings_nav %}`: draw what pages of one kind have in common.

`{% place "group.cards" group %}`: draw the parts that features have for this place.
"""

from typing import Any

from django.template import Engine, Library
from django.template.context import Context
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from groups.presenters.places import Parts, parts_of
from groups.presenters.places import history_tabs as tabs_of
from groups.presenters.settings_pages import by_section, page_of, settings_pages, without_parts

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


@register.inclusion_tag("components/frame/history_tabs.html", takes_context=True)
def history_tabs(context: Context) -> dict[str, Any]:
    request = context["request"]
    return {"tabs": tabs_of(request), "path": request.path_info}


@register.inclusion_tag("components/frame/settings_nav.html", takes_context=True)
def settings_nav(context: Context) -> dict[str, Any]:
    """Draw the pages of the settings, beside each of them."""
    request, pages = context["request"], settings_pages(context["request"].user)
    here = page_of(request.get_full_path(), pages)
    whole = (here.part_of or here.url) if here else ""
    return {
        "sections": by_section(without_parts(pages)),
        "here": here,
        "whole": whole,
        "parts": [page for page in pages if whole and page.part_of == whole],
        "current": "page" if here and here.url in {request.path, request.get_full_path()} else "true",
    }
