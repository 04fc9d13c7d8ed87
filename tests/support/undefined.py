"""Let a variable that a template was not given fail the test, where Django draws nothing.

What may be missing stands in `{% if %}`, `{% for %}` or `{% firstof %}`, or has a `|default`.
"""

import inspect
from typing import Any

from django.template.defaultfilters import default

from tests.support.environment import ROOT

OURS = tuple(str(ROOT / folder) for folder in ("groups", "poster_admin", "templates"))


class Undefined(str):
    """A `string_if_invalid` that raises where a template of the project draws it."""

    __slots__ = ()

    def __mod__(self, variable: Any) -> str:
        # Django formats it in a function that knows the context, and mostly the expression, as `self`.
        frame = inspect.currentframe()
        assert frame is not None
        assert frame.f_back is not None
        caller = frame.f_back.f_locals
        filters = getattr(caller.get("self"), "filters", ())
        name = caller["context"].render_context.template.origin.name
        # Those of Django, as of its admin, may draw what is not there.
        if name.startswith(OURS) and not any(each is default for each, _arguments in filters):
            raise AssertionError(f"{variable} is undefined in {name}.")
        return ""
