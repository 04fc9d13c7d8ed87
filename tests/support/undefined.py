"""Let a variable that a template was not given fail the test, where Django draws nothing.

What may be missing stands in `{% if %}`, `{% for %}` or `{% firstof %}`, or has a `|default`.
"""

import inspect

from django.template.defaultfilters import default

from tests.support.environment import ROOT

OURS = tuple(str(ROOT / folder) for folder in ("groups", "poster_admin", "templates"))


class Undefined(str):
    """A `string_if_invalid` that is empty, and raises where a template of the project draws it."""

    __slots__ = ()

    def __bool__(self) -> bool:
        # An expression asks this before it goes on to its filters with an empty text.
        self._check()
        return False

    def __contains__(self, part: str) -> bool:  # type: ignore[override]
        # A `{% blocktranslate %}` asks for "%s" in it.
        self._check()
        return False

    def _check(self) -> None:
        """Raise unless the caller, a function that knows the context, may draw what is not there."""
        frame = inspect.currentframe()
        while frame and "context" not in frame.f_locals:
            frame = frame.f_back
        assert frame is not None
        expression = frame.f_locals.get("self")
        name = frame.f_locals["context"].render_context.template.origin.name
        may_be_missing = any(each is default for each, _arguments in getattr(expression, "filters", ()))
        # Templates of Django, as of its admin, may draw what is not there.
        if name.startswith(OURS) and not may_be_missing:
            raise AssertionError(f"{expression or frame.f_locals.get('key')} is undefined in {name}.")
