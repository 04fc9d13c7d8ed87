"""`{% place "group.cards" group %}`: draw the parts that features have for this place."""

from typing import Any

from django.template import Engine, Library
from django.template.context import Context
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from groups.presenters.places import Parts, parts_of

register = Library()


@register.simple_tag(takes_context=True)
def place(context: Context, name: str, *things: Any) -> SafeString:
    """Draw the parts of a place with the variables of the page and their own."""
    return parts(context, parts_of(name, context["request"], *things))


@register.simple_tag(takes_context=True)
def parts(context: Context, found: Parts) -> SafeString:
    """Draw parts that a view has found."""
    drawn = []
    for template_name, variables in found:
        template = Engine.get_default().get_template(template_name)
        with context.push(**variables):
            drawn.append((template.render(context),))
    return format_html_join("", "{}", drawn)
