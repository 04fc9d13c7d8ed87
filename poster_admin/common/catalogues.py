"""Compile the translations without gettext, which most machines that run the dashboard do not have."""

import os
from pathlib import Path


def compile_catalogues(root: Path) -> None:
    """Compile each catalogue that has changed. Leave fuzzy translations out, as gettext does."""
    for source in sorted(root.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        from babel.messages.mofile import write_mo  # noqa: PLC0415 - most starts compile nothing
        from babel.messages.pofile import read_po  # noqa: PLC0415

        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3])
        # Write under another name and rename: a process that reads meanwhile gets a whole file, old or new.
        unfinished = target.with_suffix(f".{os.getpid()}")
        with unfinished.open("wb") as file:
            write_mo(file, catalogue)
        unfinished.replace(target)
