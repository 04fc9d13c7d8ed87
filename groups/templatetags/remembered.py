"""Parts of a page that are rendered once for equal values.

`{% remembered a b %}…{% endremembered %}` is a block; `{% remembered_for row in rows a b %}` to
`{% endremembered_for %}` is a loop over such blocks. The values, and the row, have to be all that the block
shows, apart from the language, and the CSRF token of its forms: that is put in each time.
"""

import secrets
from typing import Any

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.template.exceptions import TemplateSyntaxError
from django.template.loader_tags import BlockNode
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()
# So many looks of a block are remembered; of a loop's, which is short and stands in many rows, more.
MOST, MOST_ROWS = 500, 5000
_TOKEN = "csrf_token"
_STAND_IN = secrets.token_urlsafe()


class Remembered(template.Node):
    """A block, with what it looked like for the values of before."""

    # Nothing to be found by those who look for blocks to fill: they go through it for each page.
    child_nodelists = ()
    most = MOST

    def __init__(self, values: list[FilterExpression], block: NodeList) -> None:
        if block.get_nodes_by_type(BlockNode):
            raise TemplateSyntaxError("What a page fills in cannot be remembered for all pages.")
        self._values = values
        self._block = block
        self._known: dict[tuple[Any, ...], list[str]] = {}

    def render(self, context: Context) -> SafeString:
        return SafeString(self._once(self._key(context), context))

    def _key(self, context: Context) -> tuple[Any, ...]:
        return (get_language(), *(value.resolve(context) for value in self._values))

    def _once(self, key: tuple[Any, ...], context: Context, **names: Any) -> str:
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= self.most:
                self._known.clear()
            with context.push(**names, **{_TOKEN: _STAND_IN}):
                known = self._known[key] = self._block.render(context).split(_STAND_IN)
        return known[0] if len(known) == 1 else str(context[_TOKEN]).join(known)


class RememberedFor(Remembered):
    """A loop whose rows are remembered."""

    most = MOST_ROWS

    def __init__(
        self, name: str, rows: FilterExpression, values: list[FilterExpression], block: NodeList
    ) -> None:
        super().__init__(values, block)
        self._name = name
        self._rows = rows

    def render(self, context: Context) -> SafeString:
        shared, name = self._key(context), self._name
        rows = [self._once((row, shared), context, **{name: row}) for row in self._rows.resolve(context)]
        return SafeString("".join(rows))


@register.tag
def remembered(parser: Parser, token: Token) -> Remembered:
    """Remember a block by the values that are named."""
    values = [parser.compile_filter(word) for word in token.split_contents()[1:]]
    return Remembered(values, _block(parser, "endremembered"))


@register.tag
def remembered_for(parser: Parser, token: Token) -> RememberedFor:
    """Go through rows, each remembered by itself and by the values that are named."""
    _tag, name, _in, rows, *words = token.split_contents()
    values = [parser.compile_filter(word) for word in words]
    return RememberedFor(name, parser.compile_filter(rows), values, _block(parser, "endremembered_for"))


def _block(parser: Parser, end: str) -> NodeList:
    block = parser.parse((end,))
    parser.delete_first_token()
    return block
