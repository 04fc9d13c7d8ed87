"""The commands of docs/operations.md: its blocks of shell, each under the title in its first line."""

import re

from tests.support.environment import ROOT

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ALL = re.findall(r"^```sh\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
BLOCKS = {each.partition("\n")[0].removeprefix("# "): each for each in ALL}


def commands(title, **words):
    """Return the commands under a title; each of `words` is replaced by its value."""
    found = BLOCKS[title]
    for word, value in words.items():
        if word not in found:
            raise LookupError(f"{word} is not in “{title}”")
        found = re.sub(rf"\b{word}\b", lambda _, value=value: value, found)
    return found
