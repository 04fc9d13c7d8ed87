"""`{% jinja "groups/list/list_table.jinja" %}`: draw a part of the page by Jinja2."""

from typing import Any, cast

from django.template import Library
from django.template.context import Context
from django.template.loader import get_template
from django.utils.safestring import SafeString

register = Library()


@register.simple_tag(takes_context=True)
def jinja(context: Context, template_name: str) -> SafeString:
    """Draw a `.jinja` template with the variables of the page; Jinja2 escapes them."""
    template = get_template(template_name, using="jinja2")
    variables = cast("dict[str, Any]", context.flatten())
    return SafeString(template.render(variables, context.get("request")))
