"""Read the documents and the Makefile of the project."""

import re

from tests.support.environment import ROOT


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def targets():
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))
