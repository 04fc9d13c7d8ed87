"""`{% history_tabs %}`, `{% settings_nav %}`: draw what pages of one kind have in common."""

from typing import Any

from django.template import Library
from django.template.context import Context

from groups.presenters.history_tabs import history_tabs as tabs_of
from groups.presenters.settings_pages import by_section, page_of, settings_pages

register = Library()


@register.inclusion_tag("components/frame/history_tabs.html", takes_context=True)
def history_tabs(context: Context) -> dict[str, Any]:
    """Draw the tabs of the history."""
    request = context["request"]
    return {"tabs": tabs_of(request), "path": request.path_info}


@register.inclusion_tag("components/frame/settings_nav.html", takes_context=True)
def settings_nav(context: Context) -> dict[str, Any]:
    """Draw the pages of the settings, beside each of them."""
    request = context["request"]
    pages = settings_pages(request.user)
    return {
        "sections": by_section(pages),
        "here": page_of(request.path_info, pages),
        "path": request.path_info,
    }
