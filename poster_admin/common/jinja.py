"""Jinja2 as Django's second template engine: docs/adr/0012-jinja2-for-rows.md says why."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext
from jinja2 import Environment, StrictUndefined

from poster_admin.common.templatetags.icons import icon


def environment(**options: Any) -> Environment:
    """Return the environment of `*.jinja`, with `_("text")`, `url("name")`, `static("file")`, `icon("name")`.

    `makemessages` finds a text in `_("…")` alone; a plural or a context is written in the presenter.
    """
    options |= {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    jinja = Environment(**options)  # noqa: S701 - Django passes autoescape=True
    jinja.globals.update({"_": gettext, "icon": icon, "static": static, "url": reverse})
    return jinja
