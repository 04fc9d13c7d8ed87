"""`{% remembered a b %}…{% endremembered %}`: a block that is rendered once for equal values.

The values have to be all that the block shows, apart from the language.
"""

from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()
MOST = 5000


class Remembered(template.Node):
    """A block, with what it looked like for the values of before."""

    def __init__(self, values: list[FilterExpression], block: NodeList) -> None:
        self._values = values
        self._block = block
        self._known: dict[tuple[Any, ...], SafeString] = {}

    def render(self, context: Context) -> SafeString:
        key = (get_language(), *(value.resolve(context) for value in self._values))
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MOST:
                self._known.clear()
            known = self._known[key] = self._block.render(context)
        return known


@register.tag
def remembered(parser: Parser, token: Token) -> Remembered:
    """Remember a block by the values that are named."""
    values = [parser.compile_filter(word) for word in token.split_contents()[1:]]
    block = parser.parse(("endremembered",))
    parser.delete_first_token()
    return Remembered(values, block)
