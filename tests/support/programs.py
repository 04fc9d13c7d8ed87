"""Find the programs and servers that some tests need, and say which tests were not run without them."""

import functools
import os
import shutil
import subprocess

import pytest

from tests.support import databases
from tests.tools import chromium


@functools.cache
def missing(*programs):
    """Return a text that names what this machine lacks of these, or None."""
    if "chromium" in programs:
        return None if chromium.find() else "there is no Chromium"
    if "postgresql" in programs:
        return databases.needed_but_away()
    for program in programs:
        if not shutil.which(program):
            return f"there is no {program}"
    if "php" in programs:
        command = ["php", "-r", 'exit(extension_loaded("curl") ? 0 : 1);']
        if subprocess.run(command, check=False).returncode:
            return "PHP is here without its curl"
    return None


NOT_RUN = "NOT RUN"
CI = os.environ.get("CI", "").lower() in {"1", "true"}


def not_run(missing):
    """End a test that cannot be run here because something is missing."""
    if CI:
        pytest.fail(f"{missing}, and CI=true needs it", pytrace=False)
    pytest.skip(f"{NOT_RUN}: {missing}")
