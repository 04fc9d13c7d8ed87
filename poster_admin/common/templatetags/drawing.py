"""Draw icons, and the parts of a page that Jinja2 draws."""

from functools import cache
from typing import Any, cast

from django.template import Library
from django.template.context import Context
from django.template.loader import get_template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = Library()


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """`{% icon "plus" %}`: draw one of `static/icons.svg`, in the text's colour, for no screen reader."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name
    )


@register.simple_tag(takes_context=True)
def jinja(context: Context, template_name: str) -> SafeString:
    """`{% jinja "list.jinja" %}`: draw a template of Jinja2, which escapes, with the page's variables."""
    template = get_template(template_name, using="jinja2")
    variables = cast("dict[str, Any]", context.flatten())
    return SafeString(template.render(variables, context.get("request")))
