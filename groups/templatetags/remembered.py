"""Parts of a page that are rendered once for equal values.

`{% remembered a b %}…{% endremembered %}` is a block; `{% remembered_for row in rows a b %}` to
`{% endremembered_for %}` is a loop over such blocks. The values, and the row, have to be all that the block
shows, apart from the language, and from what is put in each time: the CSRF token of its forms, and all that
stands between `{% anew %}` and `{% endanew %}`, which sees the variables that there are around the block.
"""

import re
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
MOST, MOST_ROWS = 500, 2000
_TOKEN = "csrf_token"
_EMPTY_LINES = re.compile(r"\n[ \t\n]+")


class Anew(template.Node):
    """A part of a remembered block that is rendered each time; the block has a stand-in for it."""

    child_nodelists = ()

    def __init__(self, inside: NodeList) -> None:
        self.inside = inside
        self.stand_in = secrets.token_urlsafe()

    def render(self, context: Context) -> SafeString:
        return SafeString(self.stand_in)

    def text(self, context: Context) -> str:
        return self.inside.render(context)


class _Token(Anew):
    def text(self, context: Context) -> str:
        return str(context[_TOKEN])


_token = _Token(NodeList())


class Remembered(template.Node):
    """A block, with what it looked like for the values of before."""

    # Where the blocks of a page are looked for: one that was remembered would be the same on every page.
    child_nodelists = ("anew",)
    most = MOST

    def __init__(self, values: list[FilterExpression], block: NodeList) -> None:
        if block.get_nodes_by_type(BlockNode) or block.get_nodes_by_type(Remembered):
            raise TemplateSyntaxError("What a page fills in, or what is remembered by itself, is made anew.")
        parts = [part for part in block.get_nodes_by_type(Anew) if isinstance(part, Anew)]
        self.anew = NodeList(node for part in parts for node in part.inside)
        self._values = values
        self._block = block
        self._parts = {part.stand_in: part for part in (_token, *parts)}
        self._cut = re.compile(f"({'|'.join(map(re.escape, self._parts))})")
        self._known: dict[tuple[Any, ...], list[str]] = {}

    def render(self, context: Context) -> SafeString:
        key = self._key(context)
        return self._filled(self._known.get(key) or self._made(key, context), context)

    def _key(self, context: Context) -> tuple[Any, ...]:
        return (get_language(), *(value.resolve(context) for value in self._values))

    def _made(self, key: tuple[Any, ...], context: Context, **names: Any) -> list[str]:
        """Render the block, without the empty lines that tags leave, and cut it at its stand-ins."""
        if len(self._known) >= self.most:
            self._known.clear()
        with context.push(**names, **{_TOKEN: _token.stand_in}):
            text = _EMPTY_LINES.sub("\n", self._block.render(context))
            made = self._known[key] = self._cut.split(text)
        return made

    def _filled(self, made: list[str], context: Context) -> SafeString:
        if len(made) == 1:
            return SafeString(made[0])
        filled = made.copy()
        filled[1::2] = [self._parts[stand_in].text(context) for stand_in in made[1::2]]
        return SafeString("".join(filled))


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
        shared, known, texts = self._key(context), self._known, []
        for row in self._rows.resolve(context):
            key = row, shared
            made = known.get(key) or self._made(key, context, **{self._name: row})
            texts.append(made[0] if len(made) == 1 else self._filled(made, context))
        return SafeString("".join(texts))


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


@register.tag
def anew(parser: Parser, _token: Token) -> Anew:
    """Render a part of a remembered block each time."""
    if not any(command.startswith("remembered") for command, _ in parser.command_stack):
        raise TemplateSyntaxError("Only what is remembered has parts that are made anew.")
    return Anew(_block(parser, "endanew"))


def _block(parser: Parser, end: str) -> NodeList:
    block = parser.parse((end,))
    parser.delete_first_token()
    return block
