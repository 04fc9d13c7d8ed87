"""Read the documents and the Makefile of the project."""

import re

from tests.support.environment import ROOT


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def targets():
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))


def templates():
    """Return the templates of the site, of the core and of its features."""
    of_features = [path for kind in ("*.html", "*.jinja") for path in (ROOT / "groups").rglob(kind)]
    return [*sorted((ROOT / "templates").rglob("*.*")), *sorted(of_features)]
