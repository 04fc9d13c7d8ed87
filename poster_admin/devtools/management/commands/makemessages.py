"""Let `makemessages` find the texts of `*.jinja` too: `_("…")`, and `{% trans %}` with plural and context."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands import makemessages
from jinja2.ext import babel_extract

KEYWORDS = ("_", "gettext", "ngettext", "pgettext", "npgettext")


def translated() -> list[str]:
    """Return the languages that have a catalogue: all but that of the texts themselves."""
    return [code for code, _name in settings.LANGUAGES if code != "en"]


def calls_of(template: Path) -> Iterator[str]:
    """Yield the calls of gettext in a template of Jinja2, as lines of Python, which xgettext reads."""
    with template.open("rb") as file:
        found = babel_extract(file, KEYWORDS, (), {"trimmed": "true", "silent": "false"})
        for _line, function, message, _comments in found:
            texts = (message,) if isinstance(message, str) else message or ()
            arguments = (json.dumps(text, ensure_ascii=False) for text in texts if text is not None)
            yield f"{function}({', '.join(arguments)})"


class BuildFile(makemessages.BuildFile):
    def preprocess(self) -> None:
        if not self.path.endswith(".jinja"):
            return super().preprocess()
        Path(self.work_path).write_text("\n".join(calls_of(Path(self.path))), encoding="utf-8")
        return None


class Command(makemessages.Command):
    build_file_class = BuildFile

    def handle(self, *args: Any, **options: Any) -> None:
        options["locale"] = options["locale"] or translated()
        super().handle(*args, **options)
