"""Jinja2 as Django's second template engine: docs/adr/0012-jinja2-for-rows.md says why."""

import re
from functools import cache
from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext
from jinja2 import Environment, StrictUndefined
from jinja2.ext import Extension

from poster_admin.common.templatetags.icons import icon


class Unindented(Extension):
    """Take the indentation out of a template as it is read: a browser does not need it."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"^[ \t]+", "", source, flags=re.MULTILINE)


def environment(**options: Any) -> Environment:
    """Return the environment of `*.jinja`, with `_("text")`, `url("name")`, `static("file")`, `icon("name")`.

    `makemessages` finds a text in `_("…")` alone; a plural or a context is written in the presenter.
    """
    options |= {"undefined": StrictUndefined, "trim_blocks": True, "extensions": [Unindented]}
    jinja = Environment(**options)  # noqa: S701 - Django passes autoescape=True
    # An address without a number in it is the same in each page.
    jinja.globals.update({"_": gettext, "icon": icon, "static": static, "url": cache(reverse)})
    return jinja
